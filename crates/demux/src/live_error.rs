//! Why a live source gives nothing.

use std::io;

use camweave_failure::FailureKind;
use thiserror::Error;

use crate::interrupt::Interrupt;

/// Why a live source gives nothing: one line without URL and credentials.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{detail}")]
pub struct LiveError {
    /// What kind of trouble. A source that was stopped has ended.
    pub kind: FailureKind,
    /// One line.
    pub detail: String,
}

impl LiveError {
    pub(crate) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// `late`: what a deadline that has passed means.
    pub(crate) fn of(
        error: ffmpeg_next::Error,
        interrupt: &Interrupt,
        late: impl FnOnce() -> Self,
    ) -> Self {
        use FailureKind as Kind;
        use ffmpeg_next::Error;
        if interrupt.is_stopped() {
            return Self::new(Kind::Ended, "it was stopped");
        }
        if interrupt.is_late() {
            return late();
        }
        let (kind, detail) = match error {
            Error::HttpUnauthorized => (
                Kind::Unauthorized,
                "missing or wrong username or password (status 401)",
            ),
            Error::HttpForbidden => (
                Kind::Unauthorized,
                "the user has no permission to watch it (status 403)",
            ),
            Error::HttpNotFound => (Kind::NotFound, "no such path (status 404)"),
            Error::Eof => (Kind::Ended, "it closed the stream"),
            Error::ProtocolNotFound => (
                Kind::Missing,
                "this machine's FFmpeg is built without the protocol of the URL",
            ),
            Error::DemuxerNotFound => (
                Kind::Missing,
                "this machine's FFmpeg is built without the demuxer for the URL",
            ),
            Error::InvalidData => (
                Kind::Protocol,
                "it sends what FFmpeg cannot read (invalid data)",
            ),
            Error::Other { errno } => return Self::system(errno),
            other => return Self::new(Kind::Protocol, format!("FFmpeg cannot read it: {other}")),
        };
        Self::new(kind, detail)
    }

    fn system(errno: i32) -> Self {
        use FailureKind as Kind;
        use io::ErrorKind as System;
        // Some of FFmpeg's functions, its RTSP client's among them, return -1 for a connection
        // that ended, which reads as this number. Nothing that is opened here gives it.
        if errno == ffmpeg_next::error::EPERM {
            return Self::new(Kind::Ended, "it closed the connection");
        }
        let error = io::Error::from_raw_os_error(errno);
        match error.kind() {
            System::ConnectionRefused => Self::new(
                Kind::Refused,
                "connection refused: nothing listens on that port",
            ),
            System::TimedOut => Self::new(Kind::Timeout, "the host does not answer"),
            System::HostUnreachable | System::NetworkUnreachable => {
                Self::new(Kind::Unreachable, error.to_string())
            }
            System::ConnectionReset | System::ConnectionAborted | System::BrokenPipe => {
                Self::new(Kind::Ended, format!("the connection broke: {error}"))
            }
            System::NotFound => Self::new(Kind::NotFound, error.to_string()),
            System::PermissionDenied => Self::new(Kind::Unauthorized, error.to_string()),
            System::OutOfMemory => Self::new(
                Kind::TooLarge,
                format!(
                    "it sends more at once than {} MiB",
                    crate::MAX_ALLOCATION >> 20
                ),
            ),
            _ => Self::new(Kind::Protocol, format!("FFmpeg cannot read it: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use ffmpeg_next::Error;

    use super::*;

    #[test]
    fn a_return_value_of_minus_one_is_no_wrong_password() {
        let interrupt = Interrupt::default();
        let of = |errno| LiveError::of(Error::Other { errno }, &interrupt, || unreachable!()).kind;
        assert_eq!(of(ffmpeg_next::error::EPERM), FailureKind::Ended);
        assert_eq!(of(ffmpeg_next::error::EACCES), FailureKind::Unauthorized);
    }
}
