//! The stage in a process of its own, which takes the numbers of events from its input, and writes each to
//! its output when the stage has taken the row over.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Node, wait_for};

const FOLDER: &str = "PUBLISH_CHILD_FOLDER";
const SETTINGS: &str = "PUBLISH_CHILD_SETTINGS";

/// The body of the test `child`, which is the other process where its parent asks for it.
pub fn main() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    camweave_stage::telemetry::log::start().expect("a log");
    let settings = std::env::var(SETTINGS).expect("its parent has set it");
    let settings: Vec<(&str, &str)> = settings
        .lines()
        .filter_map(|it| it.split_once('='))
        .collect();
    let mut node = Node::open(Path::new(&folder), &settings);
    for line in std::io::stdin().lock().lines() {
        let number = line.expect("a line").parse().expect("a number");
        node.send(number..number + 1);
        // Beside the test program's own lines.
        let mut output = std::io::stdout().lock();
        writeln!(output, "taken {number}").expect("its parent reads");
        output.flush().expect("its parent reads");
    }
    node.close();
    std::process::exit(0);
}

/// Such a process.
pub struct Process {
    process: Child,
    input: Option<ChildStdin>,
    taken: Arc<AtomicU64>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Process {
    /// `wrapper` is a command that runs the rest of its line.
    pub fn start(folder: &Path, settings: &[(&str, &str)], wrapper: &[&str]) -> Self {
        let own = std::env::current_exe().expect("this program");
        let own = own.to_str().expect("a path").to_owned();
        let line: Vec<&str> = wrapper.iter().copied().chain([&*own]).collect();
        let settings: Vec<String> = settings
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"));
        let mut process = Command::new(line[0])
            .args(&line[1..])
            .args(["--exact", "child", "--nocapture"])
            .env(FOLDER, folder)
            .env(SETTINGS, settings.join("\n"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.expect("writable"))
            .spawn()
            .expect("it can be started");
        let taken = Arc::new(AtomicU64::new(0));
        let output = process.stdout.take().expect("a pipe");
        let counted = Arc::clone(&taken);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(number) = line.strip_prefix("taken ") {
                    let number: u64 = number.parse().expect("a number");
                    counted.store(number + 1, Ordering::Release);
                }
            }
        });
        Self {
            input: process.stdin.take(),
            process,
            taken,
            reader: Some(reader),
        }
    }

    /// Gives it an event; it may be dead.
    pub fn send(&mut self, number: u64) -> bool {
        let input = self.input.as_mut().expect("it was not ended");
        writeln!(input, "{number}").is_ok()
    }

    /// One more than the last event that it has taken over; 0 for none.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    pub fn wait_until_taken(&self, count: u64) {
        wait_for("rows are taken over", || self.taken() >= count);
    }

    /// Kills it, and says what it had taken over.
    pub fn kill(mut self) -> u64 {
        self.process.kill().expect("it runs");
        self.finish()
    }

    /// Ends it in order.
    pub fn end(mut self) -> u64 {
        drop(self.input.take());
        self.finish()
    }

    fn finish(&mut self) -> u64 {
        self.process.wait().expect("it ends");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it has read all");
        }
        self.taken()
    }
}
