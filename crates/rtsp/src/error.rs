use std::io;

use camweave_bitstream::rtp;
use camweave_http_auth::AuthError;
use thiserror::Error;

/// Why there is no session, or none any longer.
#[derive(Debug, Error)]
pub enum RtspError {
    /// No connection to the host.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    /// The camera closed the connection.
    #[error("it closed the connection")]
    Closed,
    /// RTCP BYE, or a request TEARDOWN or REDIRECT of the camera's.
    #[error("it ended the stream ({0})")]
    Ended(&'static str),
    /// Status 401, and nothing that could be tried is left.
    #[error("RTSP status 401")]
    Unauthorized,
    /// It wants the password itself, and this session does not send it.
    #[error("{}", AuthError::BasicAlone)]
    BasicAlone,
    /// Another status than 200.
    #[error("RTSP status {status} to {method}")]
    Status {
        /// From 300 to 999.
        status: u16,
        /// The request's.
        method: &'static str,
    },
    /// Redirects that lead nowhere.
    #[error("it redirects {0}")]
    Redirect(&'static str),
    /// The description offers no video; which media it offers.
    #[error("it offers no video (media: {0})")]
    NoVideo(String),
    /// The description offers video, but neither H.264 nor H.265; the codecs' names.
    #[error("its video is '{0}', expected h264 or h265")]
    UnsupportedCodec(String),
    /// Something is larger than its limit.
    #[error("{what} of more than {limit_bytes} bytes")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
    /// It sent more than [`crate::Limits::bytes_per_second`] for longer than [`crate::BEHIND_AT_MOST`].
    #[error(
        "it sends more than {bytes_per_second} bytes a second (each packet counted as {} bytes more)",
        crate::PACKET_COST_BYTES
    )]
    TooFast {
        /// The limit.
        bytes_per_second: u32,
    },
    /// Not RTSP, or not understood.
    #[error("{0}")]
    Protocol(&'static str),
}

impl From<rtp::TooLarge> for RtspError {
    fn from(error: rtp::TooLarge) -> Self {
        Self::TooLarge {
            what: "an access unit",
            limit_bytes: error.limit_bytes,
        }
    }
}

impl From<AuthError> for RtspError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Refused => Self::Unauthorized,
            AuthError::BasicAlone => Self::BasicAlone,
            AuthError::NoNonce => Self::Protocol("its digest challenge has no nonce"),
        }
    }
}
