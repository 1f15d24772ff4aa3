//! Which frames show something that moves.

use std::num::NonZeroU32;

use camweave_vision::LumaGrid;

/// A cell has changed where its mean luma differs by more from what it was, of 255: above what
/// compression and a keyframe do to the mean of a cell, and ...
const CHANGED: f32 = 6.0;
/// ... above so many standard deviations of the noise, ...
const CHANGED_DEVIATIONS: f32 = 5.0;
/// ... up to here: where most of the frame changes, that is no noise.
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
/// Timestamps jitter: a frame that comes so much before its time is taken for it.
const SLACK_NANOS: i64 = 20_000_000;

/// Lets a camera's frames through while something moves, for a little longer, and now and then.
///
/// Each frame's cells are compared with a background: an average that forgets within some ten
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
    /// Of the newest frame.
    pts_nanos: i64,
    /// Frames until then go on.
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

    /// Frames go on without being asked for, so that what was seen before is no background for those
    /// that come when they are asked for again.
    pub fn pause(&mut self) {
        self.background = None;
    }

    /// Whether a frame goes on. Asked once for each, in presentation order. `area`: parts per
    /// million of the frame that must have changed.
    pub fn passes(&mut self, area: NonZeroU32, grid: LumaGrid, pts_nanos: i64) -> bool {
        let known = self.background.as_mut();
        // Nothing is known of what comes first, nor where times go back.
        let Some(background) = known.filter(|it| pts_nanos >= it.pts_nanos) else {
            self.background = Some(Background {
                cells: grid.into_cells(),
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
    /// Whether so much differs from what was there, which takes the frame up.
    fn moves(&mut self, area: NonZeroU32, grid: &LumaGrid, pts_nanos: i64) -> bool {
        let differences: Vec<f32> = (grid.cells().iter().zip(&self.cells))
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
