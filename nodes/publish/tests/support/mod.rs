//! A real broker, a real subscriber, and the node's stage in this process or in one that can be killed.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod broker;
pub mod child;
pub mod history;
pub mod kafka;
pub mod scripted;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use camweave_message::{Event, EventKind, EventPhase};
use camweave_publish::{Publish, PublishSettings};
use camweave_stage::{Context, Declared, Output, Settings, Stage};

/// For what takes milliseconds on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until it is so.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "in {PATIENCE:?} not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The event with this number, of one of three cameras.
pub fn numbered(number: u64) -> Event {
    let camera = format!("cam{}", number % 3);
    Event {
        phase: EventPhase::End,
        kind: EventKind::Crossing,
        ended_unix_nanos: Some(0),
        event: format!("{camera}-{number}").into(),
        ..camweave_testing::event(&camera, number)
    }
}

/// The stage in this process.
pub struct Node {
    pub stage: Publish,
    pub context: Context,
}

impl Node {
    pub fn open(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let context = Context::for_tests("publish", folder);
        let settings = PublishSettings::read(&Declared::of(settings.iter().copied()));
        let stage = Publish::open(settings.expect("settings"), &context).expect("a publisher");
        Self { stage, context }
    }

    pub fn send(&mut self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let rows = vec![numbered(number)];
            self.stage.rows(rows, &mut Output::default()).expect("rows");
        }
    }

    /// What the stage says of itself, as it is now.
    pub fn facts(&mut self) -> BTreeMap<String, String> {
        std::thread::sleep(self.stage.deadline().map_or(Duration::ZERO, |it| {
            it.saturating_duration_since(Instant::now())
        }));
        self.stage.tick(&mut Output::default()).expect("a tick");
        self.context.counters.report().facts
    }

    pub fn number(&mut self, fact: &str) -> u64 {
        self.facts()[fact].parse().expect("a number")
    }

    pub fn errors(&self) -> BTreeMap<String, u64> {
        self.context.counters.report().errors
    }

    pub fn close(mut self) {
        self.stage.close(&mut Output::default()).expect("an end");
    }
}
