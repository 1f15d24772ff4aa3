//! Images as files.

use jpeg_encoder::{ColorType, Encoder};
use thiserror::Error;

use crate::image::Image;

/// Why an image cannot be written.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// A JPEG has at most 65,535 pixels each way.
    #[error("a frame of {0}x{1} pixels, expected at most 65535 each way")]
    TooLarge(u32, u32),
    /// Not as a PNG.
    #[error("cannot write a PNG: {0}")]
    Png(#[from] png::EncodingError),
    /// Not as a JPEG.
    #[error("cannot write a JPEG: {0}")]
    Jpeg(#[from] jpeg_encoder::EncodingError),
}

impl Image {
    /// As a PNG.
    ///
    /// # Errors
    /// It has no pixels, or others than its size says.
    pub fn to_png(&self) -> Result<Vec<u8>, EncodeError> {
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

    /// As a JPEG of this quality, 1 to 100; from 90 on, its colours have all pixels, as text needs.
    ///
    /// # Errors
    /// As [`Image::to_png`], or it is too large.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, EncodeError> {
        let side = |length: u32| {
            u16::try_from(length).map_err(|_| EncodeError::TooLarge(self.width, self.height))
        };
        let (width, height) = (side(self.width)?, side(self.height)?);
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes, quality).encode(&self.rgb, width, height, ColorType::Rgb)?;
        Ok(bytes)
    }
}
