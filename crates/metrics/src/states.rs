//! A camera's state as one of few words.

use camweave_failure::FailureKind;

/// The word for what a source says of its camera. After the kind of failure there may be advice, in
/// parentheses.
pub(crate) fn word(state: &str) -> &'static str {
    match state {
        "streaming" => "streaming",
        "connecting" => "connecting",
        "ready" => "ready",
        "ended" => "ended",
        "stopped" => "stopped",
        "removed" => "removed",
        other => {
            let kind = other.strip_prefix("offline: ").unwrap_or(other);
            let kind = kind.split_once(" (").map_or(kind, |(kind, _)| kind);
            FailureKind::named(kind).map_or("other", FailureKind::as_str)
        }
    }
}
