//! Everything that can go wrong, one clear line each.

use std::path::PathBuf;

/// The forms that [`faults::parse`](crate::faults::parse) takes.
pub(crate) const FAULT_GRAMMAR: &str = "expected CAMERA:FAULT where CAMERA is a camera id or '*' and FAULT is one of \
     stall@START+LENGTH, disconnect@START[+LENGTH], loss=PROBABILITY[@START[+LENGTH]], \
     garbage@START+LENGTH; times are like 10s, 1.5s or 500ms, PROBABILITY is from 0 to 1";

/// An error of the simulator. The message names the thing, its value and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The media file does not exist or cannot be read.
    #[error("media file {path:?}: {source}")]
    MediaUnreadable {
        /// The file as it was given.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// FFmpeg does not recognise the file as media.
    #[error("media file {path:?} is not a media file that FFmpeg can open: {source}")]
    NotMedia {
        /// The file as it was given.
        path: PathBuf,
        /// What FFmpeg said.
        source: ffmpeg_next::Error,
    },
    /// The file has no video in it.
    #[error("media file {path:?} has no video track; expected at least one")]
    NoVideo {
        /// The file as it was given.
        path: PathBuf,
    },
    /// The file's video track could not be turned into access units.
    #[error("media file {path:?}: {reason}")]
    MediaUnusable {
        /// The file as it was given.
        path: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
    /// A picture size outside of what the encoders take.
    #[error(
        "frame size {width}x{height} is not usable; expected even numbers, from 16x16 to 8192x8192"
    )]
    BadSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A frame rate that is not a positive number of frames per second.
    #[error(
        "frame rate {value:?} is not usable; expected 0.1 to 240 as '25', '29.97' or '30000/1001'"
    )]
    BadFrameRate {
        /// The value as it was given.
        value: String,
    },
    /// A scene or a run without any frame.
    #[error("{seconds} s at {fps} frames per second is not even one frame; expected at least one")]
    NoFrames {
        /// The length asked for.
        seconds: f64,
        /// The frame rate asked for.
        fps: f64,
    },
    /// This build of FFmpeg lacks an encoder.
    #[error("FFmpeg has no encoder {name:?}; install an FFmpeg that was built with it")]
    NoEncoder {
        /// FFmpeg's name of the encoder.
        name: &'static str,
    },
    /// An FFmpeg call failed while encoding.
    #[error("encoder {encoder}: {action}: {source}")]
    Encode {
        /// FFmpeg's name of the encoder.
        encoder: &'static str,
        /// What was being done.
        action: &'static str,
        /// What FFmpeg said.
        source: ffmpeg_next::Error,
    },
    /// The scene could not be made or rendered.
    #[error("scene of camera {camera:?}: {reason}")]
    Scene {
        /// The camera's id.
        camera: String,
        /// What was wrong.
        reason: String,
    },
    /// A fault description that does not follow the grammar.
    #[error("fault {text:?}: {reason}; {}", FAULT_GRAMMAR)]
    BadFault {
        /// The description as it was given.
        text: String,
        /// What was wrong with it.
        reason: String,
    },
    /// A camera description that does not follow the grammar.
    #[error(
        "camera {text:?}: {reason}; expected ID=scene:SEED or ID=FILE, where ID is made of letters, digits, '-', '_' and '.'"
    )]
    BadCamera {
        /// The description as it was given.
        text: String,
        /// What was wrong with it.
        reason: String,
    },
    /// Two cameras with the same id.
    #[error("camera id {id:?} is given twice; expected a different id for each camera")]
    DuplicateCamera {
        /// The id.
        id: String,
    },
    /// No camera at all.
    #[error("no camera to serve; expected at least one")]
    NoCameras,
    /// Credentials that are not `user:password`.
    #[error("credentials are not usable: {reason}; expected USER:PASSWORD")]
    BadCredentials {
        /// What was wrong; never the credentials themselves.
        reason: &'static str,
    },
    /// The server's port could not be opened.
    #[error("cannot listen on {address}: {source}{}", port_hint(source))]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the record, or the cameras file, could not be written.
    #[error("cannot write {path:?}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn port_hint(source: &std::io::Error) -> &'static str {
    if source.kind() == std::io::ErrorKind::AddrInUse {
        " (another program uses this port; choose another one, or port 0 for any free one)"
    } else {
        ""
    }
}
