//! Why a file cannot be played, and what to do.

use std::io;
use std::path::PathBuf;

use camweave_bitstream::BitstreamError;
use thiserror::Error;

/// Why a file cannot be played: one line that names it and what was expected.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system does not open it.
    #[error("cannot open the file '{}': {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A directory, a pipe, a device or a socket.
    #[error("cannot open the file '{}': it is {found}, expected a regular file", path.display())]
    NotAFile {
        /// What stands in a file's place.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A list of other files, which is not followed.
    #[error("'{}' is a playlist, which would open other files: name the media file itself", path.display())]
    Playlist {
        /// The file.
        path: PathBuf,
    },
    /// No byte.
    #[error("'{}' is empty (0 bytes)", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// An MP4 or MOV file whose index was never written.
    #[error("'{}' is an MP4 file without its index ('moov'): the recording was not finished. Repair it (untrunc), or record in fragments or as MKV", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
    },
    /// Nothing that FFmpeg knows.
    #[error("'{}' is not a media file that FFmpeg can read: {reason}", path.display())]
    NotMedia {
        /// The file.
        path: PathBuf,
        /// What FFmpeg says.
        reason: String,
    },
    /// Sound alone, or a cover picture.
    #[error("'{}' has no video stream (format {format})", path.display())]
    NoVideo {
        /// The file.
        path: PathBuf,
        /// FFmpeg's name of the container.
        format: String,
    },
    /// Video that the pipeline does not decode.
    #[error("'{}' contains {codec} video, expected h264, h265 (hevc), vp9, av1, mjpeg or mpeg4: 'ffmpeg -i IN -c:v libx264 OUT.mp4' converts it", path.display())]
    Codec {
        /// The file.
        path: PathBuf,
        /// FFmpeg's name of the codec.
        codec: String,
    },
    /// The stream's header bytes contradict themselves.
    #[error("'{}' has a damaged header: {source}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: BitstreamError,
    },
    /// No access unit could be read.
    #[error("'{}' contains no readable frame: {reason}", path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl FileError {
    /// The name in counters and states.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Open { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "not_found",
                io::ErrorKind::PermissionDenied => "no_access",
                _ => "unreadable",
            },
            Self::NotAFile { .. } => "not_a_file",
            Self::Playlist { .. } => "playlist",
            Self::Empty { .. } => "empty",
            Self::Incomplete { .. } => "incomplete",
            Self::NotMedia { .. } => "not_media",
            Self::NoVideo { .. } => "no_video",
            Self::Codec { .. } => "unsupported_codec",
            Self::Header { .. } | Self::Nothing { .. } => "damaged",
        }
    }

    /// What a person can do, in a few words.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Open { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "check the path, which is seen from the graph's folder",
                io::ErrorKind::PermissionDenied => "allow this user to read it",
                _ => "check the disk",
            },
            Self::NotAFile { .. } => "name a regular file",
            Self::Playlist { .. } => "name the media file itself",
            Self::Empty { .. } | Self::Header { .. } | Self::Nothing { .. } => {
                "copy or record it again"
            }
            Self::Incomplete { .. } => "repair the recording, or record as MKV",
            Self::NotMedia { .. } => "name a media file",
            Self::NoVideo { .. } => "name a file with video",
            Self::Codec { .. } => "encode it as H.264",
        }
    }
}
