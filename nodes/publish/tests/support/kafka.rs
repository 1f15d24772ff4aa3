//! A broker of Kafka in a process of its own: `kafka.py`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;

/// What has arrived in the topic.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    pub partition: i32,
    pub key: String,
    pub value: String,
    pub headers: BTreeMap<String, String>,
}

pub struct Kafka {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    lines: PathBuf,
    port: u16,
}

const PACKAGE: &str = "confluent_kafka";

/// An interpreter that has the package.
fn python() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/python/bin/python3");
    [own, PathBuf::from("python3")].into_iter().find(|python| {
        let probe = Command::new(python)
            .args(["-c", &format!("import {PACKAGE}")])
            .stderr(Stdio::null())
            .status();
        probe.is_ok_and(|it| it.success())
    })
}

impl Kafka {
    /// Starts one; `None` where it is not installed, which is said.
    #[allow(clippy::print_stderr, reason = "a test says that it is skipped")]
    pub fn start(folder: &Path, more: &[&str]) -> Option<Self> {
        let Some(python) = python() else {
            let line = format!("no Python with {PACKAGE}: scripts/setup.sh --tests");
            let is_ci = std::env::var("CI").is_ok_and(|it| it == "true");
            assert!(!is_ci, "{line}");
            eprintln!("skipped: {line}");
            return None;
        };
        let lines = folder.join("arrived");
        let log = fs::File::create(folder.join("broker.log")).expect("writable");
        let mut process = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/kafka.py"))
            .arg(&lines)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("it can be started");
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut port = String::new();
        output.read_line(&mut port).expect("it says where it is");
        Some(Self {
            input: process.stdin.take().expect("a pipe"),
            process,
            output,
            lines,
            port: port.trim().parse().expect("a port"),
        })
    }

    /// Has it do something; on return it is done.
    pub fn tell(&mut self, what: &str) {
        writeln!(self.input, "{what}").expect("it runs");
        let mut done = String::new();
        self.output.read_line(&mut done).expect("it runs");
        assert_eq!(done, "done\n", "{what}");
    }

    pub fn url(&self) -> String {
        format!("kafka://localhost:{}/events", self.port)
    }

    /// In the order in which it came, by partition.
    pub fn arrived(&self) -> Vec<Message> {
        let text = fs::read_to_string(&self.lines).unwrap_or_default();
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let read = |line| serde_json::from_str(line).expect("a message");
        whole.lines().map(read).collect()
    }

    pub fn values(&self) -> Vec<String> {
        self.arrived().into_iter().map(|it| it.value).collect()
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
