//! Masks of instances, from their coefficients and the prototypes of a frame.

use std::ops::Range;

use super::outline::{Bitmap, EMPTY, FULL};
use crate::head::{Candidate, HeadFormat, HeadValue};
use crate::letterbox::Letterbox;

/// Pixels of all masks of a frame, in parts of the network's input: cost is then bounded whatever
/// the network gives.
const MOST_INPUTS: usize = 16;
/// Pixels of all masks of a frame that are made of however small an input.
const LEAST_PIXELS: usize = 1 << 22;

/// Memory that is used again from mask to mask.
#[derive(Debug, Clone, Default)]
pub(super) struct MaskScratch {
    /// A mask at the prototypes' resolution, as far as its box needs it.
    coarse: Vec<f32>,
    /// A row of a prototype.
    row: Vec<f32>,
    /// Two rows of `coarse` at the input's horizontal resolution: above and below.
    above: Vec<f32>,
    below: Vec<f32>,
    pixels: Vec<u8>,
    stack: Vec<usize>,
}

/// The masks of a frame.
///
/// A mask is what Ultralytics' `process_mask(..., upsample=True)` makes (`utils/ops.py`, 8.4; what
/// `predict` does without `retina_masks`): the sum of the prototypes by the object's coefficients,
/// interpolated bilinearly to the network's input (without aligned corners), and of that the pixels
/// above 0 whose column and row are inside the box. Its outline is mapped to the source picture and
/// clipped as `Masks.xy` (`engine/results.py`) does it; of a mask in several parts it is that of the
/// part that encloses most, where `Masks.xy` joins them by lines.
pub(super) struct Masks<'a, T> {
    values: &'a [T],
    format: &'a HeadFormat,
    letterbox: &'a Letterbox,
    most_points: usize,
    columns: Axis,
    rows: Axis,
}

/// One axis of the input and of the prototypes.
#[derive(Debug, Clone, Copy)]
struct Axis {
    /// Pixels of the network's input.
    fine: usize,
    /// Pixels of a prototype.
    coarse: usize,
}

/// The two prototype pixels between which an input pixel is, and how far it is from the first.
#[derive(Debug, Clone, Copy)]
struct Between {
    first: usize,
    second: usize,
    part: f32,
}

impl Axis {
    /// PyTorch's `area_pixel_compute_source_index`, without aligned corners.
    fn between(self, fine: usize) -> Between {
        let scale = self.coarse as f32 / self.fine as f32;
        let at = (scale * (fine as f32 + 0.5) - 0.5).max(0.0);
        let first = (at as usize).min(self.coarse - 1);
        Between {
            first,
            second: (first + 1).min(self.coarse - 1),
            part: at - first as f32,
        }
    }

    /// The pixels of the input that are inside these edges: `edge <= pixel`, and `pixel < edge` of
    /// the other side.
    fn inside(self, low: f32, high: f32) -> Range<usize> {
        // `as` limits to zero and what memory can address.
        let end = (high.ceil() as usize).min(self.fine);
        (low.ceil() as usize).min(end)..end
    }

    /// The prototypes' pixels that a range of the input's, which is not empty, lies between.
    fn coarse(self, fine: &Range<usize>) -> Range<usize> {
        self.between(fine.start).first..self.between(fine.end - 1).second + 1
    }
}

impl<'a, T: HeadValue> Masks<'a, T> {
    /// `width` and `height` are those of a prototype.
    pub fn new(
        values: &'a [T],
        format: &'a HeadFormat,
        (width, height): (u32, u32),
        letterbox: &'a Letterbox,
        most_points: usize,
    ) -> Self {
        let axis = |fine: u32, coarse: u32| Axis {
            fine: fine as usize,
            coarse: coarse as usize,
        };
        Self {
            values,
            format,
            letterbox,
            most_points,
            columns: axis(letterbox.model.0, width),
            rows: axis(letterbox.model.1, height),
        }
    }

    /// Pixels that all masks of a frame may have together.
    pub fn budget(&self) -> usize {
        let input = self.columns.fine.saturating_mul(self.rows.fine);
        input.saturating_mul(MOST_INPUTS).max(LEAST_PIXELS)
    }

    /// Pixels of the network's input that an object's mask is made of.
    pub fn pixels(&self, candidate: &Candidate) -> usize {
        let (columns, rows) = self.inside(candidate);
        columns.len() * rows.len()
    }

    /// Columns and rows of the network's input that are inside an object's box.
    fn inside(&self, candidate: &Candidate) -> (Range<usize>, Range<usize>) {
        let [x1, y1, x2, y2] = candidate.bbox;
        (self.columns.inside(x1, x2), self.rows.inside(y1, y2))
    }

    /// x and y of each point of an object's outline in the source picture; `None` where its mask
    /// has no pixel.
    pub fn outline(&self, candidate: &Candidate, scratch: &mut MaskScratch) -> Option<Vec<f32>> {
        let (columns, rows) = self.inside(candidate);
        if columns.is_empty() || rows.is_empty() {
            return None;
        }
        self.sum(candidate, &columns, &rows, scratch);
        self.fill(&columns, &rows, scratch);
        let MaskScratch { pixels, stack, .. } = scratch;
        let stride = columns.len() + 2;
        let points = Bitmap { pixels, stride }.largest_outline(stack);
        let (width, height) = self.letterbox.source;
        let step = points.len().div_ceil(self.most_points.max(1)).max(1);
        let points = points.iter().step_by(step).flat_map(|[column, row]| {
            let column = *column as usize + columns.start;
            let row = *row as usize + rows.start;
            let (x, y) = self.letterbox.image_from_model(column as f32, row as f32);
            [x.clamp(0.0, width as f32), y.clamp(0.0, height as f32)]
        });
        Some(points.collect()).filter(|points: &Vec<f32>| !points.is_empty())
    }

    /// The sum of the prototypes by the object's coefficients, where its box needs it.
    fn sum(
        &self,
        candidate: &Candidate,
        columns: &Range<usize>,
        rows: &Range<usize>,
        scratch: &mut MaskScratch,
    ) {
        let (columns, rows) = (self.columns.coarse(columns), self.rows.coarse(rows));
        let MaskScratch { coarse, row, .. } = scratch;
        coarse.clear();
        coarse.resize(columns.len() * rows.len(), 0.0);
        row.resize(columns.len(), 0.0);
        let (width, height) = (self.columns.coarse, self.rows.coarse);
        let prototypes = self.format.prototypes_of(self.values);
        let coefficients = (self.format).extra_of(self.values, candidate.anchor as usize);
        for (prototype, coefficient) in prototypes.chunks_exact(width * height).zip(coefficients) {
            let lines = coarse.chunks_exact_mut(columns.len());
            for (y, line) in rows.clone().zip(lines) {
                let found = &prototype[y * width..][columns.clone()];
                for (sum, value) in line.iter_mut().zip(T::values(found, row)) {
                    *sum += coefficient * value;
                }
            }
        }
    }

    /// The pixels of the input that are the object's.
    fn fill(&self, columns: &Range<usize>, rows: &Range<usize>, scratch: &mut MaskScratch) {
        let MaskScratch {
            coarse,
            above,
            below,
            pixels,
            ..
        } = scratch;
        let stride = columns.len() + 2;
        pixels.clear();
        pixels.resize(stride * (rows.len() + 2), EMPTY);
        let (left, top) = (
            self.columns.coarse(columns).start,
            self.rows.coarse(rows).start,
        );
        let width = self.columns.coarse(columns).len();
        let across = |row: usize, line: &mut Vec<f32>| {
            let row = &coarse[(row - top) * width..][..width];
            line.clear();
            line.extend(columns.clone().map(|column| {
                let at = self.columns.between(column);
                let (first, second) = (row[at.first - left], row[at.second - left]);
                first * (1.0 - at.part) + second * at.part
            }));
        };
        let mut there = None;
        for (index, fine) in rows.clone().enumerate() {
            let at = self.rows.between(fine);
            if there != Some((at.first, at.second)) {
                across(at.first, above);
                across(at.second, below);
                there = Some((at.first, at.second));
            }
            let line = &mut pixels[(index + 1) * stride + 1..][..columns.len()];
            for ((pixel, above), below) in line.iter_mut().zip(&*above).zip(&*below) {
                let value = above * (1.0 - at.part) + below * at.part;
                *pixel = if value > 0.0 { FULL } else { EMPTY };
            }
        }
    }
}
