//! libavcodec's parsers: which pictures are presented before which.
#![expect(unsafe_code, reason = "ffmpeg-next has no parsers")]

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use camweave_message::Codec;
use ffmpeg_next::ffi::{self, AVCodecID, AVCodecParserContext};
use ffmpeg_next::{Packet, codec};

/// What a parser found in one access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// H.264 and H.265: the picture order count, which rises in presentation order.
    pub order_count: i32,
    /// MPEG-4: a picture that depends on one that is presented later.
    pub is_bidirectional: bool,
}

/// A parser of whole access units.
pub(crate) struct Parser {
    parser: NonNull<AVCodecParserContext>,
    context: codec::Context,
}

// SAFETY: a parser belongs to no thread; it is used through `&mut` only.
unsafe impl Send for Parser {}

impl Parser {
    /// A parser for a codec whose pictures may be presented in another order than they are coded.
    pub fn new(codec: Codec) -> Option<Self> {
        let id = match codec {
            Codec::H264 => AVCodecID::AV_CODEC_ID_H264,
            Codec::H265 => AVCodecID::AV_CODEC_ID_HEVC,
            Codec::Mpeg4 => AVCodecID::AV_CODEC_ID_MPEG4,
            Codec::Vp9 | Codec::Av1 | Codec::Mjpeg => return None,
        };
        let mut context = codec::Context::new();
        // SAFETY: only asks for the pointer, which is valid for as long as `context` lives.
        let raw = unsafe { context.as_mut_ptr() };
        // SAFETY: as above; ours alone.
        unsafe { (*raw).codec_id = id };
        // SAFETY: looks the codec up in a table; null where this FFmpeg has no such parser.
        let parser = NonNull::new(unsafe { ffi::av_parser_init(id as c_int) })?;
        // SAFETY: just made, and ours alone.
        unsafe { (*parser.as_ptr()).flags |= ffi::PARSER_FLAG_COMPLETE_FRAMES };
        Some(Self { parser, context })
    }

    /// Looks at the next access unit in decoding order.
    pub fn look(&mut self, data: &[u8]) -> Parsed {
        // Parsers read some bytes beyond the end, which packets have.
        let packet = Packet::copy(data);
        let bytes = packet.data().unwrap_or_default();
        let (mut out, mut out_bytes) = (ptr::null_mut(), 0);
        // SAFETY: only asks for the pointer, which is valid for as long as `self.context` lives.
        let context = unsafe { self.context.as_mut_ptr() };
        // SAFETY: parser and context are valid and ours; `bytes` is followed by the padding that
        // FFmpeg asks for, and outlives the call, after which the output is not looked at.
        unsafe {
            ffi::av_parser_parse2(
                self.parser.as_ptr(),
                context,
                &raw mut out,
                &raw mut out_bytes,
                bytes.as_ptr(),
                c_int::try_from(bytes.len()).unwrap_or(0),
                ffi::AV_NOPTS_VALUE,
                ffi::AV_NOPTS_VALUE,
                0,
            );
        }
        // SAFETY: as above; nobody writes to it now.
        let parser = unsafe { self.parser.as_ref() };
        Parsed {
            order_count: parser.output_picture_number,
            is_bidirectional: parser.pict_type == ffi::AVPictureType::AV_PICTURE_TYPE_B as c_int,
        }
    }
}

impl Drop for Parser {
    fn drop(&mut self) {
        // SAFETY: made by `av_parser_init`, and not used after this.
        unsafe { ffi::av_parser_close(self.parser.as_ptr()) };
    }
}
