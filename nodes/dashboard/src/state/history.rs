//! The last hour, in steps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;

/// A step.
const STEP: Duration = Duration::from_secs(10);
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

    /// Adds steps in which nothing was measured.
    pub fn skip(&mut self, steps: usize) {
        for _ in 0..steps.min(STEPS) {
            self.push(BTreeMap::new(), self.end_unix_ms);
        }
    }

    /// The answers to `GET /api/history` until the next step.
    pub fn built(&self) -> Built {
        let (step, end) = (STEP.as_secs(), self.end_unix_ms);
        let head = format!(r#"{{"step_s":{step},"end_unix_ms":{end},"cameras":{{"#);
        let (mut all, mut cameras) = (head.clone(), BTreeMap::new());
        let ids: BTreeSet<&Arc<str>> = self.steps.iter().flat_map(BTreeMap::keys).collect();
        for id in ids {
            if !cameras.is_empty() {
                all.push(',');
            }
            let from = all.len();
            all += &serde_json::Value::from(&**id).to_string();
            all.push(':');
            all += &serde_json::to_string(&self.series(id)).unwrap_or_default();
            cameras.insert(Arc::clone(id), from..all.len());
        }
        all += TAIL;
        Built {
            head: head.len(),
            all: all.into(),
            cameras: Arc::new(cameras),
        }
    }

    fn series(&self, id: &str) -> Series {
        let mut series = Series::default();
        for step in &self.steps {
            let point = step.get(id);
            series.fps.push(point.map(|it| it.fps));
            series.latency_ms.push(point.and_then(|it| it.latency_ms));
            series.dropped.push(point.map(|it| it.dropped));
        }
        series
    }
}

/// What follows the cameras in an answer.
const TAIL: &str = "}}";

/// The history as JSON: made once a step, whoever asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    all: Bytes,
    /// Bytes before the cameras.
    head: usize,
    /// Where each camera's key and value are.
    cameras: Arc<BTreeMap<Arc<str>, Range<usize>>>,
}

impl Built {
    pub fn all(&self) -> Bytes {
        self.all.clone()
    }

    /// The same with one camera alone, or with none where nothing is known of it.
    pub fn of(&self, id: &str) -> Bytes {
        let own = self.cameras.get(id).cloned().unwrap_or_default();
        [&self.all[..self.head], &self.all[own], TAIL.as_bytes()]
            .concat()
            .into()
    }
}

/// When steps end: counted from the first, so that what comes late does not add up.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    next: Option<Instant>,
}

impl Steps {
    /// How many have ended since this was asked last; the first begins when it is asked first.
    pub fn ended(&mut self, now: Instant) -> usize {
        let next = self.next.get_or_insert(now + STEP);
        let mut ended = 0;
        while now >= *next {
            *next += STEP;
            ended += 1;
        }
        ended
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

    fn json(answer: &Bytes) -> serde_json::Value {
        serde_json::from_slice(answer).expect("JSON")
    }

    #[test]
    fn one_camera_is_as_it_is_among_all() {
        let mut history = History::default();
        let none = serde_json::json!({"step_s": 10, "end_unix_ms": 0, "cameras": {}});
        assert_eq!(json(&history.built().all()), none);
        assert_eq!(json(&history.built().of("gate")), none);
        let ids = ["gate", "hof \"süd\"", "yard"];
        for step in 0..3_u8 {
            let each = ids.iter().zip(0_u8..);
            let each =
                each.map(|(id, index)| (Arc::from(*id), point(f32::from(10 * step + index))));
            history.push(each.collect(), i64::from(step));
        }
        let built = history.built();
        let all = json(&built.all());
        for id in ids {
            let mut expected = all.clone();
            let cameras = expected["cameras"].as_object_mut().expect("cameras");
            cameras.retain(|key, _| key == id);
            assert_eq!(cameras.len(), 1);
            assert_eq!(json(&built.of(id)), expected);
        }
        assert_eq!(json(&built.of("none"))["cameras"], serde_json::json!({}));
    }

    #[test]
    fn steps_are_counted_from_the_first_however_late_they_are_seen() {
        let start = Instant::now();
        let mut steps = Steps::default();
        let ended = [0.0, 9.9, 10.9, 20.1, 29.9, 30.0, 55.0]
            .map(|seconds| steps.ended(start + Duration::from_secs_f64(seconds)));
        assert_eq!(ended, [0, 0, 1, 1, 0, 1, 2]);
        let mut history = History::default();
        history.push(BTreeMap::from([(Arc::from("gate"), point(1.0))]), 1);
        history.skip(1);
        history.push(BTreeMap::from([(Arc::from("gate"), point(2.0))]), 3);
        let fps = json(&history.built().all())["cameras"]["gate"]["fps"].clone();
        assert_eq!(fps, serde_json::json!([1.0, null, 2.0]));
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
        let answer = json(&history.built().all());
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
