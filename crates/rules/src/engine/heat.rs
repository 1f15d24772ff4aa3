//! Where objects have been, and for how long.

use super::frame::View;
use crate::rule::Rule;

/// Longer steps are of objects that nobody saw meanwhile.
const LONGEST_STEP: f64 = 1.0;

/// A grid over the frame, with the seconds that objects have been in each of its cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// Cells side by side.
    pub columns: usize,
    /// Cells one above the other.
    pub rows: usize,
    /// Of each cell, row by row from the upper left one: seconds of all objects together.
    pub seconds: Vec<f64>,
    /// When it began, by the clock of the frames, Unix nanoseconds; `None`: nothing was seen.
    pub since_unix_nanos: Option<i64>,
}

impl Heatmap {
    pub(crate) fn new(columns: usize, rows: usize) -> Self {
        Self {
            columns,
            rows,
            seconds: vec![0.0; columns * rows],
            since_unix_nanos: None,
        }
    }

    pub(crate) fn frame(&mut self, view: &View<'_>, rule: &Rule) {
        self.since_unix_nanos.get_or_insert(view.now.unix);
        for (id, step) in view.steps {
            let Some(from) = step.from else {
                continue;
            };
            let lasted = step.to.moment.seconds_since(from.moment);
            let counts = view.tracks.get(*id).is_some_and(|it| it.counts_for(rule));
            if counts && lasted <= LONGEST_STEP {
                let [x, y] = rule.anchor.of(from.bbox);
                let cell =
                    |part: f64, cells: usize| ((part * cells as f64) as usize).min(cells - 1);
                let index = cell(y, self.rows) * self.columns + cell(x, self.columns);
                self.seconds[index] += lasted;
            }
        }
    }
}
