//! What the tests of examples, bad input and peers share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod measure;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use camweave_tests::Builder;

/// A media file of testing pictures, 320x180 at 10 a second.
pub fn clip(folder: &Path, name: &str, pictures: u32, encoder: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let seconds = f64::from(pictures) / 10.0;
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i"])
        .arg(format!("testsrc2=size=320x180:rate=10:duration={seconds}"))
        .args(["-pix_fmt", "yuv420p"])
        .args(encoder)
        .arg(&path)
        .output()
        .expect("the ffmpeg command: scripts/setup.sh installs it");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    path
}

/// The PATH on which dora finds a Python that has the `dora-rs` package; `CAMWEAVE_PYTHON` may
/// name another `python3` than the PATH's.
pub fn path_with_python() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let chosen = std::env::var_os("CAMWEAVE_PYTHON").map(PathBuf::from);
    let python = chosen.clone().unwrap_or_else(|| PathBuf::from("python3"));
    let output = Command::new(&python)
        .args(["-c", "import dora, pyarrow"])
        .output()
        .unwrap_or_else(|error| panic!("'{}': {error}", python.display()));
    assert!(
        output.status.success(),
        "'{}' lacks the packages of examples/python-sink/requirements.txt (scripts/setup.sh installs them; CAMWEAVE_PYTHON names another Python): {}",
        python.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let folder = chosen.and_then(|it| it.parent().map(Path::to_owned));
    let folders = folder.into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).expect("folders of a PATH")
}

/// What a node has written, by its id, as dora's log shows it.
pub fn node_lines<'a>(log: &'a str, node: &str) -> Vec<&'a str> {
    let marker = format!(" stdout {node}: ");
    log.lines()
        .filter_map(|line| line.split_once(&marker).map(|(_, text)| text))
        .collect()
}

/// Lets frames wait instead of giving way: where a test asks whether every frame goes its way,
/// the machine's speed must not matter.
pub fn patient(graph: Builder) -> Builder {
    graph
        .set("MAX_WAIT_MS", "30000")
        .set("QUEUE", "512")
        .set("SLOTS", "512")
        .set("HEAD_SLOTS", "512")
        // 512 slots of 640x360 are more than the default allows a camera.
        .set("CAMERA_MB", "1024")
}
