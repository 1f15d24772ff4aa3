//! A camera's state in the operator's words.

use std::borrow::Cow;
use std::time::Duration;

use camweave_failure::FailureKind;
use serde::Serialize;

/// A camera that is `streaming` and has sent nothing for so long is shown as stalled.
const SILENT: Duration = Duration::from_secs(5);

/// What a camera does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Live,
    Connecting,
    Stalled,
    Offline,
    Removed,
}

/// A state, why, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    pub state: State,
    pub why: Option<&'static str>,
    pub todo: Option<Cow<'static, str>>,
}

/// What to make of what a source says of its camera, and of how long no access unit has come.
pub(crate) fn words(source: Option<&str>, silent: Duration) -> Words {
    let plain = |state| Words {
        state,
        why: None,
        todo: None,
    };
    match source {
        Some("removed") => Words {
            why: Some("the camera is not in cameras.yml any more"),
            ..plain(State::Removed)
        },
        Some("ended") => Words {
            why: Some("the file has been played to its end"),
            ..plain(State::Offline)
        },
        Some("stopped") => Words {
            why: Some("it was stopped"),
            ..plain(State::Offline)
        },
        Some("connecting" | "ready") | None => plain(State::Connecting),
        Some("streaming") if silent < SILENT => plain(State::Live),
        Some("streaming") => Words {
            state: State::Stalled,
            why: Some("no frame has come for some seconds"),
            todo: Some(Cow::Borrowed("check that the camera's encoder runs")),
        },
        Some(other) => {
            let kind = other.strip_prefix("offline: ").unwrap_or(other);
            let state = match kind {
                "stalled" => State::Stalled,
                _ => State::Offline,
            };
            let known = FailureKind::named(kind);
            Words {
                state,
                why: known.map(FailureKind::why),
                todo: known.map(|it| Cow::Owned(it.advice_in_graph())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_live_while_its_frames_come() {
        let now = Duration::ZERO;
        for (source, silent, expected) in [
            (Some("streaming"), now, State::Live),
            (Some("streaming"), SILENT, State::Stalled),
            (Some("connecting"), now, State::Connecting),
            (None, now, State::Connecting),
            (Some("offline: refused"), now, State::Offline),
            (Some("offline: stalled"), now, State::Stalled),
            (Some("offline: of a kind that is new"), now, State::Offline),
            (Some("removed"), now, State::Removed),
            (Some("ended"), now, State::Offline),
        ] {
            assert_eq!(words(source, silent).state, expected, "{source:?}");
        }
        let refused = words(Some("offline: refused"), now);
        assert_eq!(refused.why, Some("the camera refuses the connection"));
        assert_eq!(
            refused.todo.as_deref(),
            Some("enable RTSP in the camera; check the port")
        );
    }
}
