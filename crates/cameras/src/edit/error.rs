use std::io;
use std::path::{Path, PathBuf};

use camweave_redact::printable;
use thiserror::Error;

use crate::CamerasError;

/// Why a `cameras.yml` was not changed: one line. No value of the file is quoted that may be a
/// secret.
#[derive(Debug, Error)]
pub enum EditError {
    /// It cannot be used as it is, or could not be after the change.
    #[error(transparent)]
    Invalid(#[from] CamerasError),
    /// There is no such camera.
    #[error("'{}' has no camera '{id}', expected one of {known}", path.display())]
    NoCamera {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        id: String,
        /// The ids that there are, a few of them.
        known: String,
    },
    /// There is such a camera already.
    #[error("'{}' has a camera '{id}' already, expected another id", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
        /// Its id.
        id: String,
    },
    /// The camera has no such field.
    #[error("camera '{id}' in '{}' has no field '{field}' of its own", path.display())]
    NoField {
        /// The file.
        path: PathBuf,
        /// The camera.
        id: String,
        /// The field.
        field: String,
    },
    /// The last camera cannot go.
    #[error(
        "camera '{id}' is the only one in '{}', expected at least one to stay ('detect: off' keeps it connected and detects nothing)",
        path.display()
    )]
    Last {
        /// The file.
        path: PathBuf,
        /// The camera.
        id: String,
    },
    /// The file is written in a way that cannot be changed in place.
    #[error(
        "'{}' is written in a way that cannot be changed here without a loss: edit it by hand",
        path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
    },
    /// The value is no list in one line.
    #[error("{field}: expected a list in one line, such as [0, 0, 0.5, 1]")]
    NoList {
        /// The field.
        field: String,
    },
    /// The value is no mapping in one line.
    #[error(
        "{field}: expected a mapping in one line, such as {{detect: 'rtsp://host/sub', record: 'rtsp://host/main'}}"
    )]
    NoMap {
        /// The field.
        field: String,
    },
    /// It is longer than is read.
    #[error("'{}' is longer than {most_bytes} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit.
        most_bytes: u64,
    },
    /// Another editor is at work.
    #[error("'{}' is being changed by another process: try again", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else has changed it.
    #[error("'{}' has changed since it was read: nothing was written, try again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which path.
        path: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
}

impl EditError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(super) fn no_camera(path: &Path, id: &str, known: &[&str]) -> Self {
        const NAMED: usize = 8;
        let mut listed: Vec<String> = known
            .iter()
            .take(NAMED)
            .map(|id| format!("'{}'", printable(id)))
            .collect();
        if known.len() > NAMED {
            listed.push(format!("{} more", known.len() - NAMED));
        }
        Self::NoCamera {
            path: path.to_owned(),
            id: printable(id).into_owned(),
            known: listed.join(", "),
        }
    }
}
