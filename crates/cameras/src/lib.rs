//! `cameras.yml`: which cameras there are and how to reach them.
//!
//! ```yaml
//! cameras:
//!   - id: cam1                  # letters, digits, '_' and '-': it names files
//!     url: rtsp://host:554/path # or streams: {detect: rtsp://host/sub, record: rtsp://host/main}
//!     transport: tcp            # tcp or udp; left out: tcp, or udp where the camera refuses it
//!     client: auto              # auto (default), rtsp or ffmpeg
//!     username: ${CAM_USER}     # ${NAME} or ${NAME:-default}, from the environment
//!     password: ${CAM_PASSWORD} # taken as it is: nothing is trimmed
//!     detect_fps: 5             # pictures per second that are detected on; left out: all
//!     detect: on                # on (default), off: not at all, or motion: while something moves
//!     motion_area: 0.2          # with motion: percent of the picture that must change
//!     region: [0, 0.4, 1, 1]    # what the detector is given, in parts of the frame; left out: all
//!     ignore:                   # polygons in which objects are not reported
//!       - [[0, 0.4], [0.3, 0.4], [0, 0.7]]
//! ```
//!
//! [`load`] reads it, [`Watch`] reads it again when it changes, [`changes`] compares what was read,
//! and [`mod@edit`] changes it without a loss of comments.

mod areas;
mod changes;
mod credentials;
pub mod edit;
mod expand;
mod read;
mod stream;
mod syntax;
mod url;
mod urls;
mod watch;

pub use camweave_message::Areas;
pub use changes::{Change, changes};
pub use credentials::Credentials;
pub use read::{has_literal_secrets, load, parse};
pub use stream::{RecordStream, StreamRole};
pub use url::{SCHEMES, has_literal_secret};
pub use watch::Watch;

use std::num::NonZeroU32;
use std::path::PathBuf;

use camweave_message::Selection;
use camweave_redact::{KnownSecrets, SecretUrl};
use thiserror::Error;

/// Bytes that a `cameras.yml` may have: some ten thousand cameras.
pub const FILE_BYTES: u64 = 4 << 20;

/// The environment that `${NAME}` is looked up in.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How RTP packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Interleaved in the RTSP connection: complete and in order.
    Tcp,
    /// Datagrams, for a network that loses few.
    Udp,
}

/// What connects to the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientKind {
    /// The RTSP client where the URL is `rtsp://`, and FFmpeg's demuxer for all others and where
    /// that client cannot play the camera.
    #[default]
    Auto,
    /// The RTSP client alone.
    Rtsp,
    /// FFmpeg's demuxer alone.
    Ffmpeg,
}

/// One camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// Unique, and safe as a file name: `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`.
    pub id: String,
    /// `rtsp://…`, without user and password. It shows itself without the values of its query. Of two
    /// streams it is the one that is detected on.
    pub url: SecretUrl,
    /// The stream that is recorded, where it is another one.
    pub record: Option<RecordStream>,
    /// How RTP packets travel; `None`: TCP, or UDP where the camera refuses it.
    pub transport: Option<Transport>,
    /// What connects to the camera.
    pub client: ClientKind,
    /// Which pictures are detected on.
    pub selection: Selection,
    /// With `detect: motion`: parts per million of the picture that must have changed.
    pub motion: Option<NonZeroU32>,
    /// Which parts of the frames are looked at.
    pub areas: Areas,
    /// The user, where the camera asks for one.
    pub credentials: Option<Credentials>,
}

impl Camera {
    /// The camera with one of its streams alone. A camera that has only one has it in both roles.
    #[must_use]
    pub fn with_stream(mut self, role: StreamRole) -> Self {
        let record = self.record.take();
        if let (StreamRole::Record, Some(record)) = (role, record) {
            self.url = record.url;
            self.credentials = record.credentials;
        }
        self
    }

    /// What is hidden in the text that the camera sends: its credentials, and what in its URL looks
    /// like some.
    #[must_use]
    pub fn known_secrets(&self) -> KnownSecrets {
        let mut known = self.url.secrets();
        if let Some(credentials) = &self.credentials {
            known.extend(&credentials.known());
        }
        if let Some(record) = &self.record {
            known.extend(&record.known_secrets());
        }
        known
    }
}

/// Why `cameras.yml` cannot be used: one line that names the place, what was
/// expected, and the value where it cannot be a part of a credential.
#[derive(Debug, Error)]
pub enum CamerasError {
    /// The file cannot be read.
    #[error("cannot read the cameras' file '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is longer than [`FILE_BYTES`].
    #[error("the cameras' file '{}' is longer than {FILE_BYTES} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A place in the file is wrong.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// In characters, from 1.
        column: u64,
        /// What is there and what was expected.
        message: String,
    },
}
