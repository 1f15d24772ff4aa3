//! An engine that is given frames by hand.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod street;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_message::{CapturedClock, DetectedBox, Detections, Event, EventPhase, FrameId, Trace};
use camweave_rules::{Engine, Rules, parse};
use camweave_testing::{detections, frame_id, person};

/// A second.
pub const SECOND: i64 = 1_000_000_000;
/// When the first frame was captured.
pub const BEGAN: i64 = 1_700_000_000 * SECOND;

/// The rules of a file that begins with `rules:`.
pub fn rules(lines: &str) -> Rules {
    let text = format!("rules:\n{lines}");
    parse(Path::new("rules.yml"), &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A box `[x1, y1, x2, y2]` in parts of the frame.
pub fn object(track: u64, bbox: [f64; 4]) -> DetectedBox {
    let [x1, y1, x2, y2] = bbox;
    DetectedBox {
        track_id: Some(track),
        ..person(
            [x1 * 640.0, y1 * 360.0, x2 * 640.0, y2 * 360.0].map(|it| it as f32),
            0.9,
        )
    }
}

/// An object whose lower edge has its middle here.
pub fn standing(track: u64, x: f64, y: f64) -> DetectedBox {
    object(track, [x - 0.02, y - 0.1, x + 0.02, y])
}

/// The same of another class.
pub fn of_class(class: &str, item: DetectedBox) -> DetectedBox {
    DetectedBox {
        label: Arc::from(class),
        ..item
    }
}

/// An engine, and what it has said.
pub struct Case {
    pub engine: Engine,
    pub events: Vec<Event>,
    began: Instant,
    ids: u64,
    pub session: i64,
    /// Added to the capture times, by a clock that was set.
    pub clock_set: i64,
}

impl Case {
    pub fn new(lines: &str) -> Self {
        Self {
            engine: Engine::new(&rules(lines).0),
            events: Vec::new(),
            began: Instant::now(),
            ids: 0,
            session: 1,
            clock_set: 0,
        }
    }

    /// Takes a frame of so many nanoseconds after the first.
    pub fn frame(&mut self, nanos: i64, boxes: Vec<DetectedBox>) {
        let row = Detections {
            id: FrameId {
                session_unix_nanos: self.session,
                pts_nanos: nanos,
                captured_unix_nanos: BEGAN + nanos + self.clock_set,
                captured_clock: CapturedClock::SenderReport,
                ..frame_id("cam1", 0)
            },
            boxes,
            ..detections("cam1", 0)
        };
        let arrived = self.began + Duration::from_nanos(nanos as u64);
        let ids = &mut self.ids;
        let mut new_id = || {
            *ids += 1;
            Arc::from(format!("event-{ids}"))
        };
        let without_room = self
            .engine
            .frame(&row, arrived, &mut new_id, &mut self.events);
        assert_eq!(without_room, 0);
    }

    /// Takes frames at a rate, from second to second; `boxes` says what is in one, by its time in
    /// seconds.
    pub fn frames(
        &mut self,
        fps: u32,
        seconds: std::ops::Range<f64>,
        mut boxes: impl FnMut(f64) -> Vec<DetectedBox>,
    ) {
        let frame = |second: f64| (second * f64::from(fps)).round() as i64;
        for index in frame(seconds.start)..frame(seconds.end) {
            let nanos = index * SECOND / i64::from(fps);
            self.frame(nanos, boxes(nanos as f64 / 1e9));
        }
    }

    /// Ends all events.
    pub fn close(&mut self) {
        let ids = &mut self.ids;
        let mut new_id = || {
            *ids += 1;
            Arc::from(format!("event-{ids}"))
        };
        self.engine
            .close(&Trace::default(), &mut new_id, &mut self.events);
    }

    /// The last rows of the events that are over.
    pub fn ended(&self) -> Vec<&Event> {
        let is_end = |it: &&Event| it.phase == EventPhase::End;
        self.events.iter().filter(is_end).collect()
    }

    /// Crossings in and out, by the last event.
    pub fn counts(&self) -> (u64, u64) {
        self.events
            .last()
            .map_or((0, 0), |it| (it.entered, it.left))
    }

    /// Checks that events have a life: new, updates, end, under one id, and rows that can be sent.
    pub fn check_lives(&self) {
        use std::collections::HashMap;

        use camweave_message::Row;
        for message in self.events.chunks(1000) {
            let read = Event::from_arrow(&Event::to_arrow(message));
            assert_eq!(read.expect("rows that can be sent"), message);
        }
        let mut last: HashMap<&str, EventPhase> = HashMap::new();
        for event in &self.events {
            let before = last.insert(&event.event, event.phase);
            let is_of_a_moment = event.kind == camweave_message::EventKind::Crossing;
            match (before, event.phase) {
                (None, EventPhase::New) => assert!(!is_of_a_moment, "{event:?}"),
                (None, EventPhase::End) => assert!(is_of_a_moment, "{event:?}"),
                (
                    Some(EventPhase::New | EventPhase::Update),
                    EventPhase::Update | EventPhase::End,
                ) => {}
                other => panic!("{other:?}: {event:?}"),
            }
        }
    }
}

/// Numbers that look random, the same each time (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 0 to 1.
    pub fn part(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        (value >> 11) as f64 / (1_u64 << 53) as f64
    }
}
