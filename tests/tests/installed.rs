//! camweave without its checkout: what `scripts/install.sh` installs runs from any folder.

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use camweave_tests::{Pipeline, workspace};
use support::{clip, patient};
use tempfile::TempDir;

/// Programs and models in a folder of their own, and an empty one to work in.
struct Installed {
    folder: TempDir,
}

impl Installed {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let installed = Self { folder };
        let output = Command::new(workspace().join("scripts/install.sh"))
            .arg("--to")
            .arg(installed.path("installed"))
            .output();
        succeeded(&output.expect("bash runs"));
        fs::create_dir(installed.path("empty")).expect("a new folder");
        installed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("installed/bin/camweave"));
        command
            .args(arguments)
            .current_dir(self.path("empty"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    fn camweave(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output();
        output.expect("camweave can be started")
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn succeeded(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", errors(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn demo_and_check_run_where_nothing_is() {
    let installed = Installed::new();
    let demo = ["demo", "--cameras", "1", "--fps", "5", "--seconds", "3"];
    let demo = installed.camweave(&[&demo[..], &["--device", "cpu"]].concat());
    let printed = succeeded(&demo);
    assert!(printed.contains("accuracy: "), "{printed}");
    let cached = format!("graph: {}", installed.path("cache/camweave").display());
    assert!(errors(&demo).contains(&cached), "{}", errors(&demo));
    // The demo's cameras are simulated: its model is the right one.
    let log = fs::read_to_string(installed.path("empty/out/demo/dora.log")).expect("a log");
    assert!(log.contains("model is open"), "{log}");
    assert!(!log.contains("trained on rendered streets"), "{log}");
    let summary = fs::read(installed.path("empty/out/demo/summary.json")).expect("a summary");
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("JSON");
    let camera = &summary["cameras"][0];
    assert_eq!(camera["frames_sent"], 15, "{camera}");
    assert_eq!(camera["frames_detected"], 15, "{camera}");

    let mut check = installed.command(&["check", "cpu-batched.yml"]);
    check.env("CAMERAS", installed.path("empty/out/demo/cameras.yml"));
    let checked = succeeded(&check.output().expect("camweave can be started"));
    assert!(checked.ends_with("7 nodes, no error\n"), "{checked}");
    // The stages answer, so they are found: a value out of range is theirs to refuse.
    check.env("MODEL", "none.onnx");
    let refused = check.output().expect("camweave can be started");
    assert_eq!(refused.status.code(), Some(2), "{}", errors(&refused));
    assert!(
        errors(&refused).contains("node 'detect.infer'"),
        "{}",
        errors(&refused)
    );
}

#[test]
fn without_models_the_error_says_where_they_were_looked_for() {
    let installed = Installed::new();
    let models = installed.path("installed/share/camweave/models");
    fs::remove_dir_all(&models).expect("installed");
    let mut demo = installed.command(&["demo", "--device", "cpu"]);
    let output = demo.output().expect("camweave can be started");
    let told = errors(&output);
    assert_eq!(output.status.code(), Some(4), "{told}");
    for part in [&*models.display().to_string(), "--model"] {
        assert!(told.contains(part), "{told}");
    }
    // One that is named is taken, and this one is none.
    let named = installed.path("named.onnx");
    fs::write(&named, "no model").expect("writable");
    let output = demo.arg("--model").arg(&named).output();
    let output = output.expect("camweave can be started");
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    assert!(
        errors(&output).contains("named.onnx"),
        "{}",
        errors(&output)
    );
}

#[test]
fn models_that_are_installed_later_are_found() {
    let installed = Installed::new();
    let (models, away) = (
        installed.path("installed/share/camweave/models"),
        installed.path("away"),
    );
    let cameras = installed.path("cameras.yml");
    fs::write(&cameras, "cameras:\n- id: a\n  url: rtsp://127.0.0.1:1/a\n").expect("writable");
    let mut check = installed.command(&["check", "cpu-batched.yml"]);
    check.env("CAMERAS", &cameras);
    fs::rename(&models, &away).expect("installed");
    let without = check.output().expect("camweave can be started");
    assert_eq!(without.status.code(), Some(2), "{}", errors(&without));
    assert!(
        errors(&without).contains("camweave-street-448x256.onnx"),
        "{}",
        errors(&without)
    );
    fs::rename(&away, &models).expect("there before");
    succeeded(&check.output().expect("camweave can be started"));
}

#[test]
fn first_runs_at_once_do_not_disturb_one_another() {
    let installed = Installed::new();
    let cameras = installed.path("cameras.yml");
    fs::write(&cameras, "cameras:\n- id: a\n  url: rtsp://127.0.0.1:1/a\n").expect("writable");
    for _ in 0..3 {
        let checks: Vec<_> = (0..6)
            .map(|_| {
                let mut check = installed.command(&["check", "cpu-batched.yml"]);
                let check = check.env("CAMERAS", &cameras).stdout(Stdio::piped());
                let check = check.stderr(Stdio::piped()).spawn();
                check.expect("camweave can be started")
            })
            .collect();
        for check in checks {
            succeeded(&check.wait_with_output().expect("a child"));
        }
        fs::remove_dir_all(installed.path("cache")).expect("the cache is there");
    }
}

#[test]
fn what_others_put_above_the_current_folder_is_no_checkout() {
    let installed = Installed::new();
    let dataflows = installed.path("dataflows");
    fs::create_dir(&dataflows).expect("a new folder");
    fs::write(dataflows.join("cpu-batched.yml"), "nodes: [").expect("writable");
    let mut check = installed.command(&["check", "cpu-batched.yml"]);
    let cameras = installed.path("cameras.yml");
    fs::write(&cameras, "cameras:\n- id: a\n  url: rtsp://127.0.0.1:1/a\n").expect("writable");
    let output = check.env("CAMERAS", &cameras).output();
    succeeded(&output.expect("camweave can be started"));
}

#[test]
fn written_graphs_can_be_edited_and_run_by_dora() {
    let installed = Installed::new();
    let listed = succeeded(&installed.camweave(&["graphs"]));
    assert!(
        listed.contains("files-batched.yml    Media files"),
        "{listed}"
    );
    succeeded(&installed.camweave(&["graphs", "--out", "mine"]));
    let graph = installed.path("empty/mine/dataflows/files-batched.yml");
    let text = fs::read_to_string(&graph).expect("written");
    fs::write(&graph, text.replace("id: sink", "id: my-sink")).expect("writable");
    let clip = clip(
        installed.folder.path(),
        "clip.mp4",
        10,
        &["-c:v", "libx264"],
    );
    let results = patient(Pipeline::of(&graph))
        .env("FILES", format!("cam={}", clip.display()))
        .env("PACE", "fast")
        .start()
        .wait_until_ended();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    assert_eq!(results.lines.len(), 10);
    assert_eq!(results.report("my-sink").kind, "sink");
    // What may have been edited is not written over.
    let again = installed.camweave(&["graphs", "--out", "mine"]);
    assert_eq!(again.status.code(), Some(2), "{}", errors(&again));
    assert!(fs::read_to_string(&graph).is_ok_and(|text| text.contains("my-sink")));
}
