use std::fmt;

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
    /// Connected, but no frame for longer than `STALL_TIMEOUT_MS` or a few of its frame intervals.
    Stalled,
    /// It sends more than is taken: a message, description or access unit beyond its limit.
    TooLarge,
    /// It sends more bytes or packets a second than any camera does.
    TooFast,
    /// It does not offer the transport that `cameras.yml` asks for (461).
    Transport,
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
            Self::TooLarge => "too_large",
            Self::TooFast => "too_fast",
            Self::Transport => "transport",
            Self::Protocol => "protocol",
        }
    }

    /// What its user can do about it, in a sentence.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Refused => "enable RTSP in the camera, and check the port of the URL",
            Self::Unreachable => "check host name, cable and network",
            Self::Timeout => "check that it is on, and that the address is its own",
            Self::Unauthorized => "correct username and password",
            Self::NotFound => {
                "correct the path of the URL; a camera that is booting may also answer this"
            }
            Self::NoVideo => {
                "use the URL of the video stream; a camera that is booting may also answer this"
            }
            Self::UnsupportedCodec => "set the camera to H.264 or H.265",
            Self::Ended => "try again; if it persists, check the camera's own log",
            Self::Stalled => {
                "check that its encoder runs; with 'transport: udp', that no firewall blocks its datagrams"
            }
            Self::TooLarge | Self::TooFast => "lower its bit rate",
            Self::Transport => "set 'transport: udp' (or 'tcp'), or remove it",
            Self::Protocol => {
                "check that no other viewers are connected, and that the URL is the camera's"
            }
        }
    }
}

/// Why a session could not begin or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub kind: FailureKind,
    /// One line that completes 'camera offline: …'.
    pub detail: String,
    /// The camera cannot now (it starts, it has too many viewers): another client could not either.
    pub is_passing: bool,
}

impl Failure {
    /// `detail` completes 'camera offline: …'.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            is_passing: false,
        }
    }

    /// The same, and the camera cannot now: another client could not either.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.is_passing = true;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}
