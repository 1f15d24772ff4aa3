//! Cameras as they are: each plays, and every frame that it sent is received or counted.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use camweave_message::Unit;
use serde_json::Value;
use support::{Source, open};

/// How long the cameras play: most oddities come after 3 to 5 s, and one sends a frame in 6 s.
const PLAYED: Duration = Duration::from_secs(14);
/// Frames that were on their way when the cameras were stopped.
const ON_THE_WAY: u64 = 2;

struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    start: Value,
}

impl Server {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/field/rtsp/serve.py");
        let mut child = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the python3 command (Debian package python3)");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut server = Self {
            child,
            input,
            output,
            start: Value::Null,
        };
        server.start = server.line();
        server
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// What the cameras sent and were asked, by id.
    fn log(&mut self) -> Value {
        writeln!(self.input, "log").expect("the server runs");
        self.line()
    }

    /// The lines below `cameras:`.
    fn yaml(&self) -> String {
        let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let mut yaml = String::new();
        for camera in self.start["cameras"].as_array().expect("a list") {
            let text = |name: &str| camera[name].as_str();
            let id = text("id").expect("an id");
            let credentials = text("cred").map_or(String::new(), |it| format!("{it}@"));
            let url = format!(
                "rtsp://{credentials}127.0.0.1:{}/{}",
                self.start["port"],
                text("path").unwrap_or(id)
            );
            yaml += &format!("  - id: {id}\n    url: {}\n", quote(&url));
            for name in ["transport", "client", "username", "password"] {
                if let Some(value) = text(name) {
                    yaml += &format!("    {name}: {}\n", quote(value));
                }
            }
        }
        yaml
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One camera after the run.
struct Seen {
    id: String,
    sessions: usize,
    sent_by_camera: u64,
    units: u64,
    received: u64,
    dropped: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
    state: String,
    refused: u64,
    /// Requests OPTIONS: FFmpeg begins with one, the RTSP client does not.
    options: u64,
}

impl Seen {
    fn new(id: &str, source: &Source, log: &Value) -> Self {
        let sessions = log["sessions"].as_array().expect("a list");
        let frames = |session: &Value| session["frames"].as_u64().expect("a number");
        let counters = source.counters(id);
        let units = source.units.iter().filter(|it| *it.id.camera == *id);
        Self {
            id: id.to_owned(),
            sessions: sessions.len(),
            sent_by_camera: sessions.iter().map(frames).sum(),
            units: units.filter(|it| !it.data.is_empty()).count() as u64,
            received: counters.received,
            dropped: counters.dropped.clone(),
            errors: counters.errors.clone(),
            state: counters.state.unwrap_or_default(),
            refused: log["requests"]["401"].as_u64().unwrap_or(0),
            options: log["requests"]["OPTIONS"].as_u64().unwrap_or(0),
        }
    }

    /// What is wrong with it.
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut check = |holds: bool, what: &str| {
            if !holds {
                complaints.push(format!(
                    "{}: {what}; sent {} in {} sessions, received {} gave out {} dropped {:?} errors {:?} state '{}' refused {}",
                    self.id, self.sent_by_camera, self.sessions, self.received, self.units,
                    self.dropped, self.errors, self.state, self.refused
                ));
            }
        };
        let id = self.id.as_str();
        let dropped: u64 = self.dropped.values().sum();
        check(
            self.received == self.units + dropped,
            "received is not sent and dropped",
        );
        match id {
            "t08-s503" | "t08-s454" | "t08-s400" => {
                check(self.state == "offline: protocol", "its status is a refusal");
                return complaints;
            }
            "t28-wrong" | "t28-wrong2" => {
                check(
                    self.state == "offline: unauthorized",
                    "the password is wrong",
                );
                // Each attempt is refused once for its lack of credentials.
                check(self.refused <= 4, "a wrong password is tried twice in 14 s");
                return complaints;
            }
            // It stops, and is reconnected.
            "t10-stops" => {
                check(self.errors.contains_key("stalled"), "it stalled");
                check(self.units >= 12, "frames");
                return complaints;
            }
            // Their frames are the target's, and its are theirs.
            "t08-r302" | "t30-moved" | "t08-target" => {
                check(self.state == "streaming" && self.units > 0, "it plays");
                return complaints;
            }
            _ => {}
        }
        check(self.state == "streaming", "it plays");
        // They refuse for some seconds, and are live again within 2 s after that.
        let passing = match id {
            "t33-boots404" => Some(("not_found", 15)),
            "t33-boots503" | "t33-once503" => Some(("protocol", 15)),
            "t33-bootsplay" => Some(("ended", 15)),
            "t33-slow6" => Some(("timeout", 3)),
            _ => None,
        };
        if let Some((error, enough)) = passing {
            check(self.units >= enough, "it plays for the rest of the time");
            check(
                self.errors.keys().eq([error]),
                "it is counted why it did not play",
            );
            if id == "t33-bootsplay" {
                return complaints;
            }
            check(self.options == 0, "it stays with the RTSP client");
            return complaints;
        }
        check(self.sessions == 1, "one session");
        let enough = if id == "t30-onein6" || id == "t33-onein6ffmpeg" {
            3
        } else if id == "t14-onein4" {
            4
        } else {
            30
        };
        check(self.sent_by_camera >= enough, "the test is long enough");
        check(
            self.received <= self.sent_by_camera
                && self.sent_by_camera <= self.received + ON_THE_WAY,
            "a frame is received or counted, once",
        );
        let lossy = ["t10-lossy", "t10-lossytcp", "t30-lost265"].contains(&id);
        check(
            lossy == self.dropped.contains_key("lost_in_network"),
            "frames lost in the network",
        );
        check(
            self.dropped.len() == usize::from(lossy),
            "nothing else is dropped",
        );
        let jumps = u64::from(["t12-back", "t12-forward"].contains(&id));
        let counted = self.errors.get("timestamp_jumps").copied().unwrap_or(0);
        check(counted == jumps, "time stamps that jump");
        check(self.errors.values().sum::<u64>() == jumps, "no other error");
        complaints
    }
}

#[test]
fn cameras_as_they_are_play_and_every_frame_is_accounted_for() {
    let mut server = Server::start();
    let mut source = open(&server.yaml(), &[]).expect("a source");
    source.run_for(PLAYED);
    source.close();
    let log = server.log();
    let ids = server.start["cameras"].as_array().expect("a list");
    let complaints: Vec<String> = ids
        .iter()
        .filter_map(|camera| camera["id"].as_str())
        .flat_map(|id| Seen::new(id, &source, &log[id]).complaints())
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));

    // The clock is the camera's own, or none: never that of other timestamps.
    for id in ["t31-report0", "t31-reportother", "t12-wrap"] {
        for unit in &source.sessions(id)[0] {
            let since = unit.id.captured_unix_nanos - unit.id.session_unix_nanos;
            let off = (since - unit.id.pts_nanos).abs();
            assert!(off < 3_000_000_000, "{id} {:?}", unit.id);
        }
    }
    // Time goes on where the timestamps do not.
    for id in ["t31-time0", "t31-time0nomarker"] {
        let session = &source.sessions(id)[0];
        let frames = &session[..session.len() - 1];
        let later = |pair: &[Unit]| pair[0].id.pts_nanos < pair[1].id.pts_nanos;
        assert!(frames.windows(2).all(later), "{id}");
    }
    // A decoder can begin with the first unit.
    let first = &source.sessions("t32-fmtp2")[0][0].data;
    assert!(first.starts_with(&[0, 0, 0, 1, 0x67]), "{:?}", &first[..8]);

    // What was lost does not shift the rest in time.
    for id in ["t12-back", "t12-forward", "t12-wrap"] {
        let session = &source.sessions(id)[0];
        let frames = &session[..session.len() - 1];
        for (number, unit) in frames.iter().enumerate() {
            let expected = number as i64 * 333_333_333;
            assert!(
                (unit.id.pts_nanos - expected).abs() < 100_000_000,
                "{id} {number} {:?}",
                unit.id
            );
        }
    }
}
