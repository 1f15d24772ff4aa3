//! Starting, signalling and ending processes.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use procfs::process::{Process, all_processes};
use rustix::process::{Pid, Signal, kill_process};

use crate::places::on_path;

/// How often a process is asked whether it has ended.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A program that is interrupted when this one dies, however that happens: by `setpriv` of
/// util-linux, which sets the death signal and becomes the program. A system without it does not.
pub(crate) fn bound(program: &OsStr) -> Command {
    let found = if program.as_encoded_bytes().contains(&b'/') {
        Path::new(program).is_file()
    } else {
        program.to_str().and_then(on_path).is_some()
    };
    // What is not there is to fail by its own name.
    match on_path("setpriv").filter(|_| found) {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "INT", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Sends a signal; a process that has ended meanwhile needs none.
pub fn signal(process: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Waits until `deadline`; `None` where the child still runs.
#[must_use]
pub fn wait_until(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Interrupts a child, and kills it if it has not ended within `patience`.
pub(crate) fn stop(child: &mut Child, patience: Duration) {
    // Once it has been waited for, its id may be another's.
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    signal(child.id(), Signal::INT);
    if wait_until(child, Instant::now() + patience).is_none() {
        drop(child.kill());
        drop(child.wait());
    }
}

/// The processes that were started with `text` somewhere in a variable's value.
#[must_use]
pub fn environment_contains(text: &str) -> Vec<u32> {
    let own = std::process::id();
    let has = |process: &Process| {
        // A process that has ended, or is another user's, is none of ours.
        let environment = process.environ().unwrap_or_default();
        environment
            .values()
            .any(|value| value.to_string_lossy().contains(text))
    };
    let found = all_processes().into_iter().flatten().flatten();
    found
        .filter(|process| has(process))
        .filter_map(|process| u32::try_from(process.pid()).ok())
        .filter(|process| *process != own)
        .collect()
}
