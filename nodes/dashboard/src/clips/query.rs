use serde::Deserialize;

/// Clips of an answer, where the query names no other number, and at most.
const USUAL: usize = 50;
const MOST: usize = 200;

/// What a page asks for: all clips that fit each field that is given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    pub camera: Option<String>,
    /// With anything at this time or later, Unix milliseconds.
    pub since: Option<i64>,
    /// That begin before this time, Unix milliseconds.
    pub until: Option<i64>,
    /// Older than the clip of this name.
    pub before: Option<String>,
    pub limit: Option<usize>,
}

impl Query {
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(USUAL).clamp(1, MOST)
    }

    pub(super) fn fits(&self, camera: &str, begin_unix_ms: i64, end_unix_ms: i64) -> bool {
        self.camera.as_ref().is_none_or(|it| it == camera)
            && self.since.is_none_or(|since| end_unix_ms >= since)
            && self.until.is_none_or(|until| begin_unix_ms < until)
    }
}
