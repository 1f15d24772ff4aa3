//! Why a delivery did not go through.

use std::time::Duration;

use thiserror::Error;

/// A failure, of a kind that is counted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{detail}")]
pub(crate) struct Failure {
    pub reason: Reason,
    /// One line without secrets.
    pub detail: String,
    /// How long the receiver wants to be left alone.
    pub wait: Option<Duration>,
}

/// The kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No connection, or it was lost.
    Connection,
    /// The receiver is not the one that was asked for, or does not take this node for itself.
    Tls,
    /// Nothing came in time.
    Timeout,
    /// User, password, token or rights.
    Authorization,
    /// The receiver said no, and may say yes later.
    Rejected,
    /// What came is not what the protocol says.
    Protocol,
    /// The queue cannot be read.
    Spool,
}

impl Reason {
    /// As it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Authorization => "authorization",
            Self::Rejected => "rejected",
            Self::Protocol => "protocol",
            Self::Spool => "spool",
        }
    }
}

impl Failure {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            wait: None,
        }
    }
}

/// Whether a cause of the error is one of TLS.
pub(crate) fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // An I/O error has what is in it as its source only where that has one.
        let inner = error.downcast_ref::<std::io::Error>();
        let inner = inner.and_then(std::io::Error::get_ref);
        let is_inner = inner.and_then(|it| it.downcast_ref::<rustls::Error>());
        if error.is::<rustls::Error>() || is_inner.is_some() {
            return true;
        }
        cause = error.source();
    }
    false
}
