//! The same graph on a coordinator and a daemon that run already, as on a server.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use camweave_tests::{
    Cameras, PATIENCE, Summary, binary, kill, listeners_beyond_loopback, processes_with, wait_for,
    workspace,
};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

const NAME: &str = "camweave-detached";

/// A coordinator and a daemon; dropping it ends them and all that they have started.
struct Dora {
    folder: TempDir,
}

impl Dora {
    fn up(cameras: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("camweave-up-").tempdir();
        let dora = Self {
            folder: folder.expect("a temporary folder"),
        };
        let running = dora
            .command(&["list"])
            .output()
            .expect("'dora' is on the PATH");
        assert!(
            !running.status.success(),
            "a dora coordinator runs already, expected none: 'dora down' ends it"
        );
        // As README and docs/security.md say; nodes inherit the daemon's environment. The
        // coordinator leaves its token where it was started, besides in the user's home.
        let up = dora
            .command(&["up", "--auth"])
            .current_dir(dora.folder.path())
            .env("DORA_ZENOH_MULTICAST", "off")
            .env("CAMERAS", cameras)
            .output();
        check("up", &up.expect("'dora' is on the PATH"));
        dora
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("dora");
        command
            .args(arguments)
            .current_dir(workspace().join("dataflows"))
            .env("HOME", self.folder.path())
            .env("OUT", self.folder.path().join("out"))
            .env("CAMWEAVE_STATS_DIR", self.folder.path().join("stats"));
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output();
        check(arguments[0], &output.expect("'dora' is on the PATH"))
    }

    fn status(&self) -> Option<String> {
        let list = self.run(&["list", "--format", "json"]);
        let dataflows = list
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut ours = dataflows.filter(|it| it["name"] == NAME);
        ours.next()?["status"].as_str().map(str::to_owned)
    }

    fn lines(&self) -> usize {
        let path = self.folder.path().join("out/detections.jsonl");
        std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
    }

    fn summary(&self) -> Summary {
        let path = self.folder.path().join("out/summary.json");
        let text = std::fs::read(path).expect("the sink has written a summary");
        serde_json::from_slice(&text).expect("a summary")
    }

    fn processes(&self) -> Vec<u32> {
        processes_with(&self.folder.path().display().to_string())
    }
}

fn check(what: &str, output: &Output) -> String {
    assert!(output.status.success(), "dora {what}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Drop for Dora {
    fn drop(&mut self) {
        for process in self.processes() {
            kill(process, Signal::KILL);
        }
    }
}

#[test]
fn a_graph_runs_detached_and_stops() {
    let _ = binary("sink");
    let cameras = Cameras::start(&[
        "--cameras",
        "2",
        "--seconds",
        "6",
        "--at-end",
        "loop",
        "--seed",
        "51",
    ]);
    let dora = Dora::up(&cameras.yml());
    let cameras_yml = format!("CAMERAS={}", cameras.yml().display());
    dora.run(&[
        "start",
        "cpu-batched.yml",
        "--detach",
        "--name",
        NAME,
        "--env",
        &cameras_yml,
    ]);
    wait_for("the dataflow runs", PATIENCE, || {
        (dora.status()? == "Running").then_some(())
    });
    wait_for("frames are detected", PATIENCE, || {
        (dora.lines() > 0).then_some(())
    });
    let reachable = listeners_beyond_loopback(&dora.processes());
    assert_eq!(
        reachable,
        Vec::<String>::new(),
        "others can reach dora or the nodes"
    );
    // Another user, who does not have the token.
    let stranger = dora.command(&["list"]).env("HOME", "/nonexistent").output();
    let stranger = stranger.expect("'dora' is on the PATH");
    assert!(!stranger.status.success(), "{stranger:?}");
    wait_for("frames are detected", PATIENCE, || {
        (dora.lines() >= 60).then_some(())
    });
    dora.run(&["stop", NAME]);
    wait_for("the dataflow has stopped", PATIENCE, || {
        (dora.status()? == "Finished").then_some(())
    });
    // In the middle of the cameras' streams: each frame has a place.
    let summary = dora.summary();
    assert_eq!(summary.cameras.len(), 2, "{summary:?}");
    for camera in &summary.cameras {
        camera.check_account();
        assert_eq!(camera.lost_in_all(), 0, "no process died: {camera:?}");
    }
    let detected = summary.cameras.iter().map(|it| it.frames_detected);
    assert_eq!(detected.sum::<u64>(), dora.lines() as u64, "{summary:?}");
    // dora's coordinator may be gone before it has answered; what counts is that all are.
    let down = dora.command(&["down"]).output();
    down.expect("dora is on the PATH");
    wait_for("all processes are gone", Duration::from_secs(20), || {
        dora.processes().is_empty().then_some(())
    });
}
