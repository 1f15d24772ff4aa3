use std::sync::Arc;

use serde::Serialize;

use super::record::Record;

/// What a rule has counted at a camera, by its last event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Count {
    pub camera: Arc<str>,
    pub rule: Arc<str>,
    pub kind: &'static str,
    /// Into the zone or across the line so far, and out of it or back.
    pub entered: u64,
    pub left: u64,
    /// Events that last; of occupancy, objects.
    pub now: u64,
}

impl Count {
    pub(super) fn of(record: &Record) -> Self {
        let mut count = Self {
            camera: Arc::clone(&record.camera),
            rule: Arc::clone(&record.rule),
            kind: record.kind,
            entered: 0,
            left: 0,
            now: 0,
        };
        count.take(record);
        count
    }

    /// Rows of one rule may come in another order: counts only grow.
    pub(super) fn take(&mut self, record: &Record) {
        self.kind = record.kind;
        self.entered = self.entered.max(record.entered);
        self.left = self.left.max(record.left);
    }
}
