//! Bounds what is sent to a process that does not read.
//!
//! Every stage reads on a thread of its own, so that nothing waits for it outside of its queue. A
//! process that is stopped (SIGSTOP, a debugger) does not: dora's daemon keeps up to 950 messages
//! for it, whatever their size.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use camweave_telemetry::receivers_of;

/// The process that takes this is stopped, and much waits for it already.
pub(crate) const RECEIVER_STOPPED: &str = crate::DropReason::RECEIVER_STOPPED.name;
/// Bytes that are sent while a receiver is stopped.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// How often the receivers are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often they are looked for while one is missing, or all have just been started.
const FIND_EVERY: Duration = Duration::from_secs(2);
/// How often they are looked for otherwise.
const FIND_NOW_AND_THEN: Duration = Duration::from_secs(60);
/// How long a graph takes to start at most, as far as this matters.
const STARTING: Duration = Duration::from_secs(30);

/// Those that take what a node sends.
pub(crate) struct Receivers {
    is_one_stopped: Arc<AtomicBool>,
    /// Sent since one of them is stopped.
    bytes: usize,
}

impl Receivers {
    /// Looks from now on, on a thread of its own, at the processes that take `stage`'s rows in
    /// `run`, as their reports in `folder` say.
    pub fn watch(folder: &Path, stage: &str, run: &str) -> std::io::Result<Self> {
        let is_one_stopped = Arc::default();
        let watch = Watch {
            folder: folder.to_owned(),
            stage: stage.to_owned(),
            run: run.to_owned(),
            is_one_stopped: Arc::downgrade(&is_one_stopped),
        };
        std::thread::Builder::new()
            .name("receivers".to_owned())
            .spawn(move || watch.run())?;
        Ok(Self {
            is_one_stopped,
            bytes: 0,
        })
    }

    /// Whether a message must not be sent; `bytes` is asked only while a receiver is stopped.
    pub fn refuse(&mut self, bytes: impl FnOnce() -> usize) -> bool {
        if !self.is_one_stopped.load(Ordering::Acquire) {
            self.bytes = 0;
            return false;
        }
        let bytes = self.bytes.saturating_add(bytes());
        if bytes > MOST_BYTES {
            return true;
        }
        self.bytes = bytes;
        false
    }
}

struct Watch {
    folder: PathBuf,
    stage: String,
    run: String,
    is_one_stopped: Weak<AtomicBool>,
}

impl Watch {
    fn run(self) {
        let begin = Instant::now();
        let (mut processes, mut found_at) = (Vec::new(), None::<Instant>);
        while let Some(is_one_stopped) = self.is_one_stopped.upgrade() {
            let states: Vec<Option<char>> = processes.iter().map(|it| state(*it)).collect();
            let is_stopped = |state: &Option<char>| matches!(state, Some('T' | 't'));
            is_one_stopped.store(states.iter().any(is_stopped), Ordering::Release);
            drop(is_one_stopped);
            let is_missing = states.is_empty() || states.contains(&None);
            let every = if is_missing || begin.elapsed() < STARTING {
                FIND_EVERY
            } else {
                FIND_NOW_AND_THEN
            };
            if found_at.is_none_or(|at| at.elapsed() >= every) {
                // A folder that cannot be read now may be next time.
                processes = receivers_of(&self.folder, &self.stage, &self.run).unwrap_or_default();
                found_at = Some(Instant::now());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// A process's state, as in `/proc/<pid>/stat` (proc_pid_stat(5)): `T` is stopped by a signal, `t`
/// by a debugger.
fn state(process: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in parentheses and may hold anything.
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use camweave_telemetry::{StageReport, StatsFile};

    use super::*;

    fn reached(what: impl Fn() -> bool) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(20) {
            if what() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    fn signal(child: &Child, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &child.id().to_string()])
            .status();
        assert!(status.expect("kill runs").success());
    }

    #[test]
    fn a_stopped_receiver_gets_no_more_than_its_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep runs");
        let report = |stage: &str, takes: &str, run: &str, process: u32| {
            let report = StageReport {
                stage: stage.to_owned(),
                takes: vec![takes.to_owned()],
                run: run.to_owned(),
                process_id: process,
                ..Default::default()
            };
            let file = StatsFile::open(folder.path(), stage).expect("a folder");
            file.write(&report).expect("writable");
        };
        report("decode", "source", "run", child.id());
        report("sink", "nms", "run", std::process::id());
        report("old", "source", "another run", std::process::id());
        let mut receivers = Receivers::watch(folder.path(), "source", "run").expect("a thread");
        assert!(!receivers.refuse(|| unreachable!("nobody is stopped")));
        signal(&child, "STOP");
        assert!(reached(|| receivers.is_one_stopped.load(Ordering::Acquire)));
        assert!(!receivers.refuse(|| MOST_BYTES - 5));
        assert!(receivers.refuse(|| 6));
        assert!(!receivers.refuse(|| 5), "smaller ones have room");
        signal(&child, "CONT");
        assert!(reached(|| !receivers
            .is_one_stopped
            .load(Ordering::Acquire)));
        assert!(!receivers.refuse(|| usize::MAX));
        child.kill().expect("ends");
        child.wait().expect("has ended");
    }
}
