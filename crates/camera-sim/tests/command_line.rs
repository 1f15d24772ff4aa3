//! The `camera-sim` binary: its ready line, its record, its one-line errors.
#![allow(
    clippy::unwrap_used,
    reason = "a test panics on what it does not expect"
)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::Viewer;
use serde_json::Value;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camera-sim"));
    command
        .arg("serve")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts the binary and reads its ready line.
fn ready(arguments: &[&str]) -> (Child, Value) {
    let mut child = command(arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    if line.is_empty() {
        let mut error = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut error)
            .unwrap();
        panic!("not ready: {error}");
    }
    (child, serde_json::from_str(&line).unwrap())
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenes_with_record_and_cameras_file() {
    let dir = tempfile::tempdir().unwrap();
    let (record, yml) = (dir.path().join("record"), dir.path().join("cameras.yml"));
    let (mut child, ready) = ready(&[
        "--cameras",
        "2",
        "--seconds",
        "1.5",
        "--size",
        "160x96",
        "--port",
        "0",
        "--at-end",
        "bye",
        "--record",
        record.to_str().unwrap(),
        "--write-cameras",
        yml.to_str().unwrap(),
        "--exit-after-end",
        "0.2",
    ]);
    assert_eq!(ready["ready"], true);
    let ids: Vec<_> = ready["cameras"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["id"].clone())
        .collect();
    assert_eq!(ids, ["cam1", "cam2"]);
    let urls: Vec<String> = ready["cameras"]
        .as_array()
        .unwrap()
        .iter()
        .map(|camera| camera["url"].as_str().unwrap().to_owned())
        .collect();
    let expected: String = urls
        .iter()
        .enumerate()
        .map(|(i, url)| format!("  - id: cam{}\n    url: {url}\n    transport: tcp\n", i + 1))
        .collect();
    assert_eq!(
        std::fs::read_to_string(&yml).unwrap(),
        format!("# written by camera-sim\ncameras:\n{expected}")
    );
    let (first, second) = (
        Viewer::connect(&urls[0], false).await,
        Viewer::connect(&urls[1], true).await,
    );
    let (first, second) = tokio::join!(first.all(), second.all());
    assert_eq!((first.len(), second.len()), (15, 15));
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap())
        .await
        .unwrap();
    assert!(status.success());
    for (i, camera) in json(&record.join("cameras.json"))
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        assert_eq!(camera["url"], urls[i]);
        assert_eq!(camera["codec"], "h264");
        for (key, expected) in [
            ("width", 160),
            ("height", 96),
            ("frames_total", 15),
            ("frames_sent", 15),
            ("first_frame_sent", 0),
            ("last_frame_sent", 14),
        ] {
            assert_eq!(camera[key], expected, "{key} of {camera}");
        }
        assert!(camera["t0_unix_nanos"].as_u64().unwrap() > 1_600_000_000_000_000_000);
        let truth =
            std::fs::read_to_string(record.join(format!("cam{}.truth.jsonl", i + 1))).unwrap();
        let frames: Vec<Value> = truth
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(frames.len(), 15);
        assert_eq!(frames[7]["frame"], 7);
        assert_eq!(frames[7]["captured_offset_nanos"], 700_000_000);
        assert!(frames[7]["objects"].is_array());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_the_run_with_a_goodbye_and_the_record() {
    let dir = tempfile::tempdir().unwrap();
    let media = common::make_media(
        dir.path(),
        "a.mp4",
        1,
        "25",
        &["-c:v", "libx264", "-bf", "0"],
    );
    let record = dir.path().join("record");
    let (mut child, ready) = ready(&[
        "--media",
        media.to_str().unwrap(),
        "--port",
        "0",
        "--record",
        record.to_str().unwrap(),
    ]);
    let mut viewer = Viewer::connect(ready["cameras"][0]["url"].as_str().unwrap(), false).await;
    // Past the end of the file: it is repeated indefinitely.
    for _ in 0..30 {
        viewer.next().await.unwrap();
    }
    let kill = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let rest = viewer.all().await.len();
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap())
        .await
        .unwrap();
    assert!(status.success());
    let camera = &json(&record.join("cameras.json"))[0];
    assert_eq!(camera["frames_sent"], 30 + rest);
    assert_eq!(camera["frames_total"], Value::Null);
    assert_eq!(camera["frames_in_clip"], 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_stay_out_of_the_cameras_file() {
    let dir = tempfile::tempdir().unwrap();
    let yml = dir.path().join("cameras.yml");
    let (mut child, ready) = ready(&[
        "--camera",
        "gate=scene:5",
        "--seconds",
        "0.5",
        "--size",
        "160x96",
        "--port",
        "0",
        "--auth",
        "viewer:hush",
        "--write-cameras",
        yml.to_str().unwrap(),
        "--transport",
        "udp",
    ]);
    let url = ready["cameras"][0]["url"].as_str().unwrap();
    assert_eq!(
        std::fs::read_to_string(&yml).unwrap(),
        format!(
            "# written by camera-sim\ncameras:\n  - id: gate\n    url: {url}\n    transport: udp\n    \
             username: ${{CAM_USER}}\n    password: ${{CAM_PASSWORD}}\n"
        )
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn errors_are_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let small = ["--seconds", "0.2", "--size", "64x64", "--port", "0"];
    for (arguments, expected) in [
        (
            &["--port", &port, "--size", "64x64", "--seconds", "0.2"][..],
            "another program uses this port",
        ),
        (
            &["--media", "nowhere.mp4"],
            "media file \"nowhere.mp4\": No such file",
        ),
        (&["--size", "65x64", "--port", "0"], "65x64"),
        (&["--size", "64x9000", "--port", "0"], "64x9000"),
        (&["--seconds", "0.01", "--port", "0"], "not even one frame"),
        (
            &[&small[..], &["--fault", "cam9:loss=1"]].concat(),
            "\"cam9\"; expected '*' or one of cam1",
        ),
        (
            &[&small[..], &["--record", "/dev/null/x"]].concat(),
            "cannot write \"/dev/null/x\"",
        ),
    ] {
        let output = command(arguments).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        let last = error.lines().last().unwrap();
        assert!(
            last.starts_with("camera-sim: ") && last.contains(expected),
            "{error}"
        );
        assert!(output.stdout.is_empty());
    }
    let usage = command(&["--fps", "fast"]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}
