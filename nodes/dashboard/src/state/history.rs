//! The last hour, in steps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

/// A step.
pub(crate) const STEP: Duration = Duration::from_secs(10);
/// Steps that are kept.
const STEPS: usize = 360;

/// One camera in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub fps: f32,
    pub latency_ms: Option<f32>,
    pub dropped: u64,
}

#[derive(Debug, Default, Serialize)]
struct Series {
    fps: Vec<Option<f32>>,
    latency_ms: Vec<Option<f32>>,
    dropped: Vec<Option<u64>>,
}

#[derive(Debug, Serialize)]
struct Answer {
    step_s: u64,
    end_unix_ms: i64,
    cameras: BTreeMap<Arc<str>, Series>,
}

/// What was measured in each step.
#[derive(Debug, Default)]
pub(crate) struct History {
    steps: VecDeque<BTreeMap<Arc<str>, Point>>,
    end_unix_ms: i64,
}

impl History {
    /// Adds a step that ended at `end_unix_ms`.
    pub fn push(&mut self, step: BTreeMap<Arc<str>, Point>, end_unix_ms: i64) {
        if self.steps.len() == STEPS {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
        self.end_unix_ms = end_unix_ms;
    }

    /// The answer to `GET /api/history`.
    pub fn json(&self) -> String {
        let ids: BTreeSet<&Arc<str>> = self.steps.iter().flat_map(BTreeMap::keys).collect();
        let series = |id: &Arc<str>| {
            let mut series = Series::default();
            for step in &self.steps {
                let point = step.get(id);
                series.fps.push(point.map(|it| it.fps));
                series.latency_ms.push(point.and_then(|it| it.latency_ms));
                series.dropped.push(point.map(|it| it.dropped));
            }
            series
        };
        let answer = Answer {
            step_s: STEP.as_secs(),
            end_unix_ms: self.end_unix_ms,
            cameras: ids
                .into_iter()
                .map(|id| (Arc::clone(id), series(id)))
                .collect(),
        };
        serde_json::to_string(&answer).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(fps: f32) -> Point {
        Point {
            fps,
            latency_ms: None,
            dropped: 2,
        }
    }

    #[test]
    fn the_oldest_step_comes_first_and_an_hour_is_kept() {
        let mut history = History::default();
        let gate: Arc<str> = Arc::from("gate");
        for step in 0..400_u16 {
            let mut cameras = BTreeMap::from([(Arc::clone(&gate), point(f32::from(step)))]);
            if step == 399 {
                cameras.insert(Arc::from("yard"), point(1.0));
            }
            history.push(cameras, i64::from(step));
        }
        let answer: serde_json::Value = serde_json::from_str(&history.json()).expect("JSON");
        assert_eq!(
            (&answer["step_s"], &answer["end_unix_ms"]),
            (&10.into(), &399.into())
        );
        let fps = answer["cameras"]["gate"]["fps"].as_array().expect("a list");
        assert_eq!(
            (fps.len(), &fps[0], &fps[359]),
            (360, &40.0.into(), &399.0.into())
        );
        let yard = answer["cameras"]["yard"]["dropped"]
            .as_array()
            .expect("a list");
        assert!(yard[0].is_null() && yard[359] == 2);
        assert!(answer["cameras"]["gate"]["latency_ms"][0].is_null());
    }
}
