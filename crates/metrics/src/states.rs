//! A camera's state as one of few words.

use camweave_failure::FailureKind;

/// The word for what a source says of its camera.
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
            FailureKind::named(kind).map_or("other", FailureKind::as_str)
        }
    }
}
