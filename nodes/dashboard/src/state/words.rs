//! A camera's state in the operator's words. The advice is that of `docs/cameras.md`.

use std::time::Duration;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    pub state: State,
    pub why: Option<&'static str>,
    pub todo: Option<&'static str>,
}

/// By the kind of `offline: <kind>`.
const OFFLINE: &[(&str, &str, &str)] = &[
    (
        "refused",
        "the camera refuses the connection",
        "enable RTSP in the camera; check the port",
    ),
    (
        "unreachable",
        "the camera cannot be reached",
        "check host name, cable and network",
    ),
    (
        "timeout",
        "the camera does not answer in time",
        "check that it is on; raise CONNECT_TIMEOUT_MS on a slow network",
    ),
    (
        "unauthorized",
        "the camera refuses user name or password",
        "correct username and password; it is retried after growing waits, as cameras lock accounts",
    ),
    (
        "not_found",
        "the camera has no stream at this path",
        "correct the path of the URL; a camera that is booting may answer this too",
    ),
    (
        "no_video",
        "the stream has no video",
        "use the URL of the video stream; a camera that is booting may cause this too",
    ),
    (
        "unsupported_codec",
        "the camera's codec is not supported",
        "set the camera to H.264 or H.265",
    ),
    (
        "transport",
        "the camera does not offer this transport",
        "set transport to udp or tcp in cameras.yml, or remove it",
    ),
    (
        "ended",
        "the camera closed the stream",
        "nothing: it is retried; if it persists, check the camera's own log",
    ),
    (
        "stalled",
        "the camera is connected, and sends no frames",
        "check that its encoder runs; with transport udp, that no firewall blocks its datagrams",
    ),
    (
        "too_large",
        "a frame of the camera is too large",
        "lower its bit rate, or raise ACCESS_UNIT_MAX_BYTES",
    ),
    (
        "too_fast",
        "the camera sends more than is allowed",
        "lower its bit rate",
    ),
    (
        "protocol",
        "the camera does not keep to the protocol",
        "read the source's log; the most common cause is too many viewers of the camera at once",
    ),
];

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
            todo: Some("check that the camera's encoder runs"),
        },
        Some(other) => {
            let kind = other.strip_prefix("offline: ").unwrap_or(other);
            let state = match kind {
                "stalled" => State::Stalled,
                _ => State::Offline,
            };
            let known = OFFLINE.iter().find(|(known, ..)| *known == kind);
            Words {
                state,
                why: known.map(|(_, why, _)| *why),
                todo: known.map(|(.., todo)| *todo),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_those_of_the_documents() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cameras.md");
        let text = std::fs::read_to_string(path).expect("the documents");
        let rows = text.lines().filter_map(|line| {
            let rest = line.strip_prefix("| `offline: ")?;
            rest.split_once('`').map(|(kind, _)| kind)
        });
        let mut documented: Vec<&str> = rows.collect();
        let mut known: Vec<&str> = OFFLINE.iter().map(|(kind, ..)| *kind).collect();
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, documented);
    }

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
        assert!(words(Some("offline: refused"), now).todo.is_some());
    }
}
