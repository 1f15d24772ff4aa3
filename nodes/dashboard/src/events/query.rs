use serde::Deserialize;

use super::record::Record;

/// Events of an answer, where the query names no other number, and at most.
const USUAL: usize = 50;
const MOST: usize = 200;

/// What a page asks for: all events that fit each field that is given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    pub camera: Option<String>,
    /// The class of the object.
    pub class: Option<String>,
    pub kind: Option<String>,
    pub rule: Option<String>,
    /// That began at this time or later, Unix milliseconds.
    pub since: Option<i64>,
    /// That began before this time, Unix milliseconds.
    pub until: Option<i64>,
    /// That came before the one of this number.
    pub before: Option<u64>,
    pub limit: Option<usize>,
}

impl Query {
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(USUAL).clamp(1, MOST)
    }

    pub(super) fn fits(&self, record: &Record) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|it| it == found);
        is(&self.camera, &record.camera)
            && is(&self.class, &record.label)
            && is(&self.kind, record.kind)
            && is(&self.rule, &record.rule)
            && self.since.is_none_or(|since| record.began_unix_ms >= since)
            && self.until.is_none_or(|until| record.began_unix_ms < until)
            && self.before.is_none_or(|before| record.number < before)
    }
}
