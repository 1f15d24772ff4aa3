//! A clip as it is in the index.

use std::collections::HashSet;
use std::sync::Arc;

use camweave_message::EventKind;
use camweave_recording::{ClipName, EventNote};
use serde::Serialize;

use super::head::Head;

/// Different texts that are shared; further ones are not.
const MOST_TEXTS: usize = 4096;

/// A clip, less its name.
#[derive(Debug)]
pub(super) struct Known {
    begin_unix_ms: i64,
    pub end_unix_ms: i64,
    pub seconds: f64,
    bytes: u64,
    codec: Arc<str>,
    size: (u32, u32),
    salvaged: bool,
    missing_seconds: f64,
    event_count: u32,
    pub events: Vec<Mention>,
}

/// An event of a clip.
#[derive(Debug, Serialize)]
pub(super) struct Mention {
    pub id: Arc<str>,
    kind: &'static str,
    rule: Arc<str>,
    label: Arc<str>,
    /// In seconds of the clip.
    pub begin_at: f64,
    end_at: Option<f64>,
}

/// A clip, as pages get it.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    pub name: String,
    camera: &'a str,
    begin_unix_ms: i64,
    end_unix_ms: i64,
    seconds: f64,
    bytes: u64,
    codec: &'a str,
    /// Of the upright frame.
    width: u32,
    height: u32,
    salvaged: bool,
    missing_seconds: f64,
    /// Of which `events` may be the first, or none.
    event_count: u32,
    events: &'a [Mention],
}

impl Known {
    pub fn new(head: &Head, bytes: u64, texts: &mut Texts) -> Self {
        let mention = |note: &EventNote| {
            Some(Mention {
                id: Arc::from(note.event.as_str()),
                kind: note.kind.parse::<EventKind>().ok()?.as_str(),
                rule: texts.get(&note.rule),
                label: texts.get(&note.label),
                begin_at: note.begin_at,
                end_at: note.end_at,
            })
        };
        let events = head.events.iter().filter_map(mention).collect();
        Self {
            begin_unix_ms: head.begin_unix_nanos.div_euclid(1_000_000),
            end_unix_ms: head.end_unix_nanos.div_euclid(1_000_000),
            seconds: head.seconds,
            bytes,
            codec: texts.get(&head.codec_name),
            size: head.size(),
            salvaged: head.salvaged,
            missing_seconds: head.missing_seconds,
            event_count: head.event_count,
            events,
        }
    }

    pub fn shown<'a>(&'a self, name: &'a ClipName) -> Shown<'a> {
        Shown {
            name: name.stem(),
            camera: &name.camera,
            begin_unix_ms: self.begin_unix_ms,
            end_unix_ms: self.end_unix_ms,
            seconds: self.seconds,
            bytes: self.bytes,
            codec: &self.codec,
            width: self.size.0,
            height: self.size.1,
            salvaged: self.salvaged,
            missing_seconds: self.missing_seconds,
            event_count: self.event_count,
            events: &self.events,
        }
    }
}

/// Texts that many clips have in common: each is in memory once.
#[derive(Debug, Default)]
pub(super) struct Texts(HashSet<Arc<str>>);

impl Texts {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(text);
        if self.0.len() < MOST_TEXTS {
            self.0.insert(Arc::clone(&new));
        }
        new
    }
}
