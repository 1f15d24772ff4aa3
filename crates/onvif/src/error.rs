use std::io;

use thiserror::Error;

/// Why a device does not name its streams: one line, in words for its user. Of the device's text it
/// quotes codes and reasons; whoever prints it must make them safe.
#[derive(Debug, Error)]
pub enum AskError {
    /// No connection.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the system reported.
        source: io::Error,
    },
    /// No whole answer in time.
    #[error("{what} has no answer within {seconds} s")]
    Timeout {
        /// The request.
        what: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// The time for all calls together has passed.
    #[error("its answers together take more than {seconds} s")]
    Late {
        /// The limit.
        seconds: u64,
    },
    /// A connection, and no TLS over it.
    #[error("its TLS cannot be used: {0}")]
    Tls(io::Error),
    /// User and password are needed, wrong, or allow too little.
    #[error("{}", match is_asked { true => "it asks for user and password", false => "it refuses user or password" })]
    Unauthorized {
        /// None were given.
        is_asked: bool,
    },
    /// It wants the password itself.
    #[error("it offers basic authentication alone, which shows the password to the network")]
    Basic,
    /// A fault.
    #[error("it refuses {what}: {code}{}{reason}", if reason.is_empty() { "" } else { ": " })]
    Fault {
        /// The request.
        what: &'static str,
        /// Such as `ActionNotSupported`.
        code: String,
        /// The device's words.
        reason: String,
    },
    /// A status other than 200, without a fault.
    #[error("HTTP status {status} to {what}")]
    Status {
        /// The request.
        what: &'static str,
        /// From 100 to 999.
        status: u16,
    },
    /// What comes is not HTTP, or the connection broke.
    #[error("the answer to {what} is broken: {detail}")]
    Http {
        /// The request.
        what: &'static str,
        /// Why.
        detail: String,
    },
    /// More than is read.
    #[error("the answer to {what} has more than {limit_bytes} bytes")]
    TooLarge {
        /// The request.
        what: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
    /// Not XML, or more of it than is taken.
    #[error("the answer to {what} cannot be read as XML: {detail}")]
    Xml {
        /// The request.
        what: &'static str,
        /// Why.
        detail: String,
    },
    /// Something that must be there is not.
    #[error("the answer to {what} has no {lacking}")]
    Lacking {
        /// The request.
        what: &'static str,
        /// What was looked for.
        lacking: &'static str,
    },
    /// It names no address that can be called.
    #[error("it names no address that begins with http:// or https:// ({0})")]
    NoAddress(String),
    /// The URL of a stream that cannot be used.
    #[error("the URL of its stream {0}")]
    StreamUrl(String),
}

impl AskError {
    /// Its name for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "connect",
            Self::Timeout { .. } | Self::Late { .. } => "timeout",
            Self::Unauthorized { is_asked: true } => "login_missing",
            Self::Unauthorized { is_asked: false } | Self::Basic => "unauthorized",
            Self::Fault { .. } => "fault",
            Self::Status { .. } => "status",
            Self::Tls(_) | Self::Http { .. } | Self::TooLarge { .. } | Self::Xml { .. } => {
                "protocol"
            }
            Self::Lacking { .. } | Self::NoAddress(_) | Self::StreamUrl(_) => "incomplete",
        }
    }

    /// What its user can do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } => {
                "check that it is on, and that no firewall is in between"
            }
            Self::Unauthorized { is_asked: true } => "give a user of the camera",
            Self::Unauthorized { is_asked: false } => {
                "correct user and password; many cameras have users of their own for ONVIF"
            }
            Self::Late { .. } => "ask it while it has less to do, or add it by its URL",
            Self::Tls(_) => "ask it by --address http://HOST:PORT/PATH, or add it by its URL",
            Self::Basic => "allow digest authentication in the camera",
            _ => "add it by its URL, which its manual or its own page has",
        }
    }

    /// Whether another request to the same device would fail as well.
    pub(crate) fn is_final(&self) -> bool {
        self.is_of_login()
            || matches!(
                self,
                Self::Connect { .. } | Self::Timeout { .. } | Self::Late { .. } | Self::Tls(_)
            )
    }

    /// Whether another attempt would cost the user one of those after which an account is locked.
    pub(crate) fn is_of_login(&self) -> bool {
        matches!(self, Self::Unauthorized { .. } | Self::Basic)
    }
}
