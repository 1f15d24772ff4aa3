//! How many cameras are called at once when the node begins.
//!
//! A camera sends from the moment at which it plays, and a GPU opens some 20 decoders a second: what
//! 200 cameras send meanwhile would be more than can wait. So a camera is called when one of those
//! that were called before it has been decoded, or does not answer.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use camweave_telemetry::CameraCounters;

use crate::camera_task::REMOVED;

/// A camera that has sent nothing for so long is not waited for.
const SILENT_FOR: Duration = Duration::from_secs(1);
/// Nor is one that sends, and is not decoded, for whatever reason.
const NOT_DECODED_FOR: Duration = Duration::from_secs(10);

/// Cameras that have been called and are not decoded yet.
#[derive(Debug, Default)]
pub(crate) struct Starting(Vec<(String, Instant)>);

impl Starting {
    /// How many more may be called at `now`, of `most` at once. `served`: cameras that are decoded;
    /// `None`: nobody says so, and all may be called. `counters`: what this node has counted of a
    /// camera.
    pub fn room(
        &mut self,
        most: usize,
        now: Instant,
        served: Option<&BTreeSet<String>>,
        counters: impl Fn(&str) -> CameraCounters,
    ) -> usize {
        let Some(served) = served else {
            return usize::MAX;
        };
        self.0.retain(|(camera, called)| {
            let counters = counters(camera);
            let since = now.saturating_duration_since(*called);
            let is_offline = counters
                .state
                .is_some_and(|it| it.starts_with("offline") || it == REMOVED);
            let limit = if counters.sent > 0 {
                NOT_DECODED_FOR
            } else {
                SILENT_FOR
            };
            !served.contains(camera) && !is_offline && since < limit
        });
        most.saturating_sub(self.0.len())
    }

    /// Notes that a camera has been called.
    pub fn called(&mut self, camera: &str, now: Instant) {
        self.0.push((camera.to_owned(), now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_waited_for_until_it_is_decoded_offline_or_silent_for_too_long() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut starting = Starting::default();
        let camera = |sent, state: &str| CameraCounters {
            sent,
            state: Some(state.to_owned()),
            ..CameraCounters::default()
        };
        let counters = |id: &str| match id {
            "off" => camera(0, "offline: refused"),
            "removed" => camera(3, REMOVED),
            "silent" => camera(0, "connecting"),
            _ => camera(3, "streaming"),
        };
        let nobody = BTreeSet::new();
        assert_eq!(starting.room(4, begun, Some(&nobody), counters), 4);
        for id in ["a", "b", "off", "removed", "silent"] {
            starting.called(id, begun);
        }
        assert_eq!(
            starting.room(4, at(10), Some(&nobody), counters),
            1,
            "offline and removed"
        );
        let one = BTreeSet::from(["b".to_owned()]);
        assert_eq!(starting.room(4, at(20), Some(&one), counters), 2);
        assert_eq!(starting.room(4, at(1100), Some(&one), counters), 3);
        assert_eq!(starting.room(4, at(9900), Some(&one), counters), 3);
        assert_eq!(starting.room(4, at(10_000), Some(&one), counters), 4);
        assert_eq!(starting.room(4, at(0), None, counters), usize::MAX);
    }
}
