//! Pictures that are stored lying on their side, upside down or mirrored.

use super::layout::{plane_count, plane_shapes};
use super::{PictureError, PictureLayout, PixelFormat};

/// Samples of one side of the squares in which a turned plane is copied: a square's rows and
/// columns both stay in the first-level cache.
const BLOCK: usize = 32;

/// How a stored picture is to be shown: turned clockwise by quarters, then mirrored left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Orientation {
    quarters: u8,
    mirrored: bool,
}

impl Orientation {
    /// Shown as it is stored.
    pub const UPRIGHT: Self = Self {
        quarters: 0,
        mirrored: false,
    };

    /// `degrees` clockwise, then mirrored. `None` for anything but 0, 90, 180 and 270 degrees.
    #[must_use]
    pub const fn new(degrees: u16, mirrored: bool) -> Option<Self> {
        let quarters = match degrees {
            0 => 0,
            90 => 1,
            180 => 2,
            270 => 3,
            _ => return None,
        };
        Some(Self { quarters, mirrored })
    }

    /// The display matrix of a media file (ISO/IEC 14496-12, section 6.2.2): 3 rows of 3 numbers.
    /// `None` where it does more than to turn by quarters, mirror, scale and move.
    #[must_use]
    pub fn from_matrix(matrix: &[i32; 9]) -> Option<Self> {
        // A stored (x, y) is shown at (a x + c y, b x + d y); y goes down.
        let [a, b, _, c, d, ..] = *matrix;
        let sign = i32::signum;
        let is_zero = |value: i32, beside: i32| {
            // Files are rounded; a degree is more than what rounding makes.
            i64::from(value).abs() * 64 < i64::from(beside).abs()
        };
        let degrees = if is_zero(b, a) && is_zero(c, d) {
            match (sign(a), sign(d)) {
                (1, 1) => (0, false),
                (-1, -1) => (180, false),
                (-1, 1) => (0, true),
                _ => (180, true),
            }
        } else if is_zero(a, b) && is_zero(d, c) {
            match (sign(b), sign(c)) {
                (1, -1) => (90, false),
                (-1, 1) => (270, false),
                (1, 1) => (90, true),
                _ => (270, true),
            }
        } else {
            return None;
        };
        Self::new(degrees.0, degrees.1)
    }

    /// By how many degrees the stored picture is turned clockwise.
    #[must_use]
    pub const fn degrees(self) -> u16 {
        self.quarters as u16 * 90
    }

    /// Whether the turned picture is mirrored left to right.
    #[must_use]
    pub const fn mirrored(self) -> bool {
        self.mirrored
    }

    /// Width and height as shown, of those as stored.
    #[must_use]
    pub const fn shown_size(self, width: u32, height: u32) -> (u32, u32) {
        if self.quarters % 2 == 1 {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Where a point of the stored picture is shown, both in parts of the sides.
    #[must_use]
    pub const fn shown_point(self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [x, y] = match self.quarters {
            0 => [x, y],
            1 => [1.0 - y, x],
            2 => [1.0 - x, 1.0 - y],
            _ => [y, 1.0 - x],
        };
        if self.mirrored { [1.0 - x, y] } else { [x, y] }
    }

    /// Copies a picture of `width` by `height` pixels, whose planes lie anywhere, into `data`, as
    /// it is to be shown. `layout` says where it goes: it has the format of the stored picture
    /// and the shown size.
    ///
    /// # Errors
    /// The layout is impossible or another picture's, or a plane or `data` is too short.
    pub fn copy_upright(
        self,
        (width, height): (u32, u32),
        planes: &[StoredPlane<'_>],
        layout: &PictureLayout,
        data: &mut [u8],
    ) -> Result<(), PictureError> {
        let format = layout.format;
        let expected = layout.required_bytes()?;
        if (layout.width, layout.height) != self.shown_size(width, height) {
            let (width, height) = (layout.width, layout.height);
            return Err(PictureError::Size { width, height });
        }
        let too_short = |found, expected| PictureError::DataTooShort {
            format,
            width,
            height,
            found,
            expected,
        };
        if data.len() < expected {
            return Err(too_short(data.len(), expected));
        }
        if planes.len() != plane_count(format) {
            return Err(PictureError::PlaneCount {
                format,
                found: planes.len(),
                expected: plane_count(format),
            });
        }
        let shapes = plane_shapes(format, width, height);
        for (plane, shape) in planes.iter().zip(shapes) {
            // Sides are at most 2^15, as those of the layout are, and rows 2^17 bytes.
            let (row_bytes, rows) = (shape.row_bytes as usize, shape.rows as usize);
            let expected = plane
                .stride
                .saturating_mul(rows - 1)
                .saturating_add(row_bytes);
            if plane.stride < row_bytes || plane.data.len() < expected {
                return Err(too_short(plane.data.len(), expected));
            }
        }
        for (index, (plane, shape)) in planes.iter().zip(shapes).enumerate() {
            let size = Size {
                row_bytes: shape.row_bytes as usize,
                rows: shape.rows as usize,
            };
            let place = layout.planes[index];
            let to = &mut data[place.offset as usize..];
            let stride = place.stride as usize;
            match sample_bytes(format, index) {
                1 => self.copy_plane::<1>(plane, &size, to, stride),
                2 => self.copy_plane::<2>(plane, &size, to, stride),
                3 => self.copy_plane::<3>(plane, &size, to, stride),
                _ => self.copy_plane::<4>(plane, &size, to, stride),
            }
        }
        Ok(())
    }

    /// Copies a plane of `N` bytes per sample, whose `size` is that of the stored one.
    fn copy_plane<const N: usize>(
        self,
        from: &StoredPlane<'_>,
        size: &Size,
        to: &mut [u8],
        stride: usize,
    ) {
        let (stored_columns, stored_rows) = (size.row_bytes / N, size.rows);
        let (last_x, last_y) = (stored_columns - 1, stored_rows - 1);
        let (columns, rows) = if self.quarters % 2 == 1 {
            (stored_rows, stored_columns)
        } else {
            (stored_columns, stored_rows)
        };
        for top in (0..rows).step_by(BLOCK) {
            for left in (0..columns).step_by(BLOCK) {
                let right = (left + BLOCK).min(columns);
                for y in top..(top + BLOCK).min(rows) {
                    let row = &mut to[y * stride + left * N..y * stride + right * N];
                    for (x, sample) in (left..right).zip(row.as_chunks_mut::<N>().0) {
                        let x = if self.mirrored { columns - 1 - x } else { x };
                        let (from_x, from_y) = match self.quarters {
                            0 => (x, y),
                            1 => (y, last_y - x),
                            2 => (last_x - x, last_y - y),
                            _ => (last_x - y, x),
                        };
                        let at = from_y * from.stride + from_x * N;
                        sample.copy_from_slice(&from.data[at..at + N]);
                    }
                }
            }
        }
    }
}

/// One plane of a picture that is stored anywhere.
#[derive(Debug, Clone, Copy)]
pub struct StoredPlane<'a> {
    /// From its first sample on.
    pub data: &'a [u8],
    /// Bytes from one row's start to the next.
    pub stride: usize,
}

struct Size {
    row_bytes: usize,
    rows: usize,
}

/// Bytes of what moves as one: a sample, or a pair of chroma samples.
const fn sample_bytes(format: PixelFormat, plane: usize) -> usize {
    match (format, plane) {
        (PixelFormat::I420, _) | (PixelFormat::Nv12, 0) => 1,
        (PixelFormat::Nv12, _) | (PixelFormat::P010, 0) => 2,
        (PixelFormat::Rgb8, _) => 3,
        (PixelFormat::P010, _) => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ColorMatrix, ColorRange};
    use super::*;

    const ONE: i32 = 1 << 16;

    fn layout(width: u32, height: u32, format: PixelFormat) -> PictureLayout {
        PictureLayout::packed(width, height, format, ColorMatrix::Bt601, ColorRange::Full)
    }

    fn stored<'a>(layout: &PictureLayout, data: &'a [u8]) -> Vec<StoredPlane<'a>> {
        let planes = layout.planes.iter();
        planes
            .map(|plane| StoredPlane {
                data: &data[plane.offset as usize..],
                stride: plane.stride as usize,
            })
            .collect()
    }

    /// The letters of a picture 3 wide and 2 high: `abc` over `def`.
    fn shown(degrees: u16, mirrored: bool) -> (u32, u32, String) {
        let orientation = Orientation::new(degrees, mirrored).expect("quarters");
        // RGB moves three bytes as one.
        let letters: Vec<u8> = b"abcdef".iter().flat_map(|&letter| [letter; 3]).collect();
        let planes = stored(&layout(3, 2, PixelFormat::Rgb8), &letters);
        let (width, height) = orientation.shown_size(3, 2);
        let to = layout(width, height, PixelFormat::Rgb8);
        let mut data = vec![0; 18];
        orientation
            .copy_upright((3, 2), &planes, &to, &mut data)
            .expect("it fits");
        let letters = data.chunks(3).map(|pixel| char::from(pixel[2])).collect();
        (width, height, letters)
    }

    #[test]
    fn quarters_are_clockwise_and_mirroring_comes_last() {
        for (degrees, mirrored, size, letters) in [
            (0, false, (3, 2), "abcdef"),
            (90, false, (2, 3), "daebfc"),
            (180, false, (3, 2), "fedcba"),
            (270, false, (2, 3), "cfbead"),
            (0, true, (3, 2), "cbafed"),
            (90, true, (2, 3), "adbecf"),
            (180, true, (3, 2), "defabc"),
            (270, true, (2, 3), "fcebda"),
        ] {
            let expected = (size.0, size.1, letters.to_owned());
            assert_eq!(shown(degrees, mirrored), expected, "{degrees} {mirrored}");
        }
        assert_eq!(Orientation::new(45, false), None);
    }

    #[test]
    fn points_are_shown_where_their_pixels_are() {
        for (degrees, mirrored) in [0, 90, 180, 270]
            .map(|degrees| [(degrees, false), (degrees, true)])
            .into_iter()
            .flatten()
        {
            let orientation = Orientation::new(degrees, mirrored).expect("quarters");
            let (width, height, letters) = shown(degrees, mirrored);
            for (index, letter) in "abcdef".char_indices() {
                let point = [
                    (index % 3) as f32 / 3.0 + 0.1,
                    (index / 3) as f32 / 2.0 + 0.1,
                ];
                let [x, y] = orientation.shown_point(point);
                let (column, row) = (x * width as f32, y * height as f32);
                let at = row as usize * width as usize + column as usize;
                assert_eq!(
                    letters.chars().nth(at),
                    Some(letter),
                    "{degrees} {mirrored}"
                );
            }
        }
    }

    #[test]
    fn every_format_comes_back_after_four_quarters() {
        let quarter = Orientation::new(90, false).expect("a quarter");
        for format in [
            PixelFormat::I420,
            PixelFormat::Nv12,
            PixelFormat::P010,
            PixelFormat::Rgb8,
        ] {
            // Larger than a block, and odd.
            let (mut width, mut height) = (71, 37);
            let first = layout(width, height, format);
            let bytes = first.required_bytes().expect("a layout");
            let original: Vec<u8> = (0..bytes).map(|at| (at * 31 % 251) as u8).collect();
            let mut data = original.clone();
            for _ in 0..4 {
                let from = layout(width, height, format);
                let shown = quarter.shown_size(width, height);
                let to = layout(shown.0, shown.1, format);
                let mut turned = vec![0; to.required_bytes().expect("a layout")];
                quarter
                    .copy_upright((width, height), &stored(&from, &data), &to, &mut turned)
                    .expect("it fits");
                data = turned;
                (width, height) = shown;
            }
            assert_eq!(data, original, "{format}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let from = layout(4, 2, PixelFormat::I420);
        let bytes = vec![0; from.required_bytes().expect("a layout")];
        let planes = stored(&from, &bytes);
        let quarter = Orientation::new(90, false).expect("a quarter");
        let mut data = [0; 100];
        let mut copy = |planes: &[StoredPlane<'_>], to: &PictureLayout, length: usize| {
            quarter.copy_upright((4, 2), planes, to, &mut data[..length])
        };
        let unturned = copy(&planes, &from, 100);
        assert!(matches!(unturned, Err(PictureError::Size { .. })));
        let to = layout(2, 4, PixelFormat::I420);
        let short = copy(&planes, &to, 11);
        assert!(matches!(short, Err(PictureError::DataTooShort { .. })));
        let two = copy(&planes[..2], &to, 100);
        assert!(matches!(two, Err(PictureError::PlaneCount { .. })));
        let cut = StoredPlane {
            data: &bytes[..7],
            stride: 4,
        };
        let cut = copy(&[cut, planes[1], planes[2]], &to, 100);
        assert!(matches!(cut, Err(PictureError::DataTooShort { .. })));
        copy(&planes, &to, 12).expect("it fits");
    }

    #[test]
    fn matrices_of_files() {
        let of = |a, b, c, d| {
            Orientation::from_matrix(&[a, b, 0, c, d, 0, 0, 0, 1 << 30])
                .map(|it| (it.degrees(), it.mirrored()))
        };
        assert_eq!(of(ONE, 0, 0, ONE), Some((0, false)));
        assert_eq!(of(0, ONE, -ONE, 0), Some((90, false)));
        assert_eq!(of(-ONE, 0, 0, -ONE), Some((180, false)));
        assert_eq!(of(0, -ONE, ONE, 0), Some((270, false)));
        assert_eq!(of(-ONE, 0, 0, ONE), Some((0, true)));
        assert_eq!(of(ONE, 0, 0, -ONE), Some((180, true)), "upside down");
        assert_eq!(of(0, ONE, ONE, 0), Some((90, true)), "transposed");
        assert_eq!(of(2 * ONE, 3, -4, ONE), Some((0, false)), "scaled, rounded");
        assert_eq!(of(ONE, ONE, -ONE, ONE), None, "45 degrees");
        assert_eq!(of(0, 0, 0, 0), None);
        assert_eq!(of(i32::MIN, 0, 0, i32::MIN), Some((180, false)));
    }
}
