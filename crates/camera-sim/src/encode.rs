//! Encoding with libx264 and libx265 as cameras do: constant quality, one keyframe a second,
//! parameter sets before each of them, BT.709 limited range.

use std::sync::Once;

use bytes::Bytes;
use ffmpeg_next::codec::{self, threading};
use ffmpeg_next::encoder::video::Encoder;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::util::error::EAGAIN;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, color, frame, log};

use crate::SimError;
use crate::clip::RawUnit;
use crate::nal::{Codec, split_annex_b};
use crate::timeline::FrameRate;

/// How pictures are encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// Codec.
    pub codec: Codec,
    /// Consecutive B frames between others; 0 for decode order = display order.
    pub b_frames: u8,
    /// Keyframes that pictures shown before them may refer across; in H.265 these are CRA pictures.
    pub open_gop: bool,
    /// Constant rate factor, 0 (lossless) to 51 (worst).
    pub crf: u8,
}

impl Default for Encoding {
    fn default() -> Self {
        Self {
            codec: Codec::H264,
            b_frames: 0,
            open_gop: false,
            crf: 23,
        }
    }
}

/// Starts FFmpeg once per process and silences its chatter below errors.
pub fn prepare_ffmpeg() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Only old FFmpeg versions have something to initialise, and that cannot fail.
        let _ = ffmpeg_next::init();
        log::set_level(log::Level::Fatal);
    });
}

/// One encoder, single-threaded: several clips are encoded side by side instead.
pub struct VideoEncoder {
    encoder: Encoder,
    name: &'static str,
}

impl VideoEncoder {
    /// An encoder for pictures of an even size.
    pub fn new(
        width: u32,
        height: u32,
        rate: FrameRate,
        encoding: &Encoding,
    ) -> Result<Self, SimError> {
        let usable = |side: u32| (16..=8192).contains(&side) && side.is_multiple_of(2);
        if !usable(width) || !usable(height) {
            return Err(SimError::BadSize { width, height });
        }
        prepare_ffmpeg();
        let name = match encoding.codec {
            Codec::H264 => "libx264",
            Codec::H265 => "libx265",
        };
        let failed = |action| {
            move |source| SimError::Encode {
                encoder: name,
                action,
                source,
            }
        };
        let found = ffmpeg_next::encoder::find_by_name(name).ok_or(SimError::NoEncoder { name })?;
        let mut video = codec::Context::new_with_codec(found)
            .encoder()
            .video()
            .map_err(failed("not a video encoder"))?;
        let keyframe_interval = rate.frames_in(1.0).max(1) as u32;
        let (numerator, denominator) = rate.fraction();
        let frame_duration = Rational::new(denominator as i32, numerator as i32).reduce();
        video.set_width(width);
        video.set_height(height);
        video.set_format(Pixel::YUV420P);
        video.set_time_base(frame_duration);
        video.set_frame_rate(Some(frame_duration.invert()));
        video.set_gop(keyframe_interval);
        video.set_max_b_frames(usize::from(encoding.b_frames));
        video.set_colorspace(color::Space::BT709);
        video.set_color_primaries(color::Primaries::BT709);
        video.set_color_transfer_characteristic(color::TransferCharacteristic::BT709);
        video.set_color_range(color::Range::MPEG);
        video.set_threading(threading::Config::count(1));
        let encoder = video
            .open_as_with(found, options(encoding, keyframe_interval))
            .map_err(failed("open"))?;
        Ok(Self { encoder, name })
    }

    /// Encodes one planar 4:2:0 picture; `index` is its place in display order.
    pub fn encode(
        &mut self,
        mut picture: frame::Video,
        index: i64,
        out: &mut Vec<RawUnit>,
    ) -> Result<(), SimError> {
        picture.set_pts(Some(index));
        self.encoder
            .send_frame(&picture)
            .map_err(self.failed("encode a frame"))?;
        self.drain(out)
    }

    /// Takes out what the encoder still holds.
    pub fn finish(mut self, out: &mut Vec<RawUnit>) -> Result<(), SimError> {
        self.encoder.send_eof().map_err(self.failed("finish"))?;
        self.drain(out)
    }

    fn drain(&mut self, out: &mut Vec<RawUnit>) -> Result<(), SimError> {
        let mut packet = Packet::empty();
        loop {
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => out.push(RawUnit {
                    nals: split_annex_b(&Bytes::copy_from_slice(packet.data().unwrap_or_default())),
                    keyframe: packet.is_key(),
                    pts: packet.pts().unwrap_or(0),
                }),
                Err(Error::Eof | Error::Other { errno: EAGAIN }) => return Ok(()),
                Err(source) => return Err(self.failed("take a packet")(source)),
            }
        }
    }

    fn failed(&self, action: &'static str) -> impl Fn(Error) -> SimError + use<> {
        let encoder = self.name;
        move |source| SimError::Encode {
            encoder,
            action,
            source,
        }
    }
}

fn options(encoding: &Encoding, keyframe_interval: u32) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    options.set("preset", "veryfast");
    options.set("crf", &encoding.crf.to_string());
    let open_gop = u8::from(encoding.open_gop);
    let common = format!(
        "keyint={keyframe_interval}:min-keyint={keyframe_interval}:scenecut=0:open-gop={open_gop}:bframes={}",
        encoding.b_frames
    );
    match encoding.codec {
        Codec::H264 => options.set("x264-params", &format!("{common}:sliced-threads=0")),
        Codec::H265 => {
            let single = "pools=none:frame-threads=1:repeat-headers=1:log-level=none";
            options.set("x265-params", &format!("{common}:{single}"));
        }
    }
    options
}
