//! What a run leaves behind: `cameras.json`, `<id>.truth.jsonl`, and a cameras file for a pipeline.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use camweave_outdir::{
    FILE_MODE, Folder, PRIVATE_MODE, open_for_reading, replace, replace_in_room,
};
use serde::Serialize;

use crate::SimError;
use crate::nal::Codec;
use crate::scene::FrameTruth;
use crate::second::SECOND_STREAM;

/// How a list of cameras begins that may be replaced.
const FIRST_LINE: &str = "# written by camera-sim";

/// What one camera has done so far: an entry of `cameras.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraRecord {
    /// The camera's id.
    pub id: String,
    /// Where it is served.
    pub url: String,
    /// Its codec.
    pub codec: Codec,
    /// Picture width in pixels.
    pub width: u32,
    /// Picture height in pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: f64,
    /// Wall clock time of the capture of frame 0, once it has been.
    pub t0_unix_nanos: Option<u64>,
    /// Frames from start to end; none where the camera never ends.
    pub frames_total: Option<u64>,
    /// Frames after which the clip, and with it the truth, begins again.
    pub frames_in_clip: u64,
    /// Frames captured so far, sent or not.
    pub frames_captured: u64,
    /// Frames of which every packet was written to at least one client, each counted once.
    pub frames_sent: u64,
    /// Lowest number of a frame that was sent.
    pub first_frame_sent: Option<u64>,
    /// Highest number of a frame that was sent.
    pub last_frame_sent: Option<u64>,
    /// Whether all frames have been captured.
    pub ended: bool,
    /// Clients playing now.
    pub clients: usize,
    /// Times a client began to play.
    pub plays: u64,
    /// Frames not given to a client that read too slowly, summed over clients.
    pub send_backlog: u64,
    /// Frames withheld by a stall fault.
    pub frames_stalled: u64,
    /// Frames of which a loss fault took packets, summed over clients.
    pub frames_damaged: u64,
    /// RTP packets taken out by a loss fault, summed over clients.
    pub packets_lost: u64,
    /// Times a disconnect fault closed all connections.
    pub disconnects: u64,
}

/// Writes `cameras.json` into `dir`, replacing the old one in one step.
pub fn write_cameras(dir: &Path, cameras: &[CameraRecord]) -> Result<(), SimError> {
    let path = dir.join("cameras.json");
    let json = serde_json::to_vec_pretty(cameras).map_err(|error| SimError::Write {
        path: path.clone(),
        source: error.into(),
    })?;
    write_into(dir, "cameras.json", &json)
}

/// Writes `<camera>.truth.jsonl` into `dir`: one line per frame of the clip.
pub fn write_truth(dir: &Path, camera: &str, truth: &[FrameTruth]) -> Result<(), SimError> {
    let name = format!("{camera}.truth.jsonl");
    let path = dir.join(&name);
    let mut lines = Vec::new();
    for frame in truth {
        serde_json::to_writer(&mut lines, frame).map_err(|error| SimError::Write {
            path: path.clone(),
            source: error.into(),
        })?;
        lines.push(b'\n');
    }
    write_into(dir, &name, &lines)
}

/// What a `cameras.yml` says of each camera.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// `tcp` or `udp`.
    pub transport: &'a str,
    /// The file refers to the environment variables CAM_USER and CAM_PASSWORD instead of naming the
    /// credentials.
    pub auth: bool,
    /// Pictures per second that are detected on; `None`: all.
    pub detect_fps: Option<f64>,
    /// Each camera has a second stream, which is the one that is detected on.
    pub with_second: bool,
}

/// Writes the cameras as a pipeline's `cameras.yml`.
pub fn write_cameras_yml(
    path: &Path,
    cameras: &[(String, String)],
    listed: &Listed<'_>,
) -> Result<(), SimError> {
    refuse_another(path)?;
    let mut yml = format!("{FIRST_LINE}\ncameras:\n");
    let second = |id: &str| {
        let name = format!("{id}{SECOND_STREAM}");
        let found = cameras.iter().find(|it| it.0 == name && listed.with_second);
        found.map(|(_, url)| url)
    };
    let is_second = |id: &str| {
        let of = id.strip_suffix(SECOND_STREAM);
        of.is_some_and(|of| cameras.iter().any(|it| it.0 == of))
    };
    for (id, url) in cameras {
        let reached = match second(id) {
            Some(second) => format!("streams: {{detect: '{second}', record: '{url}'}}"),
            None if listed.with_second && is_second(id) => continue,
            None => format!("url: {url}"),
        };
        let _ = write!(
            yml,
            "  - id: {id}\n    {reached}\n    transport: {}\n",
            listed.transport
        );
        if let Some(fps) = listed.detect_fps {
            let _ = writeln!(yml, "    detect_fps: {fps}");
        }
        if listed.auth {
            yml.push_str("    username: ${CAM_USER}\n    password: ${CAM_PASSWORD}\n");
        }
    }
    // The URLs may have passwords.
    replace(path, yml.as_bytes(), PRIVATE_MODE).map_err(|source| SimError::Write {
        path: path.to_owned(),
        source,
    })
}

/// A list of cameras of the user's own is not replaced.
fn refuse_another(path: &Path) -> Result<(), SimError> {
    let mut start = Vec::new();
    let read = open_for_reading(path)
        .and_then(|file| file.take(FIRST_LINE.len() as u64).read_to_end(&mut start));
    let source = match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Ok(_) if start.is_empty() || start == FIRST_LINE.as_bytes() => return Ok(()),
        Ok(_) => std::io::Error::new(
            std::io::ErrorKind::AlreadyExists,
            "camera-sim did not write it: name another file, or move it away",
        ),
        Err(error) => error,
    };
    Err(SimError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Replaces a file of the record in one step; one that somebody else has written is refused.
fn write_into(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), SimError> {
    let claimed = Folder::open(dir).and_then(|folder| folder.claim(name));
    let written = claimed.map_err(std::io::Error::from);
    let written = written.and_then(|path| replace_in_room(&path, bytes, FILE_MODE));
    written.map_err(|source| SimError::Write {
        path: dir.join(name),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LISTED: Listed<'_> = Listed {
        transport: "tcp",
        auth: false,
        detect_fps: Some(2.5),
        with_second: false,
    };

    #[test]
    fn a_camera_with_a_second_stream_is_one_camera() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cameras.yml");
        let cameras = ["cam1", "cam1-sub"].map(|id| (id.to_owned(), format!("rtsp://h/{id}")));
        let listed = Listed {
            with_second: true,
            detect_fps: None,
            ..LISTED
        };
        write_cameras_yml(&path, &cameras, &listed).expect("writable");
        let text = fs::read_to_string(&path).expect("there");
        let expected = "cameras:\n  - id: cam1\n    streams: {detect: 'rtsp://h/cam1-sub', record: 'rtsp://h/cam1'}\n    transport: tcp\n";
        assert_eq!(text.split_once('\n').map(|it| it.1), Some(expected));
    }

    #[test]
    fn a_list_of_the_users_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cameras.yml");
        let cameras = [("cam1".to_owned(), "rtsp://127.0.0.1/cam1".to_owned())];
        let write = || write_cameras_yml(&path, &cameras, &LISTED);
        fs::write(&path, "").expect("writable");
        for _ in 0..2 {
            write().expect("camera-sim's");
        }
        let text = fs::read_to_string(&path).expect("there");
        assert!(
            text.ends_with("    transport: tcp\n    detect_fps: 2.5\n"),
            "{text}"
        );
        fs::write(&path, "cameras: [] # mine\n").expect("writable");
        let error = write().expect_err("theirs").to_string();
        assert!(error.contains("camera-sim did not write it"), "{error}");
        let text = fs::read_to_string(&path).expect("there");
        assert_eq!(text, "cameras: [] # mine\n");
    }
}
