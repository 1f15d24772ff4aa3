//! Events of a graph at a broker, whoever made them: here a node in Python, written after
//! `docs/messages.md`. The publisher is killed in between.

#[path = "../../nodes/publish/tests/support/broker.rs"]
#[allow(dead_code, reason = "the node's own tests use the rest")]
mod broker;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use broker::{Broker, Subscriber};
use camweave_telemetry::StageReport;
use camweave_tests::binary;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::path_with_python;

const PATIENCE: Duration = Duration::from_secs(90);
/// Events before the kill, and as many after it.
const EVENTS: usize = 60;

/// What the shared part calls.
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    camweave_tests::wait_for(what, PATIENCE, || is_so().then_some(()));
}

/// Sends events of two cameras, half of them when the file `go` is there.
const SOURCE: &str = r#"
import os, time
import pyarrow as pa
from dora import Node

trace = pa.list_(pa.struct([("stage", pa.utf8()), ("enter_nanos", pa.int64()), ("leave_nanos", pa.int64())]))
columns = pa.struct([
    ("schema", pa.utf8()), ("camera", pa.utf8()), ("session_unix_nanos", pa.int64()), ("sequence", pa.uint64()),
    ("pts_nanos", pa.int64()), ("captured_unix_nanos", pa.int64()), ("captured_clock", pa.utf8()),
    ("event", pa.utf8()), ("phase", pa.utf8()), ("kind", pa.utf8()), ("rule", pa.utf8()), ("direction", pa.utf8()),
    ("began_unix_nanos", pa.int64()), ("ended_unix_nanos", pa.list_(pa.int64())), ("track_ids", pa.list_(pa.uint64())),
    ("label", pa.utf8()), ("conf", pa.float32()), ("place", pa.list_(pa.float32())), ("value", pa.float64()),
    ("entered", pa.uint64()), ("left", pa.uint64()), ("trace", trace),
])

def event(number):
    now = time.time_ns()
    camera = f"cam{number % 2}"
    return {
        "schema": "camweave.events/1", "camera": camera, "session_unix_nanos": 1, "sequence": number, "pts_nanos": 0,
        "captured_unix_nanos": now, "captured_clock": "arrival", "event": f"{camera}-{number}", "phase": "end",
        "kind": "crossing", "rule": "gate", "direction": "in", "began_unix_nanos": now, "ended_unix_nanos": [now],
        "track_ids": [number], "label": "car", "conf": 0.5, "place": [0.1, 0.2, 0.3, 0.4], "value": 1.0,
        "entered": number, "left": 0, "trace": [],
    }

node = Node()
half = int(os.environ["EVENTS"])
for number in range(2 * half):
    while number >= half and not os.path.exists(os.environ["GO"]):
        time.sleep(0.05)
    node.send_output("out", pa.array([event(number)], type=columns))
    time.sleep(0.01)
"#;

struct Graph(Child);

impl Drop for Graph {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn report(stats: &Path) -> Option<StageReport> {
    let reports = camweave_telemetry::read_reports(stats).ok()?;
    reports
        .into_iter()
        .find(|it| it.stage == "publish" && it.ready)
}

#[test]
fn events_of_a_graph_are_at_the_broker_although_the_publisher_dies() {
    let path = path_with_python();
    let folder = tempfile::tempdir().expect("a folder");
    let mut broker = Broker::new(folder.path(), "");
    broker.start();
    let subscriber = Subscriber::start(folder.path(), broker.port, &[]);
    let (stats, go) = (folder.path().join("stats"), folder.path().join("go"));
    fs::write(folder.path().join("events.py"), SOURCE).expect("writable");
    let graph = format!(
        "nodes:\n  - id: events\n    path: events.py\n    outputs: [out]\n    env: {{EVENTS: {EVENTS}, GO: {go}}}\n\
         \n  - id: publish\n    path: {program}\n    inputs:\n      \
         in: {{source: events/out, queue_size: 1024, queue_policy: backpressure}}\n    \
         env: {{TO: '{to}', SPOOL: {spool}, CAMWEAVE_STATS_DIR: {stats}}}\n    \
         restart_policy: on-failure\n    restart_delay: 0.2\n    max_restarts: 8\n    restart_window: 10\n",
        go = go.display(),
        program = binary("publish").display(),
        to = broker.url(),
        spool = folder.path().join("spool").display(),
        stats = stats.display(),
    );
    fs::write(folder.path().join("graph.yml"), graph).expect("writable");
    let dora = Command::new("dora")
        .args(["run", "graph.yml"])
        .current_dir(folder.path())
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.path().join("dora.log")).expect("writable"))
        .spawn();
    let mut dora = Graph(dora.expect("dora is on the PATH: scripts/setup.sh installs it"));

    let events = || -> Vec<Value> {
        let heard = subscriber.heard().into_iter();
        // The publisher's own topic begins with its name, which begins as those of the cameras do.
        let events = heard.filter(|(topic, _)| {
            topic.starts_with("camweave/cam") && !topic.ends_with("/available")
        });
        events
            .map(|(_, payload)| serde_json::from_str(&payload).expect("JSON"))
            .collect()
    };
    let distinct = || -> BTreeSet<String> {
        let ids = events().into_iter();
        ids.map(|it| it["id"].as_str().expect("text").to_owned())
            .collect()
    };
    wait_for("the first half has come", || distinct().len() == EVENTS);
    let process = report(&stats).expect("the publisher reports").process_id;
    let process = Pid::from_raw(process.cast_signed()).expect("a process");
    kill_process(process, Signal::KILL).expect("it runs");
    wait_for("it is started again", || {
        report(&stats).is_some_and(|it| it.starts == 2)
    });
    fs::write(&go, "").expect("writable");
    wait_for("all have come", || distinct().len() == 2 * EVENTS);
    let mut code = None;
    wait_for("the graph ends", || {
        code = dora.0.try_wait().expect("a child");
        code.is_some()
    });
    let log = fs::read_to_string(folder.path().join("dora.log")).expect("readable");
    assert!(code.is_some_and(|it| it.success()), "{log}");
    for camera in ["cam0", "cam1"] {
        let of_camera = events().into_iter().filter(|it| it["camera"] == camera);
        let numbers: Vec<u64> = of_camera
            .map(|it| it["entered"].as_u64().expect("a number"))
            .collect();
        let mut seen = BTreeSet::new();
        let first: Vec<u64> = numbers.into_iter().filter(|it| seen.insert(*it)).collect();
        assert!(
            first.is_sorted() && first.len() == EVENTS,
            "{camera}: {first:?}"
        );
    }
}
