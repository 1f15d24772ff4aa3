//! The events that the page shows: those of the last time, in memory, the newest of each camera.

mod book;
mod counts;
mod query;
mod record;
mod spot;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use camweave_message::Event;
use serde::Serialize;
use tokio::sync::broadcast;

use book::Book;
pub(crate) use counts::Count;
pub(crate) use query::Query;
use record::Record;
pub(crate) use record::Recorded;
pub(crate) use spot::Spot;

/// Messages that wait for a page at most: one that is slower is told that it has missed some.
const NEWS: usize = 64;
/// Events in one of these messages.
const IN_A_MESSAGE: usize = 200;

/// Tells a page that there is more than it was told of: it asks for what it shows.
pub(crate) const ASK_AGAIN: &str = r#"{"type":"events_missed"}"#;
/// Tells a page that there are other clips.
const CLIPS_CHANGED: &str = r#"{"type":"clips"}"#;

/// What a page gets of events that are new or have changed.
#[derive(Serialize)]
struct News<'a> {
    #[serde(rename = "type")]
    is: &'static str,
    events: Vec<&'a Record>,
}

/// The answer to a query.
#[derive(Serialize)]
struct Found<'a> {
    events: Vec<&'a Record>,
    /// With which `before` those that are older follow.
    more: Option<u64>,
}

/// All events that are known.
pub(crate) struct Events {
    book: Mutex<Book>,
    news: broadcast::Sender<Arc<str>>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            book: Mutex::default(),
            news: broadcast::channel(NEWS).0,
        }
    }
}

impl Events {
    /// Takes a row; whether it is the first one of its event.
    pub fn take(&self, row: &Event) -> bool {
        self.book().take(row)
    }

    /// Takes events of clips that were there when this process began, those of the newest first: as
    /// many as there is room for, before all that have come.
    pub fn recorded_before(&self, mut events: Vec<Recorded>) {
        events.sort_by_key(|it| std::cmp::Reverse(it.note.began_unix_nanos));
        let mut book = self.book();
        for event in events {
            book.take_older(event);
        }
    }

    /// Takes events of clips that have been finished since, and of which no row came.
    pub fn recorded_since(&self, mut events: Vec<Recorded>) {
        events.sort_by_key(|it| it.note.began_unix_nanos);
        let mut book = self.book();
        for event in events {
            book.take_recorded(event);
        }
    }

    /// Which clip shows each of these events; of those that are kept.
    pub fn set_clips(&self, spots: Vec<(Arc<str>, Option<Spot>)>) {
        let mut book = self.book();
        for (event, spot) in spots {
            book.set_clip(&event, spot);
        }
    }

    /// What an event looked like when it began.
    pub fn set_image(&self, event: &str, jpeg: Bytes) {
        self.book().set_image(event, jpeg);
    }

    pub fn image(&self, event: &str) -> Option<Bytes> {
        self.book().image(event)
    }

    /// The answer to `GET /api/events`.
    pub fn find(&self, query: &Query) -> String {
        let book = self.book();
        let (events, more) = book.find(query);
        serde_json::to_string(&Found { events, more }).unwrap_or_default()
    }

    /// Of each rule that events came of.
    pub fn counts(&self) -> Vec<Count> {
        self.book().counts()
    }

    /// Tells the pages of what has changed since.
    pub fn tell(&self) {
        let mut book = self.book();
        loop {
            let changed = book.take_changed(IN_A_MESSAGE);
            if changed.is_empty() {
                return;
            }
            let events = changed.iter().filter_map(|number| book.get(*number));
            let news = News {
                is: "events",
                events: events.collect(),
            };
            let text = serde_json::to_string(&news).unwrap_or_default();
            // No page is open.
            drop(self.news.send(Arc::from(text)));
        }
    }

    /// Has the pages ask for the events that they show.
    pub fn tell_to_ask_again(&self) {
        drop(self.news.send(Arc::from(ASK_AGAIN)));
    }

    /// Tells the pages that there are other clips.
    pub fn tell_of_clips(&self) {
        drop(self.news.send(Arc::from(CLIPS_CHANGED)));
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        self.news.subscribe()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
