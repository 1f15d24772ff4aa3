//! Result folders: nothing of the user's is lost, nor of an earlier run, whatever the folder has.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use camweave_tests::{Pipeline, Results, binary, kill, workspace};
use rustix::process::Signal;
use support::{clip, patient};
use tempfile::TempDir;

fn camweave(place: &Path, arguments: &[&str]) -> Output {
    Command::new(binary("camweave"))
        .args(arguments)
        .current_dir(workspace())
        .env("XDG_RUNTIME_DIR", place)
        .stdin(Stdio::null())
        .output()
        .expect("camweave can be started")
}

fn demo(place: &Path, out: &Path, more: &[&str]) -> Output {
    let out = out.display().to_string();
    let usual = ["demo", "--cameras", "1", "--seconds", "2", "--out", &out];
    camweave(place, &[&usual[..], more].concat())
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// All files of a folder with their contents, by path; none of camweave's own marks and locks.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.starts_with(".camweave") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.clone(), fs::read(&path).expect("readable"));
            }
        }
    }
    found
}

/// A folder of a user's, with names that camweave uses too.
fn foreign(place: &TempDir) -> PathBuf {
    let folder = place.path().join("mine");
    for name in [
        "stats/2024.json",
        "cameras/list.txt",
        "run/1.txt",
        "A-1/1.txt",
        "clips/1.mp4",
    ] {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::write(path, "precious").expect("writable");
    }
    for name in [
        "holiday.png",
        "cam1.png",
        "summary.json",
        "detections.jsonl",
        "dora.log",
        "cameras.yml",
    ] {
        fs::write(folder.join(name), "precious").expect("writable");
    }
    folder
}

#[test]
fn a_folder_of_the_users_is_refused_by_name_and_left_as_it_is() {
    let place = tempfile::tempdir().expect("a folder");
    let mine = foreign(&place);
    let before = contents(&mine);
    let graph = workspace()
        .join("dataflows/cpu-sequential.yml")
        .display()
        .to_string();
    let out = mine.display().to_string();
    let clip = clip(place.path(), "clip.mp4", 20, &["-c:v", "libx264"])
        .display()
        .to_string();
    let common = ["--out", &out, "--files", &clip, "--cameras", "1"];
    let cases: [(&[&str], &str); 4] = [
        (
            &["demo", "--cameras", "1", "--seconds", "2", "--out", &out],
            "'detections.jsonl'",
        ),
        (&[&["profile", &graph], &common[..]].concat(), "'run/'"),
        (&[&["bench", "fps", &graph], &common[..]].concat(), "'run/'"),
        (
            &[&["ab", &graph, &graph], &common[..]].concat(),
            "'summary.json'",
        ),
    ];
    for (arguments, expected) in cases {
        let output = camweave(place.path(), arguments);
        let told = told(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert_eq!(told.lines().count(), 1, "{arguments:?}: {told}");
        assert!(
            told.contains(&out) && told.contains(expected),
            "{arguments:?}: {told}"
        );
        assert_eq!(contents(&mine), before, "{arguments:?}");
    }
}

#[test]
fn a_demo_that_cannot_start_costs_nothing_and_the_next_keeps_the_history() {
    let place = tempfile::tempdir().expect("a folder");
    let out = place.path().join("out");
    let output = demo(place.path(), &out, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    // Pictures of people are not for everybody.
    for (path, _) in contents(&out) {
        let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode & !0o640, 0, "{}: {mode:o}", path.display());
    }
    for name in ["holiday.png", "cameras/notes.txt", "stats/mine.json.txt"] {
        fs::write(out.join(name), "precious").expect("writable");
    }
    let before = contents(&out);
    for wrong in [
        ["--size", "640*360"],
        ["--fps", "many"],
        ["--model", "missing.onnx"],
        ["--media", "missing.mp4"],
    ] {
        let output = demo(place.path(), &out, &wrong);
        assert_ne!(output.status.code(), Some(0), "{wrong:?}");
        assert_eq!(contents(&out), before, "{wrong:?}: {}", told(&output));
    }
    let output = demo(place.path(), &out, &["--seed", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let after = contents(&out);
    for name in ["holiday.png", "cameras/notes.txt", "stats/mine.json.txt"] {
        assert_eq!(after[&out.join(name)], b"precious", "{name}");
    }
    for (name, start) in [
        ("detections.jsonl", "detections-"),
        ("summary.json", "summary-"),
    ] {
        let earlier = &before[&out.join(name)];
        assert_ne!(&after[&out.join(name)], earlier, "{name}");
        let kept = after
            .iter()
            .filter(|(path, _)| path.starts_with(out.join("history")));
        let mut kept = kept.filter(|(path, _)| {
            path.file_name()
                .is_some_and(|it| it.to_string_lossy().starts_with(start))
        });
        assert_eq!(kept.next().map(|(_, text)| text), Some(earlier), "{name}");
    }
}

/// Plays a clip of `frames` frames into `out`, as fast as it goes.
fn play(place: &Path, out: &Path, frames: u32) -> Results {
    let file = clip(
        place,
        &format!("{frames}.mp4"),
        frames,
        &["-c:v", "libx264"],
    );
    patient(Pipeline::of("files-batched.yml"))
        .env("FILES", format!("cam={}", file.display()))
        .env("PACE", "fast")
        .out(out)
        .start()
        .wait_until_ended()
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).expect("a file").lines().count()
}

#[test]
fn the_next_run_of_a_graph_keeps_what_the_one_before_has_found() {
    let place = tempfile::tempdir().expect("a folder");
    let out = place.path().join("out");
    for frames in [10, 20] {
        let results = play(place.path(), &out, frames);
        assert_eq!(results.exit_code, Some(0), "{}", results.log);
        assert_eq!(results.lines.len(), frames as usize);
    }
    assert_eq!(lines(&out.join("detections.jsonl")), 20);
    let history = contents(&out.join("history"));
    let earlier: Vec<&PathBuf> = history
        .keys()
        .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
        .collect();
    assert_eq!((earlier.len(), lines(earlier[0])), (1, 10));
    assert_eq!(
        history.len(),
        2,
        "its summary as well: {:?}",
        history.keys()
    );
}

#[test]
fn a_folder_has_one_writer_and_a_restarted_sink_gets_its_own_back() {
    let place = tempfile::tempdir().expect("a folder");
    let out = place.path().join("out");
    let file = clip(place.path(), "long.mp4", 600, &["-c:v", "libx264"]);
    let start = || {
        Pipeline::of("files-batched.yml")
            .env("FILES", format!("cam={}", file.display()))
            .out(&out)
            .start()
    };
    let mut first = start();
    first.wait_until("frames", |run| run.detected("cam") > 5);
    let sink = first.process("sink").expect("it has reported");
    let mut second = start();
    second.wait_until("the second is refused", |run| {
        run.report("sink")
            .is_some_and(|report| report.fatal.is_some())
    });
    let fatal = second
        .report("sink")
        .and_then(|report| report.fatal)
        .unwrap_or_default();
    for part in [&*out.display().to_string(), &format!("process {sink}")] {
        assert!(fatal.contains(part), "{fatal}");
    }
    // It ends with its source, or its user ends it.
    kill(second.id(), Signal::INT);
    let (code, log) = second.wait_for_exit();
    assert_ne!(code, Some(0), "{log}");

    // The first was not disturbed: no start but one, and all lines in one file.
    let before = first.report("sink").expect("a report");
    assert_eq!((before.starts, before.process_id), (1, sink));
    kill(sink, Signal::KILL);
    first.wait_until("the sink comes back", |run| {
        run.process("sink").is_some_and(|process| process != sink)
    });
    let reached = first.detected("cam");
    first.wait_until("frames after it", |run| run.detected("cam") > reached + 5);
    std::thread::sleep(Duration::from_millis(300));
    let results = first.stop();
    assert!(results.report("sink").fatal.is_none(), "{}", results.log);
    assert!(!out.join("history").exists(), "the run has one segment");
    // Sequences count in decode order, lines come in presentation order.
    let shown: Vec<i64> = results.lines.iter().map(|line| line.pts_nanos).collect();
    assert!(shown.is_sorted_by(|a, b| a < b), "{shown:?}");
    assert_eq!(results.lines.first().map(|line| line.sequence), Some(0));
}

#[test]
fn a_reader_that_hangs_up_is_no_bug() {
    let run = |command: String| {
        let output = Command::new("bash")
            .args(["-c", &command])
            .current_dir(workspace())
            .output();
        output.expect("every system has bash")
    };
    let camweave = binary("camweave").display().to_string();
    let list = "dataflows/cameras.example.yml";
    for arguments in [
        "doctor".to_owned(),
        "doctor --json".to_owned(),
        "--help".to_owned(),
        "check dataflows/files-batched.yml".to_owned(),
        format!("cameras {list}"),
    ] {
        let output = run(format!(
            "export FILES=cpu-batched.yml CAMERA_USER=a CAMERA_PASSWORD=b; {{ sleep 0.1; {camweave} {arguments}; echo code $? >&2; }} | true"
        ));
        let told = told(&output);
        assert!(
            told.ends_with("code 0\n") && !told.contains("panicked"),
            "{arguments}: {told}"
        );
    }
    // A disk without room is one.
    let output = run(format!("{camweave} doctor > /dev/full"));
    let told = told(&output);
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.contains("standard output"), "{told}");
    for name in ["sink", "rtsp-source"] {
        let output = run(format!(
            "{} --help | true; exit ${{PIPESTATUS[0]}}",
            binary(name).display()
        ));
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
    }
}
