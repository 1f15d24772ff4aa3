//! Which frames show something that moves.

use std::borrow::Cow;
use std::num::NonZeroU32;

use camweave_message::{Areas, Orientation, Region};
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
/// Fewer watched cells than have to change could never let a frame through: half of them are enough.
const MOST_NEEDED: u64 = 2;
/// Where more than one in so many watched cells has to change, their median may be what moves, and
/// that of all cells is the light.
const FEW: u64 = 4;
/// What has changed for so long becomes what was there before.
const ADAPT_NANOS: f32 = 10e9;
/// Frames go on for so long after the last motion, so that an object that stops is detected once more.
const HOLD_NANOS: i64 = 2_000_000_000;
/// Without motion one frame goes on in each such time, so that static objects stay tracked: the
/// tracker forgets a camera's tracks after three seconds.
const REFRESH_NANOS: i64 = 1_000_000_000;
/// Timestamps jitter: a frame that comes so much before its time is taken for it.
const SLACK_NANOS: i64 = 20_000_000;

/// Cells of a frame.
const CELLS: usize = LumaGrid::COLUMNS * LumaGrid::ROWS;

/// Lets a camera's frames through while something moves, for a little longer, and now and then.
///
/// Each frame's cells are compared with a background: an average that forgets within some ten
/// seconds. The median of the differences is the light, which changes everywhere, and is taken off.
#[derive(Debug, Default)]
pub(crate) struct MotionGate {
    /// The session, in Unix nanoseconds of its start.
    session: i64,
    watched: Watched,
    background: Option<Background>,
}

/// Which cells are looked at.
#[derive(Debug, Default)]
struct Watched {
    areas: Areas,
    orientation: Orientation,
    /// Their indices; `None`: all.
    cells: Option<Vec<usize>>,
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
                ..Self::default()
            };
        }
    }

    /// Looks only at cells whose centre is inside the region and in no ignored area; if no centre is
    /// inside the region, at the cell in which the region's own centre is. `orientation` is that of the
    /// frames, whose grid is as they are stored.
    pub fn watch(&mut self, areas: &Areas, orientation: Orientation) {
        if self.watched.areas != *areas || self.watched.orientation != orientation {
            self.watched = Watched::new(areas, orientation);
            self.background = None;
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
        let cells = grid.into_cells();
        let known = self.background.as_mut();
        // Nothing is known of what comes first, nor where times go back.
        let Some(background) = known.filter(|it| pts_nanos >= it.pts_nanos) else {
            self.background = Some(Background {
                cells,
                pts_nanos,
                open_until: pts_nanos.saturating_add(HOLD_NANOS),
                passed: pts_nanos,
            });
            return true;
        };
        if background.moves(area, &cells, &self.watched, pts_nanos) {
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

impl Watched {
    fn new(areas: &Areas, orientation: Orientation) -> Self {
        let centre = |index: usize| {
            let (column, row) = (index % LumaGrid::COLUMNS, index / LumaGrid::COLUMNS);
            let x = (column as f32 + 0.5) / LumaGrid::COLUMNS as f32;
            let y = (row as f32 + 0.5) / LumaGrid::ROWS as f32;
            orientation.shown_point([x, y])
        };
        let cells = || {
            let is_between = |region: &Region| !(0..CELLS).any(|it| region.contains(centre(it)));
            let Some(region) = areas.region.filter(is_between) else {
                return (0..CELLS).filter(|it| areas.show(centre(*it))).collect();
            };
            let [x1, y1, x2, y2] = region.edges();
            let middle = [f32::midpoint(x1, x2), f32::midpoint(y1, y2)];
            let apart = |index: &usize| {
                let [x, y] = centre(*index);
                (x - middle[0]).hypot(y - middle[1])
            };
            let nearest = (0..CELLS).min_by(|a, b| apart(a).total_cmp(&apart(b)));
            let is_seen = areas.show(middle);
            nearest.into_iter().filter(|_| is_seen).collect()
        };
        Self {
            areas: areas.clone(),
            orientation,
            cells: (!areas.are_whole()).then(cells),
        }
    }

    /// What is watched of the values of all cells.
    fn of<'a>(&self, all: &'a [f32]) -> Cow<'a, [f32]> {
        match &self.cells {
            None => all.into(),
            Some(cells) => cells.iter().map(|&index| all[index]).collect(),
        }
    }

    /// Cells that must have changed, in millionths, for an area in parts per million of the frame.
    fn needed(&self, area: NonZeroU32) -> u64 {
        let needed = u64::from(area.get()) * CELLS as u64;
        match &self.cells {
            None => needed,
            Some(cells) => needed.min(cells.len() as u64 * 1_000_000 / MOST_NEEDED),
        }
    }
}

impl Background {
    /// Whether so much of what is watched differs from what was there, which takes the frame up.
    fn moves(
        &mut self,
        area: NonZeroU32,
        cells: &[f32],
        watched: &Watched,
        pts_nanos: i64,
    ) -> bool {
        let elapsed = pts_nanos.saturating_sub(self.pts_nanos) as f32;
        self.pts_nanos = pts_nanos;
        let differences: Vec<f32> = (cells.iter().zip(&self.cells))
            .map(|(now, before)| now - before)
            .collect();
        let share = (elapsed / ADAPT_NANOS).min(1.0);
        for (cell, difference) in self.cells.iter_mut().zip(&differences) {
            *cell += difference * share;
        }
        let seen = watched.of(&differences);
        if seen.is_empty() {
            return false;
        }
        let needed = watched.needed(area);
        let is_few = needed * FEW > seen.len() as u64 * 1_000_000;
        let usual = if is_few { &differences } else { &*seen };
        let light = median(usual);
        let apart =
            |values: &[f32]| -> Vec<f32> { values.iter().map(|it| (it - light).abs()).collect() };
        let noise = CHANGED_DEVIATIONS * DEVIATIONS * median(&apart(usual));
        let threshold = noise.clamp(CHANGED, CHANGED_AT_MOST);
        let changed = apart(&seen).iter().filter(|it| **it > threshold).count() as u64;
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
