//! Which pictures show something that moves.

use std::num::NonZeroU32;

/// Cells of a picture, from left to right.
const COLUMNS: usize = 64;
/// And from top to bottom.
const ROWS: usize = 36;
/// Rows of pixels that are looked at in each row of cells where there are many: enough for a mean.
const SAMPLED_ROWS: usize = 8;

/// A cell has changed where its mean luma differs by more from what it was, of 255: above what
/// compression and a keyframe do to the mean of a cell, and ...
const CHANGED: f32 = 6.0;
/// ... above so many standard deviations of the noise, ...
const CHANGED_DEVIATIONS: f32 = 5.0;
/// ... up to here: where most of the picture changes, that is no noise.
const CHANGED_AT_MOST: f32 = 15.0;
/// The standard deviation of a normal distribution, by its median absolute deviation.
const DEVIATIONS: f32 = 1.4826;
/// What has changed for so long becomes what was there before.
const ADAPT_NANOS: f32 = 10e9;
/// Frames go on for so long after the last motion, so that an object that stops is detected once more.
const HOLD_NANOS: i64 = 2_000_000_000;
/// Without motion one frame goes on in each such time, so that static objects stay tracked: the
/// tracker forgets a camera's tracks after three seconds.
const REFRESH_NANOS: i64 = 1_000_000_000;
/// Time stamps jitter: a picture that comes so much before its time is taken for it.
const SLACK_NANOS: i64 = 20_000_000;

/// The mean luma of each cell of a picture, from 0 to 255, in a grid of 64 by 36 cells whatever the
/// picture's size is.
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
    /// Of a sample: 8, or more in two bytes, the low one first.
    pub bits: u32,
}

impl LumaGrid {
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

/// Part `index` of `parts` of `0..whole`: never empty, so that a picture with fewer pixels than
/// cells has cells of the same pixel.
fn part(index: usize, parts: usize, whole: usize) -> std::ops::Range<usize> {
    let start = (index * whole / parts).min(whole - 1);
    start..((index + 1) * whole / parts).max(start + 1)
}

/// Lets a camera's pictures through while something moves, for a little longer, and now and then.
///
/// Each picture's cells are compared with a background: an average that forgets within some ten
/// seconds. The median of the differences is the light, which changes everywhere, and is taken off.
#[derive(Debug, Default)]
pub(crate) struct MotionGate {
    /// The session, in Unix nanoseconds of its start.
    session: i64,
    background: Option<Background>,
}

#[derive(Debug)]
struct Background {
    cells: Vec<f32>,
    /// Of the newest picture.
    pts_nanos: i64,
    /// Pictures until then go on.
    open_until: i64,
    /// The newest that has gone on.
    passed: i64,
}

impl MotionGate {
    /// Another session has times of its own.
    pub fn enter(&mut self, session_unix_nanos: i64) {
        if self.session != session_unix_nanos {
            *self = Self {
                session: session_unix_nanos,
                background: None,
            };
        }
    }

    /// Whether a picture goes on. Asked once for each, in presentation order. `area`: parts per
    /// million of the picture that must have changed.
    pub fn passes(&mut self, area: NonZeroU32, grid: LumaGrid, pts_nanos: i64) -> bool {
        let known = self.background.as_mut();
        // Nothing is known of what comes first, nor where times go back.
        let Some(background) = known.filter(|it| pts_nanos >= it.pts_nanos) else {
            self.background = Some(Background {
                cells: grid.0,
                pts_nanos,
                open_until: pts_nanos.saturating_add(HOLD_NANOS),
                passed: pts_nanos,
            });
            return true;
        };
        if background.moves(area, &grid, pts_nanos) {
            background.open_until = pts_nanos.saturating_add(HOLD_NANOS);
        }
        let passes = pts_nanos <= background.open_until
            || pts_nanos.saturating_sub(background.passed) >= REFRESH_NANOS - SLACK_NANOS;
        if passes {
            background.passed = pts_nanos;
        }
        passes
    }
}

impl Background {
    /// Whether so much differs from what was there, which takes the picture up.
    fn moves(&mut self, area: NonZeroU32, grid: &LumaGrid, pts_nanos: i64) -> bool {
        let differences: Vec<f32> = (grid.0.iter().zip(&self.cells))
            .map(|(now, before)| now - before)
            .collect();
        let light = median(&differences);
        let apart: Vec<f32> = differences.iter().map(|it| (it - light).abs()).collect();
        let noise = CHANGED_DEVIATIONS * DEVIATIONS * median(&apart);
        let threshold = noise.clamp(CHANGED, CHANGED_AT_MOST);
        let changed = apart.iter().filter(|it| **it > threshold).count() as u64;
        let elapsed = pts_nanos.saturating_sub(self.pts_nanos) as f32;
        let share = (elapsed / ADAPT_NANOS).min(1.0);
        for (cell, difference) in self.cells.iter_mut().zip(&differences) {
            *cell += difference * share;
        }
        self.pts_nanos = pts_nanos;
        let needed = u64::from(area.get()) * self.cells.len() as u64;
        changed > 0 && changed * 1_000_000 >= needed
    }
}

fn median(values: &[f32]) -> f32 {
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

#[cfg(test)]
#[path = "motion_tests.rs"]
mod tests;
