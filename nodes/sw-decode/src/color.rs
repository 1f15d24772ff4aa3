//! What a stream says of its colours.

use camweave_vision::{ColorMatrix, ColorRange};
use ffmpeg_next::color::{Range, Space};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;

/// The matrix of a frame; where the stream does not say, frames of 720 rows
/// and more are taken for BT.709, as televisions do.
pub(crate) fn matrix(frame: &frame::Video) -> ColorMatrix {
    if is_rgb(frame.format()) {
        return ColorMatrix::Bt601; // what libswscale converts RGB to
    }
    match frame.color_space() {
        Space::BT470BG | Space::SMPTE170M | Space::FCC => ColorMatrix::Bt601,
        Space::Unspecified | Space::Reserved if frame.height() < 720 => ColorMatrix::Bt601,
        // BT.2020 and the rarer ones are nearer to BT.709.
        _ => ColorMatrix::Bt709,
    }
}

/// The code range of a frame; streams that do not say mean the limited one.
pub(crate) fn range(frame: &frame::Video) -> ColorRange {
    if is_rgb(frame.format()) {
        return ColorRange::Limited; // what libswscale converts RGB to
    }
    let is_full = frame.color_range() == Range::JPEG || plain(frame.format()) != frame.format();
    if is_full {
        ColorRange::Full
    } else {
        ColorRange::Limited
    }
}

/// The format without the word on the range that FFmpeg's 'J' formats carry.
pub(crate) fn plain(format: Pixel) -> Pixel {
    match format {
        Pixel::YUVJ420P => Pixel::YUV420P,
        Pixel::YUVJ422P => Pixel::YUV422P,
        Pixel::YUVJ444P => Pixel::YUV444P,
        Pixel::YUVJ440P => Pixel::YUV440P,
        Pixel::YUVJ411P => Pixel::YUV411P,
        other => other,
    }
}

/// The RGB formats that video decoders give.
fn is_rgb(format: Pixel) -> bool {
    matches!(
        format,
        Pixel::GBRP | Pixel::GBRP10LE | Pixel::GBRP12LE | Pixel::RGB24 | Pixel::BGR24
    )
}

/// Formats without chroma, which libswscale takes for full range whatever the stream says.
pub(crate) fn is_gray(format: Pixel) -> bool {
    matches!(format, Pixel::GRAY8 | Pixel::GRAY10LE | Pixel::GRAY12LE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(format: Pixel, height: u32, space: Space, range: Range) -> frame::Video {
        let mut frame = frame::Video::new(format, 64, height);
        frame.set_color_space(space);
        frame.set_color_range(range);
        frame
    }

    #[test]
    fn the_stream_decides_and_else_the_height() {
        let of = |height, space| matrix(&frame(Pixel::YUV420P, height, space, Range::Unspecified));
        assert_eq!(of(360, Space::BT709), ColorMatrix::Bt709);
        assert_eq!(of(1080, Space::SMPTE170M), ColorMatrix::Bt601);
        assert_eq!(of(1080, Space::BT470BG), ColorMatrix::Bt601);
        assert_eq!(of(719, Space::Unspecified), ColorMatrix::Bt601);
        assert_eq!(of(720, Space::Unspecified), ColorMatrix::Bt709);
        assert_eq!(of(360, Space::BT2020NCL), ColorMatrix::Bt709);
    }

    #[test]
    fn full_range_is_said_in_either_way() {
        let of = |format, said| range(&frame(format, 64, Space::BT709, said));
        assert_eq!(of(Pixel::YUV420P, Range::Unspecified), ColorRange::Limited);
        assert_eq!(of(Pixel::YUV420P, Range::MPEG), ColorRange::Limited);
        assert_eq!(of(Pixel::YUV420P, Range::JPEG), ColorRange::Full);
        assert_eq!(of(Pixel::YUVJ420P, Range::Unspecified), ColorRange::Full);
    }
}
