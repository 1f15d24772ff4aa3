//! What a frame looks like from afar: the mean luma of 64 by 36 cells.
//!
//! Cell `i` of `n` along a side of `len` samples has those from `i * len / n` to before
//! `(i + 1) * len / n`, rounded down, and at least one: where there are fewer samples than cells,
//! some share one. Of a cell's rows every `k`-th is looked at, `k` being an eighth of their number,
//! rounded down, and at least 1. Samples are added as whole numbers, so that their order says
//! nothing; the sum is scaled to 8 bits and then divided, each rounded to the nearest `f32`.

/// Cells of a frame, from left to right.
const COLUMNS: usize = 64;
/// And from top to bottom.
const ROWS: usize = 36;
/// Rows of samples that are looked at in each row of cells where there are many: enough for a mean.
const SAMPLED_ROWS: usize = 8;

/// The mean luma of each cell of a frame, from 0 to 255, in a grid of 64 by 36 cells whatever the
/// frame's size is.
#[derive(Debug, Clone, PartialEq)]
pub struct LumaGrid(Vec<f32>);

/// A plane of luma samples, for [`LumaGrid::of`].
#[derive(Debug, Clone, Copy)]
pub struct LumaPlane<'a> {
    /// From the first sample on.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Samples of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Of a sample: 8, or more in two bytes, the low one first. 16 for P010, whose ten bits are the
    /// upper ones.
    pub bits: u32,
}

impl LumaGrid {
    /// Cells of a frame, from left to right.
    pub const COLUMNS: usize = COLUMNS;
    /// And from top to bottom.
    pub const ROWS: usize = ROWS;

    /// Of means that were computed elsewhere, row by row from the top left cell on; `None` where
    /// there are not as many as cells.
    #[must_use]
    pub fn from_cells(cells: Vec<f32>) -> Option<Self> {
        (cells.len() == COLUMNS * ROWS).then_some(Self(cells))
    }

    /// The means, row by row from the top left cell on.
    #[must_use]
    pub fn cells(&self) -> &[f32] {
        &self.0
    }

    /// As [`Self::cells`].
    #[must_use]
    pub fn into_cells(self) -> Vec<f32> {
        self.0
    }

    /// Of a plane; `None` where it has no samples, or fewer than it says.
    #[must_use]
    pub fn of(plane: &LumaPlane<'_>) -> Option<Self> {
        let (width, height) = (plane.width, plane.height);
        let sample_bytes = if plane.bits > 8 { 2 } else { 1 };
        let row_bytes = width.checked_mul(sample_bytes)?;
        let last_row = plane.stride.checked_mul(height.checked_sub(1)?)?;
        if width == 0 || plane.data.len() < last_row.checked_add(row_bytes)? {
            return None;
        }
        let scale = 2_f32.powi(8 - i32::try_from(plane.bits).ok()?);
        let mut cells = Vec::with_capacity(COLUMNS * ROWS);
        // The sampled rows of a row of cells are added up sample by sample, and without checks of
        // what cannot overflow: so the CPU's wide instructions serve.
        let mut sums = vec![0_u32; width];
        for row in 0..ROWS {
            let rows = part(row, ROWS, height);
            let step = (rows.len() / SAMPLED_ROWS).max(1);
            sums.fill(0);
            let mut sampled = 0;
            for y in rows.step_by(step) {
                sampled += 1;
                let line = &plane.data[y * plane.stride..][..row_bytes];
                if sample_bytes == 1 {
                    for (sum, sample) in sums.iter_mut().zip(line) {
                        *sum = sum.wrapping_add(u32::from(*sample));
                    }
                } else {
                    for (sum, sample) in sums.iter_mut().zip(line.chunks_exact(2)) {
                        let sample = u16::from_le_bytes([sample[0], sample[1]]);
                        *sum = sum.wrapping_add(u32::from(sample));
                    }
                }
            }
            for column in 0..COLUMNS {
                let columns = &sums[part(column, COLUMNS, width)];
                let samples = sampled * columns.len();
                let sum = columns.iter().fold(0, |sum: u32, it| sum.wrapping_add(*it));
                cells.push(sum as f32 * scale / samples as f32);
            }
        }
        Some(Self(cells))
    }
}

/// Part `index` of `parts` of `0..whole`: never empty, so that a frame with fewer pixels than
/// cells has cells of the same pixel.
fn part(index: usize, parts: usize, whole: usize) -> std::ops::Range<usize> {
    let start = (index * whole / parts).min(whole - 1);
    start..((index + 1) * whole / parts).max(start + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_means_of_any_size_and_depth() {
        let (width, height) = (640, 360);
        let row = (0..width).map(|x| if x < width / 2 { 40 } else { 200 });
        let eight: Vec<u8> = row.collect::<Vec<u8>>().repeat(height);
        let plane = LumaPlane {
            data: &eight,
            stride: width,
            width,
            height,
            bits: 8,
        };
        let grid = LumaGrid::of(&plane).expect("whole");
        assert_eq!(
            (grid.0.len(), grid.0[0], grid.0[63]),
            (64 * 36, 40.0, 200.0)
        );
        assert_eq!(
            LumaGrid::from_cells(grid.cells().to_vec()),
            Some(grid.clone())
        );
        assert_eq!(LumaGrid::from_cells(vec![0.0; 64 * 36 - 1]), None);
        // The same in ten bits, the lower and the upper ones of 16.
        for (shift, bits) in [(2, 10), (8, 16)] {
            let samples = eight.iter().map(|&it| u16::from(it) << shift);
            let data: Vec<u8> = samples.flat_map(u16::to_le_bytes).collect();
            let wide = LumaPlane {
                data: &data,
                stride: 2 * width,
                bits,
                ..plane
            };
            assert_eq!(LumaGrid::of(&wide), Some(grid.clone()), "{bits} bits");
        }
        // Smaller than the grid, and of no size.
        let tiny = LumaPlane {
            data: &[7; 6],
            stride: 3,
            width: 3,
            height: 2,
            bits: 8,
        };
        assert!(LumaGrid::of(&tiny).is_some_and(|it| it.0.iter().all(|cell| *cell == 7.0)));
        for (width, height, bytes) in [(0, 2, 6), (3, 0, 6), (3, 2, 5)] {
            let data = &[7; 6][..bytes];
            let wrong = LumaPlane {
                data,
                width,
                height,
                ..tiny
            };
            assert_eq!(LumaGrid::of(&wrong), None);
        }
    }
}
