//! Single frames, decoded by libavcodec.

use camweave_image::Image;
use camweave_message::Codec;
use ffmpeg_next::codec::{self, Id};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling;
use ffmpeg_next::{Packet, decoder, frame};
use thiserror::Error;

/// The widest and highest frame that is shown.
const MOST_PIXELS: u32 = 8192;

/// Why there is no image.
#[derive(Debug, Error)]
pub enum ImageError {
    /// No keyframe came, so that a decoder could begin.
    #[error("no keyframe came that a decoder could begin with")]
    NoKeyframe,
    /// This machine has no such decoder.
    #[error("the libavcodec of this machine has no decoder for {}", .0.as_str())]
    NoDecoder(Codec),
    /// The decoder gave no frame.
    #[error("the decoder gave no frame")]
    Undecodable,
    /// The frame is larger than any that is shown.
    #[error("a frame of {0}x{1} pixels, expected at most {MOST_PIXELS} each way")]
    TooLarge(u32, u32),
    /// Something failed in FFmpeg.
    #[error("cannot decode a frame: {0}")]
    Ffmpeg(#[from] ffmpeg_next::Error),
}

/// Decodes a stream's access units, for single frames of it.
pub struct FrameDecoder {
    opened: decoder::Video,
    frame: frame::Video,
}

impl FrameDecoder {
    /// Opens a decoder. Its first access unit must be a keyframe.
    ///
    /// # Errors
    /// This machine has none for the codec, or it cannot be opened.
    pub fn open(codec: Codec) -> Result<Self, ImageError> {
        ffmpeg_next::init()?;
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
        let id = match codec {
            Codec::H264 => Id::H264,
            Codec::H265 => Id::HEVC,
            Codec::Vp9 => Id::VP9,
            Codec::Av1 => Id::AV1,
            Codec::Mjpeg => Id::MJPEG,
            Codec::Mpeg4 => Id::MPEG4,
        };
        let found = decoder::find(id).ok_or(ImageError::NoDecoder(codec))?;
        let mut context = codec::Context::new_with_codec(found);
        // Crops to the very pixel, as the pipeline's decoder does: boxes are in its frames.
        context.set_flags(codec::Flags::UNALIGNED);
        let opened = context.decoder().open_as(found);
        Ok(Self {
            opened: opened.and_then(decoder::Opened::video)?,
            frame: frame::Video::empty(),
        })
    }

    /// Decodes an access unit, which has this number. Then [`FrameDecoder::receive`] until it gives none.
    ///
    /// # Errors
    /// It cannot be decoded; the next one may be.
    pub fn send(&mut self, unit: &[u8], number: i64) -> Result<(), ImageError> {
        let mut packet = Packet::copy(unit);
        packet.set_pts(Some(number));
        Ok(self.opened.send_packet(&packet)?)
    }

    /// Ends the stream: what was held back to be reordered is received next.
    ///
    /// # Errors
    /// The decoder refuses.
    pub fn finish(&mut self) -> Result<(), ImageError> {
        Ok(self.opened.send_eof()?)
    }

    /// The number of the next frame in presentation order.
    pub fn receive(&mut self) -> Option<i64> {
        let received = self.opened.receive_frame(&mut self.frame);
        received.ok().map(|()| self.frame.pts().unwrap_or(-1))
    }

    /// The frame that was received last, as it is stored.
    ///
    /// # Errors
    /// It is too large, or of a format that cannot be converted.
    pub fn image(&self) -> Result<Image, ImageError> {
        rgb(&self.frame)
    }
}

/// The first frame that `units` give, which begin with a keyframe.
pub(crate) fn decode(codec: Codec, units: &[Vec<u8>]) -> Result<Image, ImageError> {
    if units.is_empty() {
        return Err(ImageError::NoKeyframe);
    }
    let mut decoder = FrameDecoder::open(codec)?;
    for (number, unit) in (0..).zip(units) {
        // A unit that cannot be decoded is not the last one.
        if decoder.send(unit, number).is_ok() && decoder.receive().is_some() {
            return decoder.image();
        }
    }
    decoder.finish()?;
    match decoder.receive() {
        Some(_) => decoder.image(),
        None => Err(ImageError::Undecodable),
    }
}

fn rgb(picture: &frame::Video) -> Result<Image, ImageError> {
    let (width, height) = (picture.width(), picture.height());
    if width.max(height) > MOST_PIXELS {
        return Err(ImageError::TooLarge(width, height));
    }
    let mut scaler = scaling::Context::get(
        picture.format(),
        width,
        height,
        Pixel::RGB24,
        width,
        height,
        scaling::Flags::BILINEAR,
    )?;
    let mut converted = frame::Video::empty();
    scaler.run(picture, &mut converted)?;
    let (stride, row) = (converted.stride(0), width as usize * 3);
    let rows = converted.data(0).chunks(stride).take(height as usize);
    Ok(Image {
        width,
        height,
        rgb: rows.flat_map(|line| &line[..row]).copied().collect(),
    })
}
