//! How old frames are when their rows come here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use camweave_message::limits::MAX_CAMERAS;
use camweave_message::{Event, FrameId, Row as _, Watched};
use camweave_metrics::{Histogram, Histograms, Page, catalogue};
use camweave_stage::telemetry::OTHERS;

/// The least age is that of so long, in two halves.
const HALF: Duration = Duration::from_secs(30);
/// Upper ends of the ranges, in seconds.
const RANGES: [f64; 12] = [
    0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
];
/// Rules and phases of events that are told apart.
const EVENTS: usize = 4096;

#[derive(Debug)]
struct Least {
    clock: &'static str,
    since: Instant,
    now: f64,
    before: f64,
}

#[derive(Debug, Default)]
struct Inner {
    least: HashMap<Arc<str>, Least>,
    /// By camera, rule, kind and phase.
    events: HashMap<[String; 4], u64>,
}

/// What was measured; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Ages {
    ages: Histograms,
    inner: Arc<Mutex<Inner>>,
}

fn histogram() -> Histogram {
    Histogram::new(RANGES)
}

impl Default for Ages {
    fn default() -> Self {
        Self {
            ages: Histograms::new_with_constructor(histogram),
            inner: Arc::default(),
        }
    }
}

impl Ages {
    /// Takes a row that came at `unix_nanos`.
    pub fn take(&self, row: &Watched, unix_nanos: i64, now: Instant) {
        let rows = match row {
            // The end of a session is no frame.
            Watched::Unit(unit) if unit.data.is_empty() => return,
            Watched::Unit(_) => "units",
            Watched::Detections(_) => "detections",
            Watched::Event(event) => return self.event(event),
        };
        let id = row.id();
        let age = (unix_nanos - id.captured_unix_nanos) as f64 / 1e9;
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let is_apart = inner.least.contains_key(&id.camera) || inner.least.len() < MAX_CAMERAS;
        let camera = if is_apart { &*id.camera } else { OTHERS };
        let labels = vec![("camera", camera.to_owned()), ("rows", rows.to_owned())];
        self.ages.get_or_create(&labels).observe(age.max(0.0));
        if is_apart {
            inner.least(id, age, now);
        }
    }

    fn event(&self, event: &Event) {
        let key = [
            event.id.camera.to_string(),
            event.rule.to_string(),
            event.kind.as_str().to_owned(),
            event.phase.as_str().to_owned(),
        ];
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let is_apart = inner.events.contains_key(&key) || inner.events.len() < EVENTS;
        let [_, _, kind, phase] = &key;
        let others = || [OTHERS, OTHERS, kind, phase].map(str::to_owned);
        let key = if is_apart { key } else { others() };
        *inner.events.entry(key).or_default() += 1;
    }

    /// Adds it all to a page.
    pub fn add(&self, page: &mut Page, now: Instant) {
        page.histograms(&catalogue::FRAME_AGE, &self.ages);
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for (camera, least) in &inner.least {
            // Of a camera that is silent nothing is known now.
            if now.saturating_duration_since(least.since) < 2 * HALF {
                let value = least.now.min(least.before);
                page.set(&catalogue::CLOCK_OFFSET, &[camera, least.clock], value);
            }
        }
        for (key, count) in &inner.events {
            let labels = key.each_ref().map(String::as_str);
            page.count(&catalogue::EVENTS, &labels, *count as f64);
        }
    }
}

impl Inner {
    fn least(&mut self, id: &FrameId, age: f64, now: Instant) {
        let clock = id.captured_clock.as_str();
        let fresh = || Least {
            clock,
            since: now,
            now: age,
            before: f64::INFINITY,
        };
        let least = self
            .least
            .entry(Arc::clone(&id.camera))
            .or_insert_with(fresh);
        let passed = now.saturating_duration_since(least.since);
        if least.clock != clock || passed >= 2 * HALF {
            *least = fresh();
        } else if passed >= HALF {
            (least.before, least.now, least.since) = (least.now, age, now);
        } else {
            least.now = least.now.min(age);
        }
    }
}

#[cfg(test)]
mod tests {
    use camweave_message::{CapturedClock, Unit};
    use camweave_metrics::Format;
    use camweave_testing::{detections, event, unit};

    use super::*;

    fn page(ages: &Ages, now: Instant) -> Vec<String> {
        let mut page = Page::default();
        ages.add(&mut page, now);
        page.text(Format::Prometheus)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn captured(unix_nanos: i64, clock: CapturedClock) -> Watched {
        let mut unit = unit("gate", 1);
        (unit.id.captured_unix_nanos, unit.id.captured_clock) = (unix_nanos, clock);
        Watched::Unit(unit)
    }

    #[test]
    fn a_clock_that_is_ahead_is_seen_and_one_that_was_set_right_is_forgotten() {
        let (ages, start) = (Ages::default(), Instant::now());
        let offset = |now| {
            let lines = page(&ages, now);
            let line = lines
                .into_iter()
                .find(|it| it.starts_with("camweave_capture_clock_offset"));
            line.and_then(|it| it.rsplit_once(' ')?.1.parse::<f64>().ok())
        };
        let report = CapturedClock::SenderReport;
        ages.take(&captured(5_000_000_000, report), 2_000_000_000, start);
        ages.take(&captured(5_000_000_000, report), 5_100_000_000, start);
        assert_eq!(offset(start), Some(-3.0));
        for second in [31, 62] {
            let now = start + Duration::from_secs(second);
            ages.take(&captured(0, report), 100_000_000, now);
        }
        assert_eq!(offset(start + Duration::from_secs(62)), Some(0.1));
        // Another clock is another matter.
        let now = start + Duration::from_secs(63);
        ages.take(&captured(0, CapturedClock::Arrival), 200_000_000, now);
        assert_eq!(offset(now), Some(0.2));
        assert_eq!(offset(now + 2 * HALF), None);
    }

    #[test]
    fn rows_are_in_the_ranges_of_their_ages_and_ends_of_sessions_are_not() {
        let (ages, now) = (Ages::default(), Instant::now());
        let end = Unit {
            data: Vec::<u8>::new().into(),
            ..unit("gate", 2)
        };
        ages.take(&Watched::Unit(end), 9, now);
        ages.take(&Watched::Detections(detections("gate", 1)), 60_000_000, now);
        ages.take(&Watched::Event(event("gate", 1)), 5, now);
        let lines = page(&ages, now);
        for line in [
            r#"camweave_frame_age_seconds_bucket{camera="gate",rows="detections",le="0.05"} 0"#,
            r#"camweave_frame_age_seconds_bucket{camera="gate",rows="detections",le="0.1"} 1"#,
            r#"camweave_frame_age_seconds_count{camera="gate",rows="detections"} 1"#,
            r#"camweave_events_total{camera="gate",rule="yard",kind="presence",phase="new"} 1"#,
        ] {
            let has_line = lines.iter().any(|it| it.trim_end_matches(".0") == line);
            assert!(has_line, "{line} is not in {lines:#?}");
        }
        assert!(
            !lines.iter().any(|it| it.contains("rows=\"units\"")),
            "{lines:#?}"
        );
    }

    #[test]
    fn cameras_without_end_share_an_entry() {
        let (ages, now) = (Ages::default(), Instant::now());
        for camera in 0..MAX_CAMERAS + 5 {
            let row = detections(&format!("cam{camera}"), 1);
            ages.take(&Watched::Detections(row), 1, now);
        }
        let lines = page(&ages, now);
        let counts = lines
            .iter()
            .filter(|it| it.starts_with("camweave_frame_age_seconds_count"));
        assert_eq!(counts.count(), MAX_CAMERAS + 1);
        assert!(
            lines
                .iter()
                .any(|it| it.contains("(others)") && it.trim_end_matches(".0").ends_with(" 5"))
        );
    }
}
