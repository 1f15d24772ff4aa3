use std::fmt;
use std::io;

use camweave_redact::KnownSecrets;

/// Why a camera delivers nothing; the name is the counter's and the state's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The host answers that nothing listens on the port.
    Refused,
    /// The host's name is not known, or no way leads there.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// Credentials are missing, wrong, or allow too little (401, 403).
    Unauthorized,
    /// The camera knows no such path (404).
    NotFound,
    /// The session offers no video.
    NoVideo,
    /// The video is neither H.264 nor H.265.
    UnsupportedCodec,
    /// The camera ended the stream or the connection.
    Ended,
    /// Connected, but no frame for longer than `STALL_TIMEOUT_MS`.
    Stalled,
    /// The camera breaks the protocol.
    Protocol,
}

impl FailureKind {
    /// The name in counters and states.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::NoVideo => "no_video",
            Self::UnsupportedCodec => "unsupported_codec",
            Self::Ended => "ended",
            Self::Stalled => "stalled",
            Self::Protocol => "protocol",
        }
    }

    /// Whether trying again soon cannot help, or harms: cameras lock users out.
    #[must_use]
    pub fn needs_a_person(self) -> bool {
        matches!(
            self,
            Self::Unauthorized | Self::NotFound | Self::NoVideo | Self::UnsupportedCodec
        )
    }
}

/// Why a session could not begin or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub kind: FailureKind,
    /// One line that completes 'camera offline: …'.
    pub detail: String,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// `has_credentials`: whether `cameras.yml` gives any. `known`: what the camera may quote of them.
    pub(crate) fn from_rtsp(
        error: &retina::Error,
        has_credentials: bool,
        known: &KnownSecrets,
    ) -> Self {
        // The library appends addresses and byte positions as further lines.
        let text = error.to_string();
        let line = known.hide(text.lines().next().unwrap_or_default());
        match error.status_code() {
            Some(401) if has_credentials => Self::new(
                FailureKind::Unauthorized,
                "wrong username or password (RTSP status 401)",
            ),
            Some(401) => Self::new(
                FailureKind::Unauthorized,
                "it asks for a username and password (RTSP status 401), and cameras.yml gives none",
            ),
            Some(403) => Self::new(
                FailureKind::Unauthorized,
                "the user may not watch it (RTSP status 403)",
            ),
            Some(404) => Self::new(FailureKind::NotFound, "no such path (RTSP status 404)"),
            _ => Self::from_line(&line),
        }
    }

    /// The library's errors carry their kind in their text alone.
    fn from_line(line: &str) -> Self {
        if let Some(cause) = line.strip_prefix("Unable to connect to RTSP server: ") {
            return match os_error(cause) {
                Some(io::ErrorKind::ConnectionRefused) => Self::new(
                    FailureKind::Refused,
                    "connection refused: nothing listens on that port",
                ),
                Some(io::ErrorKind::TimedOut) => {
                    Self::new(FailureKind::Timeout, "the host does not answer")
                }
                _ => Self::new(FailureKind::Unreachable, cause),
            };
        }
        let broken = [
            "Error reading from RTSP peer: ",
            "Error writing to RTSP peer: ",
        ];
        if let Some(cause) = broken.iter().find_map(|prefix| line.strip_prefix(prefix)) {
            return Self::new(FailureKind::Ended, format!("the connection broke: {cause}"));
        }
        Self::new(FailureKind::Protocol, line)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}

/// The kind of the error whose number stands in `text` as `(os error N)`.
fn os_error(text: &str) -> Option<io::ErrorKind> {
    let (_, number) = text.rsplit_once("(os error ")?;
    let number = number.trim_end_matches(')').parse().ok()?;
    Some(io::Error::from_raw_os_error(number).kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_library_are_understood() {
        let refused = io::Error::from_raw_os_error(111);
        let reset = io::Error::from_raw_os_error(104);
        for (line, kind) in [
            (
                format!("Unable to connect to RTSP server: {refused}"),
                FailureKind::Refused,
            ),
            (
                "Unable to connect to RTSP server: failed to lookup address information: x"
                    .to_owned(),
                FailureKind::Unreachable,
            ),
            (
                format!(
                    "Unable to connect to RTSP server: {}",
                    io::Error::from_raw_os_error(113)
                ),
                FailureKind::Unreachable,
            ),
            (
                format!("Error reading from RTSP peer: {reset}"),
                FailureKind::Ended,
            ),
            ("RTSP framing error: x".to_owned(), FailureKind::Protocol),
        ] {
            assert_eq!(Failure::from_line(&line).kind, kind, "{line}");
        }
    }
}
