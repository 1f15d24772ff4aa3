//! Parts of a picture, as pictures of their own: no pixel is copied.

use crate::area::Region;
use crate::letterbox::{Fit, Letterbox, LetterboxError};
use crate::named::named;
use crate::picture::{MAX_DIMENSION, PictureError, PictureLayout, PixelFormat, Planes};

named! {
    /// How a part of a frame fits into a network's input.
    #[derive(Default)]
    CropFit, "fit" {
        /// Its centre, as large as it has the input's aspect ratio, as Ultralytics' and timm's
        /// classifiers are evaluated.
        #[default]
        CentreCrop = "centre_crop",
        /// All of it, each axis scaled by itself, as re-identification networks are trained.
        Stretch = "stretch",
        /// All of it, with one scale and gray beside it.
        Letterbox = "letterbox",
    }
}

impl CropFit {
    /// How the part fits once it is what [`Crop::of_box`] has made of it.
    #[must_use]
    pub const fn fit(self) -> Fit {
        match self {
            Self::CentreCrop | Self::Stretch => Fit::Stretch,
            Self::Letterbox => Fit::Letterbox,
        }
    }
}

/// A part of a picture, in its pixels. `x` and `y` are even, so that chroma begins at a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Crop {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

impl Crop {
    /// The least width and height of a region, in pixels.
    pub const LEAST_OF_REGION: u32 = 32;

    /// The part of a picture of `(width, height)` that a region of it is: every engine and every
    /// stage after it takes the region for this.
    ///
    /// Edges are rounded outwards to even pixels, and not beyond the picture. Less than
    /// [`Crop::LEAST_OF_REGION`] pixels are widened on both sides to as many, or to all there are.
    #[must_use]
    pub fn of_region(region: &Region, (width, height): (u32, u32)) -> Self {
        let [x1, y1, x2, y2] = region.edges();
        let (x, width) = span([x1, x2], width);
        let (y, height) = span([y1, y2], height);
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// The part of a picture of `(width, height)` that shows a box.
    ///
    /// The box is first enlarged by `margin` of its sides on each side and clipped to the picture;
    /// with [`CropFit::CentreCrop`] it is then cut to the aspect ratio of the input, `model`, around
    /// its centre. The left and upper edges are rounded down to even pixels, the others up to whole
    /// ones. `None` for a box of which less than a pixel is left, or that is not finite.
    #[must_use]
    pub fn of_box(
        bbox: [f32; 4],
        (width, height): (u32, u32),
        margin: f32,
        fit: CropFit,
        model: (u32, u32),
    ) -> Option<Self> {
        let (wide, high) = (width as f32, height as f32);
        if !bbox.iter().all(|edge| edge.is_finite()) || !margin.is_finite() {
            return None;
        }
        let [x1, y1, x2, y2] = bbox;
        let (dx, dy) = (margin * (x2 - x1), margin * (y2 - y1));
        let mut x = [(x1 - dx).clamp(0.0, wide), (x2 + dx).clamp(0.0, wide)];
        let mut y = [(y1 - dy).clamp(0.0, high), (y2 + dy).clamp(0.0, high)];
        if fit == CropFit::CentreCrop {
            let aspect = model.0 as f32 / model.1.max(1) as f32;
            let sides = [x[1] - x[0], y[1] - y[0]];
            let kept = [
                sides[0].min(sides[1] * aspect),
                sides[1].min(sides[0] / aspect),
            ];
            let cut = |edges: [f32; 2], kept: f32| {
                let centre = f32::midpoint(edges[0], edges[1]);
                [centre - kept / 2.0, centre + kept / 2.0]
            };
            (x, y) = (cut(x, kept[0]), cut(y, kept[1]));
        }
        if x[1] - x[0] < 1.0 || y[1] - y[0] < 1.0 {
            return None;
        }
        let begin = |edge: f32| edge.max(0.0) as u32 & !1;
        let (left, top) = (begin(x[0]), begin(y[0]));
        let (right, bottom) = (
            (x[1].ceil() as u32).min(width),
            (y[1].ceil() as u32).min(height),
        );
        Self::new(
            (left, top),
            (right.checked_sub(left)?, bottom.checked_sub(top)?),
        )
    }

    /// The part that begins at an even pixel; `None` for other ones, and of impossible sides.
    #[must_use]
    pub fn new((x, y): (u32, u32), (width, height): (u32, u32)) -> Option<Self> {
        let is_side = |side: u32| (1..=MAX_DIMENSION).contains(&side);
        let is_even = x.is_multiple_of(2) && y.is_multiple_of(2);
        (is_even && x < MAX_DIMENSION && y < MAX_DIMENSION && is_side(width) && is_side(height))
            .then_some(Self {
                x,
                y,
                width,
                height,
            })
    }

    /// Width and height, in pixels.
    #[must_use]
    pub const fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The left and upper edges, in pixels of the picture.
    #[must_use]
    pub const fn position(&self) -> (u32, u32) {
        (self.x, self.y)
    }

    /// Whether it is a part of a picture of `(width, height)`.
    #[must_use]
    pub const fn is_inside(&self, (width, height): (u32, u32)) -> bool {
        self.x + self.width <= width && self.y + self.height <= height
    }

    /// A box in pixels of this part, as one in pixels of the picture.
    #[must_use]
    pub fn box_in_picture(&self, [x1, y1, x2, y2]: [f32; 4]) -> [f32; 4] {
        let ([x1, y1], [x2, y2]) = (
            self.point_in_picture([x1, y1]),
            self.point_in_picture([x2, y2]),
        );
        [x1, y1, x2, y2]
    }

    /// A point in pixels of this part, as one in pixels of the picture.
    #[must_use]
    #[inline]
    pub fn point_in_picture(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [x + self.x as f32, y + self.y as f32]
    }

    /// Where this part of a picture is in the picture's memory.
    ///
    /// # Errors
    /// The part leaves the picture, or is beyond what a layout can address.
    pub fn layout(&self, picture: &PictureLayout) -> Result<PictureLayout, PictureError> {
        let Self {
            x,
            y,
            width,
            height,
        } = *self;
        if !self.is_inside((picture.width, picture.height)) {
            return Err(PictureError::Outside {
                crop: (x, y, width, height),
                width: picture.width,
                height: picture.height,
            });
        }
        // Bytes of a pixel in each plane, and how many rows of the picture a row of it stands for.
        let steps: &[(u32, u32)] = match picture.format {
            PixelFormat::I420 => &[(x, 1), (x / 2, 2), (x / 2, 2)],
            PixelFormat::Nv12 => &[(x, 1), (x, 2)],
            PixelFormat::P010 => &[(2 * x, 1), (2 * x, 2)],
            PixelFormat::Rgb8 => &[(3 * x, 1)],
        };
        let mut planes: Vec<_> = picture.planes.to_vec();
        for (plane, (bytes, rows)) in planes.iter_mut().zip(steps) {
            let moved = u64::from(y / rows) * u64::from(plane.stride) + u64::from(*bytes);
            let end = u64::from(plane.offset) + moved;
            plane.offset = u32::try_from(end).map_err(|_| PictureError::Unaddressable { end })?;
        }
        let found = planes.len();
        Ok(PictureLayout {
            width,
            height,
            planes: Planes::try_from(planes).map_err(|_| PictureError::PlaneCount {
                format: picture.format,
                found,
                expected: steps.len(),
            })?,
            ..*picture
        })
    }

    /// How this part lies in the input of a network.
    ///
    /// # Errors
    /// A side of the input is zero or too large.
    pub fn letterbox(&self, model: (u32, u32), fit: CropFit) -> Result<Letterbox, LetterboxError> {
        Letterbox::fit(self.size(), model, fit.fit())
    }
}

/// An edge that is so near to a pixel's, in pixels, is on it: 0.1 is not a 32-bit number.
const ROUNDING: f64 = 0.01;

/// The first pixel and the number of pixels between two edges, in parts of a side.
fn span([low, high]: [f32; 2], side: u32) -> (u32, u32) {
    let at = |part: f32| f64::from(part) * f64::from(side);
    let begin = (at(low) + ROUNDING).floor() as u32 & !1;
    let end = (at(high) - ROUNDING).ceil() as u32;
    let end = end.next_multiple_of(2).min(side);
    let has = end.saturating_sub(begin);
    let least = Crop::LEAST_OF_REGION.min(side);
    if has >= least {
        return (begin, has);
    }
    let begin = begin.saturating_sub((least - has) / 2) & !1;
    let end = (begin + Crop::LEAST_OF_REGION).min(side);
    let begin = end.saturating_sub(Crop::LEAST_OF_REGION) & !1;
    (begin, end - begin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{ColorMatrix, ColorRange, Picture};

    const SIZE: (u32, u32) = (37, 23);

    fn layout(format: PixelFormat) -> PictureLayout {
        PictureLayout::packed(SIZE.0, SIZE.1, format, ColorMatrix::Bt709, ColorRange::Full)
    }

    fn pixels(layout: &PictureLayout) -> Vec<u8> {
        let bytes = layout.required_bytes().expect("a possible layout");
        let mut state = 7_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        std::iter::repeat_with(next).take(bytes).collect()
    }

    #[test]
    fn a_part_has_the_samples_of_the_whole() {
        for &format in PixelFormat::ALL {
            let whole = layout(format);
            let data = pixels(&whole);
            let all = Picture::new(&whole, &data).expect("inside").to_rgb8();
            for (position, size) in [((0, 0), SIZE), ((6, 4), (31, 19)), ((10, 2), (12, 20))] {
                let crop = Crop::new(position, size).expect("a part");
                let part = crop.layout(&whole).expect("inside");
                let rgb = Picture::new(&part, &data).expect("inside").to_rgb8();
                let (width, height) = (size.0 as usize, size.1 as usize);
                // Chroma is interpolated across two pixels, and clamped at a picture's edge.
                for (row, column) in
                    (2..height - 2).flat_map(|y| (2..width - 2).map(move |x| (y, x)))
                {
                    let own = &rgb[3 * (row * width + column)..][..3];
                    let (x, y) = (column + position.0 as usize, row + position.1 as usize);
                    let expected = &all[3 * (y * SIZE.0 as usize + x)..][..3];
                    assert_eq!(
                        own, expected,
                        "{format} {position:?} {size:?} at {column}, {row}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_part_outside_is_refused() {
        let whole = layout(PixelFormat::Nv12);
        let crop = Crop::new((36, 0), (2, 2)).expect("a part");
        let error = crop.layout(&whole).expect_err("one column too many");
        assert!(error.to_string().contains("37x23"), "{error}");
        assert_eq!(Crop::new((1, 0), (2, 2)), None, "odd");
        assert_eq!(Crop::new((0, 0), (0, 2)), None, "empty");
    }

    #[test]
    fn a_region_becomes_even_pixels_and_never_few() {
        let of = |edges, size| {
            let crop = Crop::of_region(&Region::new(edges).expect("a region"), size);
            let ((x, y), (width, height)) = (crop.position(), crop.size());
            [x, y, width, height]
        };
        let full = (1920, 1080);
        assert_eq!(of([0.0, 0.0, 1.0, 1.0], full), [0, 0, 1920, 1080]);
        // 0.1 and 0.7 are not 32-bit numbers: 192 and 756 all the same.
        assert_eq!(of([0.1, 0.1, 0.7, 0.7], full), [192, 108, 1152, 648]);
        // 480.96 to 961.92, and 270.54 to 541.08: outwards.
        assert_eq!(
            of([0.2505, 0.2505, 0.501, 0.501], full),
            [480, 270, 482, 272]
        );
        // Odd sides end where the picture does.
        assert_eq!(of([0.5, 0.5, 1.0, 1.0], (641, 361)), [320, 180, 321, 181]);
        // Widened: in the middle, at both ends, and of a picture that has no more.
        assert_eq!(of([0.5, 0.5, 0.501, 0.501], full), [944, 524, 32, 32]);
        assert_eq!(of([0.0, 0.0, 0.001, 0.001], full), [0, 0, 32, 32]);
        assert_eq!(of([0.999, 0.999, 1.0, 1.0], full), [1888, 1048, 32, 32]);
        assert_eq!(of([0.999, 0.999, 1.0, 1.0], (641, 361)), [608, 328, 33, 33]);
        assert_eq!(of([0.4, 0.4, 0.6, 0.6], (31, 2)), [0, 0, 31, 2]);
    }

    #[test]
    fn a_box_becomes_a_part_on_even_pixels() {
        let of = |bbox, margin, fit, model| {
            let crop = Crop::of_box(bbox, (640, 360), margin, fit, model)?;
            Some((crop.position(), crop.size()))
        };
        let stretch = CropFit::Stretch;
        // Edges are rounded outwards, to even ones where it begins.
        assert_eq!(
            of([11.5, 20.0, 30.2, 41.0], 0.0, stretch, (64, 64)),
            Some(((10, 20), (21, 21)))
        );
        // A margin of a tenth, clipped at the frame's edge.
        assert_eq!(
            of([0.0, 300.0, 100.0, 360.0], 0.1, stretch, (64, 64)),
            Some(((0, 294), (110, 66)))
        );
        // The middle square of a tall box, and the middle of a wide one for a tall input.
        assert_eq!(
            of(
                [100.0, 100.0, 140.0, 220.0],
                0.0,
                CropFit::CentreCrop,
                (64, 64)
            ),
            Some(((100, 140), (40, 40)))
        );
        assert_eq!(
            of(
                [100.0, 100.0, 200.0, 140.0],
                0.0,
                CropFit::CentreCrop,
                (64, 128)
            ),
            Some(((140, 100), (20, 40)))
        );
        for nothing in [
            [700.0, 10.0, 710.0, 20.0],
            [10.0, 10.0, 10.2, 40.0],
            [f32::NAN, 0.0, 9.0, 9.0],
        ] {
            assert_eq!(of(nothing, 0.0, stretch, (64, 64)), None, "{nothing:?}");
        }
    }
}
