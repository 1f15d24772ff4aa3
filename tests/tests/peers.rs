//! Streams and files that other programs made go the whole way, every picture of them.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use camweave_tests::{Line, Pipeline, kill, workspace};
use rustix::process::Signal;
use support::{clip, patient};

const PICTURES: u32 = 50;

/// GStreamer's RTSP server in a process of its own.
struct GstServer {
    child: Child,
    port: u16,
}

impl GstServer {
    fn start(streams: &[(&str, &str, &Path)]) -> Self {
        // The bindings belong to the system's Python, not to a virtual environment's.
        let mut child = Command::new("/usr/bin/python3")
            .arg(workspace().join("tests/tests/peers/gst_server.py"))
            .args(
                streams
                    .iter()
                    .map(|(name, codec, file)| format!("{name}={codec}={}", file.display())),
            )
            .stdout(Stdio::piped())
            .spawn()
            .expect("the system's Python");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("a line of text");
        let port = line.trim().parse().unwrap_or_else(|_| {
            panic!("GStreamer's RTSP server does not start, expected the Debian packages python3-gi, gir1.2-gst-rtsp-server-1.0 and the good and bad plugins: scripts/setup.sh installs them")
        });
        Self { child, port }
    }
}

impl Drop for GstServer {
    fn drop(&mut self) {
        kill(self.child.id(), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A camera's lines by session, in the order of the file.
fn sessions<'a>(lines: &'a [Line], camera: &str) -> Vec<Vec<&'a Line>> {
    let mut sessions: BTreeMap<i64, Vec<&Line>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.camera == camera) {
        sessions
            .entry(line.session_unix_nanos)
            .or_default()
            .push(line);
    }
    sessions.into_values().collect()
}

/// Each picture once, in the order in which it is shown, at 10 a second.
fn check_times(lines: &[&Line], camera: &str) {
    assert_eq!(lines.len(), PICTURES as usize, "pictures of '{camera}'");
    let first = lines[0].pts_nanos;
    for (index, line) in lines.iter().enumerate() {
        let expected = index as i64 * 100_000_000;
        let found = line.pts_nanos - first;
        assert!(
            (found - expected).abs() < 1_000_000,
            "picture {index} of '{camera}' is shown at {found} ns, expected {expected}"
        );
        assert_eq!((line.width, line.height), (320, 180));
    }
}

#[test]
fn every_picture_of_gstreamers_rtsp_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let h264 = clip(
        folder.path(),
        "h264.mp4",
        PICTURES,
        &["-c:v", "libx264", "-g", "20"],
    );
    // x265's default: open groups of pictures, each begun by a CRA picture with leading ones.
    let keyint = "keyint=20:min-keyint=20:log-level=none";
    let encoder = ["-c:v", "libx265", "-x265-params", keyint, "-tag:v", "hvc1"];
    let h265 = clip(folder.path(), "h265.mp4", PICTURES, &encoder);
    let server = GstServer::start(&[("avc", "h264", &h264), ("hevc", "h265", &h265)]);
    let yml = folder.path().join("cameras.yml");
    let port = server.port;
    std::fs::write(
        &yml,
        format!(
            "cameras:\n  - {{id: avc, url: 'rtsp://127.0.0.1:{port}/avc'}}\n  - {{id: hevc, url: 'rtsp://127.0.0.1:{port}/hevc'}}\n"
        ),
    )
    .expect("the list of cameras");
    let mut run = patient(Pipeline::of("cpu-batched.yml"))
        .cameras(&yml)
        .start();
    // At the end of its file the server says goodbye; the next session plays it again.
    run.wait_until("a second session of both streams", |run| {
        let lines = run.lines();
        ["avc", "hevc"]
            .iter()
            .all(|camera| sessions(&lines, camera).len() >= 2)
    });
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    for camera in ["avc", "hevc"] {
        check_times(&sessions(&results.lines, camera)[0], camera);
        let summary = results.summary.camera(camera);
        // Only what the stop, in the middle of the second session, has left inside.
        let mut dropped = summary.dropped.keys();
        assert!(
            dropped.all(|reason| reason.ends_with(".stopped")),
            "{camera}: {:?}",
            summary.dropped
        );
        // Only the ends of the file.
        let errors: Vec<_> = summary.errors.keys().collect();
        assert!(
            errors.iter().all(|kind| *kind == "source.ended"),
            "{errors:?}"
        );
    }
}

#[test]
fn every_picture_of_files_with_reordered_pictures() {
    let folder = tempfile::tempdir().expect("a folder");
    let h264 = clip(
        folder.path(),
        "h264.mp4",
        PICTURES,
        &["-c:v", "libx264", "-bf", "3"],
    );
    let encoder = [
        "-c:v",
        "libx265",
        "-x265-params",
        "bframes=4:log-level=none",
    ];
    let h265 = clip(folder.path(), "h265.mkv", PICTURES, &encoder);
    let run = Pipeline::of("files-batched.yml")
        .env(
            "FILES",
            format!("avc={},hevc={}", h264.display(), h265.display()),
        )
        .env("PACE", "fast")
        .start();
    // Nobody stops it: the graph ends with its files.
    let results = run.wait_until_ended();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    assert_eq!(results.lines.len(), 2 * PICTURES as usize);
    for camera in ["avc", "hevc"] {
        let lines = results.lines_of(camera);
        check_times(&lines, camera);
        assert!(lines.iter().all(|line| line.captured_clock == "file"));
        let summary = results.summary.camera(camera);
        assert_eq!(summary.dropped, BTreeMap::new(), "{camera}");
        assert_eq!(summary.errors, BTreeMap::new(), "{camera}");
    }
    for report in &results.reports {
        assert!(
            report.closed && report.fatal.is_none() && report.starts == 1,
            "{report:?}"
        );
    }
}
