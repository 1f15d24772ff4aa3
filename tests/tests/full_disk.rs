//! A disk that is full: the run continues, what is lost is counted and reported, and the demo ends
//! with an exit code that says so.

mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use camweave_tests::{Pipeline, binary, workspace};
use serde_json::Value;
use support::{clip, node_lines, patient};

const FRAMES: usize = 120;

/// The folder that is full; seen by dora and its nodes alone, in their own mount namespace.
const DISK: &str = "FULL_DISK";

/// Mounts a file system of nine pages at `$FULL_DISK`: hardly more than one page for the file of
/// each of the seven nodes and the folder's mark, where a frame takes some 400 bytes of each.
const MOUNT: &str = r#"mount -t tmpfs -o size=36k full "$FULL_DISK""#;

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
        for part in [
            "disk/trace/",
            "No space left on device",
            "the run continues",
        ] {
            assert!(said[0].contains(part), "{}: {}", report.stage, said[0]);
        }
    }
    // It was that disk: nothing has been written where the others see the folder.
    let seen = fs::read_dir(&disk).expect("our folder").count();
    assert_eq!(seen, 0);
}

/// Runs a demo into a disk that gets full once the first frames are detected, and stays full, or
/// not: `$2` seconds later there is room again. `$0` is camweave, `$1` the folder for a copy of what
/// is on the disk at the end.
const FILLED_DEMO: &str = r#"
mount -t tmpfs -o size=4m full "$FULL_DISK" || exit 99
"$0" demo --cameras 1 --seconds 8 --out "$FULL_DISK/out" & demo=$!
until [ -s "$FULL_DISK/out/detections.jsonl" ]; do sleep 0.1; kill -0 $demo || exit 98; done
cat /dev/zero > "$FULL_DISK/filler" 2>/dev/null
[ "$2" = never ] || { sleep "$2"; rm "$FULL_DISK/filler"; }
wait $demo; code=$?
cp -r "$FULL_DISK/out/." "$1" || exit 97
exit $code
"#;

/// What a demo has left that found its disk full.
struct Filled {
    code: Option<i32>,
    told: String,
    summary: Value,
    lines: u64,
    /// What the sink has logged, in dora's file of its lines.
    log: String,
}

impl Filled {
    fn number(&self, pointer: &str) -> u64 {
        self.summary
            .pointer(pointer)
            .and_then(Value::as_u64)
            .unwrap_or(0)
    }
}

/// The lines of the sink that has named this folder. They are not in the demo's `dora.log`: dora
/// copies no more lines once a write has failed.
fn sink_log(folder: &Path) -> String {
    let runs = fs::read_dir(workspace().join("dataflows/out")).expect("dora keeps logs there");
    let logs =
        runs.filter_map(|run| fs::read_to_string(run.ok()?.path().join("log_sink.jsonl")).ok());
    let name = folder.display().to_string();
    logs.filter(|log| log.contains(&name)).collect()
}

/// `None` where this system has no file systems for us.
#[expect(
    clippy::print_stderr,
    reason = "says why the tests that call this are skipped"
)]
fn filled_demo(room_again: &str) -> Option<Filled> {
    let place = tempfile::tempdir().expect("a folder");
    let (disk, copy) = (place.path().join("disk"), place.path().join("copy"));
    for folder in [&disk, &copy] {
        fs::create_dir(folder).expect("a folder");
    }
    if let Some(refusal) = refusal(&disk) {
        eprintln!("skipped: no file system of a chosen size without root: {refusal}");
        return None;
    }
    let output = Command::new(UNSHARE[0])
        .args(&UNSHARE[1..])
        .arg(FILLED_DEMO)
        .arg(binary("camweave"))
        .arg(&copy)
        .arg(room_again)
        .current_dir(workspace())
        .env(DISK, &disk)
        .stdin(Stdio::null())
        .output()
        .expect("unshare runs a shell");
    let read = |name: &str| fs::read_to_string(copy.join(name)).unwrap_or_default();
    let text = read("detections.jsonl");
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "half a line is left: {text}"
    );
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = serde_json::from_str(&read("summary.json"));
    Some(Filled {
        code: output.status.code(),
        summary: summary.unwrap_or_else(|error| panic!("summary.json: {error}; {told}")),
        told,
        lines: text.lines().count() as u64,
        log: sink_log(&disk),
    })
}

#[test]
fn a_demo_on_a_full_disk_ends_and_counts_what_it_could_not_write() {
    let Some(demo) = filled_demo("never") else {
        return;
    };
    assert_eq!(demo.code, Some(5), "{}", demo.told);
    let lost = demo.number("/not_written/sink.detections");
    assert!(lost > 0, "{}", demo.summary);
    // Whatever stands in the summary is in the file.
    assert_eq!(
        demo.number("/cameras/0/frames_detected"),
        demo.lines,
        "{}",
        demo.summary
    );
    assert_eq!(
        demo.number("/cameras/0/dropped/sink.not_written"),
        lost,
        "{}",
        demo.summary
    );
    let sent = demo.number("/cameras/0/frames_sent");
    assert_eq!((sent, demo.lines + lost), (64, 64), "{}", demo.summary);
    let last = demo.told.lines().last().unwrap_or_default();
    for part in ["disk/out", "not written", "detections"] {
        assert!(last.contains(part), "{last}");
    }
}

#[test]
fn a_disk_that_has_room_again_is_written_to_again() {
    let Some(demo) = filled_demo("3") else {
        return;
    };
    let lost = demo.number("/not_written/sink.detections");
    assert!(lost > 0 && demo.lines > 20, "{}", demo.summary);
    assert_eq!(
        demo.number("/cameras/0/frames_detected"),
        demo.lines,
        "{}",
        demo.summary
    );
    assert_eq!(demo.lines + lost, 64, "{}", demo.summary);
    // Each time that it is over is said, by output, with what was lost.
    let over = demo.log.split("detections: written again; ").skip(1);
    let told: u64 = over
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    assert_eq!(told, lost, "{}", demo.log);
}
