//! A frame of the camera, decoded by libavcodec.

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
    /// It cannot be written as a PNG.
    #[error("cannot write a PNG: {0}")]
    Png(#[from] png::EncodingError),
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Red, green and blue, row by row.
    pub rgb: Vec<u8>,
}

impl Image {
    /// As a PNG.
    ///
    /// # Errors
    /// It has no pixels.
    pub fn to_png(&self) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        Ok(bytes)
    }
}

/// The first frame that `units` give, which begin with a keyframe.
pub(crate) fn decode(codec: Codec, units: &[Vec<u8>]) -> Result<Image, ImageError> {
    if units.is_empty() {
        return Err(ImageError::NoKeyframe);
    }
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
    let context = codec::Context::new_with_codec(found);
    let opened = context.decoder().open_as(found);
    let mut opened = opened.and_then(decoder::Opened::video)?;
    let mut picture = frame::Video::empty();
    for unit in units {
        // A unit that cannot be decoded is not the last one.
        if opened.send_packet(&Packet::copy(unit)).is_ok()
            && opened.receive_frame(&mut picture).is_ok()
        {
            return rgb(&picture);
        }
    }
    opened.send_eof()?;
    match opened.receive_frame(&mut picture) {
        Ok(()) => rgb(&picture),
        Err(_) => Err(ImageError::Undecodable),
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
