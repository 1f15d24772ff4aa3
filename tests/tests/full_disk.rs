//! A disk that is full for traces: the run goes on, and each process says once what is lost.

mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use camweave_tests::Pipeline;
use support::{clip, node_lines, patient};

const FRAMES: usize = 120;

/// The folder that is full; seen by dora and its nodes alone, in their own mount namespace.
const DISK: &str = "FULL_DISK";

/// Mounts a file system of eight pages at `$FULL_DISK`: hardly more than one page for the file of
/// each of the seven nodes, where a frame takes some 400 bytes of each.
const MOUNT: &str = r#"mount -t tmpfs -o size=32k full "$FULL_DISK""#;

/// Runs the rest of the command line in a namespace where mounting needs no rights.
const UNSHARE: [&str; 6] = [
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
];

/// Why this system has no such namespaces for us, if it has none.
fn refusal(disk: &Path) -> Option<String> {
    let output = Command::new(UNSHARE[0])
        .args(&UNSHARE[1..])
        .arg(MOUNT)
        .env(DISK, disk)
        .output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("'{}': {error}", UNSHARE[0])),
    }
}

/// The PATH with a `dora` in front that runs the real one beside the full disk.
fn path_with_full_disk(folder: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let dora = folders.iter().map(|it| it.join("dora"));
    let dora = dora.into_iter().find(|it| it.is_file());
    let dora = dora.expect("'dora' is on the PATH: scripts/setup.sh installs it");
    let wrapper = folder.join("dora");
    // No process in between: what is sent to this one reaches dora.
    let text = format!(
        "#!/bin/sh\nexec {} '{MOUNT} && exec \"$0\" \"$@\"' '{}' \"$@\"\n",
        UNSHARE.join(" "),
        dora.display()
    );
    fs::write(&wrapper, text).expect("a file");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("our file");
    folders.insert(0, folder.to_owned());
    std::env::join_paths(folders).expect("folders of a PATH")
}

#[test]
fn a_full_disk_costs_spans_and_no_frame() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).expect("a folder");
    if let Some(refusal) = refusal(&disk) {
        eprintln!("skipped: no file system of a chosen size without root: {refusal}");
        return;
    }
    let file = clip(
        folder.path(),
        "clip.mp4",
        FRAMES as u32,
        &["-c:v", "libx264", "-g", "10", "-bf", "0"],
    );
    let results = patient(Pipeline::of("files-batched.yml"))
        .env("FILES", format!("cam={}", file.display()))
        .env("PACE", "fast")
        .env("PATH", path_with_full_disk(folder.path()))
        .env(DISK, &disk)
        .env("CAMWEAVE_SPANS", "trace")
        .env("CAMWEAVE_TRACE_DIR", disk.join("trace"))
        .start()
        .wait_until_ended();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    assert_eq!(results.lines.len(), FRAMES, "{}", results.log);
    assert_eq!(results.summary.camera("cam").dropped, BTreeMap::new());
    assert_eq!(results.reports.len(), 7, "{}", results.log);
    for report in &results.reports {
        assert!(report.closed && report.fatal.is_none(), "{report:?}");
        assert!(report.spans_lost > 0, "{report:?}");
        let said: Vec<&str> = node_lines(&results.log, &report.stage)
            .into_iter()
            .filter(|line| line.contains("spans are"))
            .collect();
        assert_eq!(said.len(), 1, "{}: {said:?}", report.stage);
        for part in ["disk/trace/", "No space left on device", "the run goes on"] {
            assert!(said[0].contains(part), "{}: {}", report.stage, said[0]);
        }
    }
    // It was that disk: nothing has been written where the others see the folder.
    let seen = fs::read_dir(&disk).expect("our folder").count();
    assert_eq!(seen, 0);
}
