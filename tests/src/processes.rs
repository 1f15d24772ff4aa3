//! Looking at processes and what they leave.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Sends a signal; a process that is gone is none.
pub fn kill(process: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // It may have ended by itself meanwhile.
        let _ = kill_process(pid, signal);
    }
}

/// Whether the process runs; a zombie does not.
#[must_use]
pub fn is_alive(process: u32) -> bool {
    // The state follows the name, which is in parentheses and may itself contain some.
    fs::read_to_string(format!("/proc/{process}/stat"))
        .ok()
        .and_then(|stat| {
            stat.rsplit_once(") ")
                .map(|(_, rest)| !rest.starts_with(['Z', 'X']))
        })
        .unwrap_or(false)
}

/// The processes that were started with `text` somewhere in their environment.
///
/// # Panics
/// If there is no /proc.
#[must_use]
pub fn processes_with(text: &str) -> Vec<u32> {
    let own = std::process::id();
    fs::read_dir("/proc")
        .expect("a Linux system")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|process| *process != own)
        .filter(|process| {
            // A process that has ended, or is another user's, is none of ours.
            let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            environment
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        })
        .collect()
}

/// The names of the files in `/dev/shm`.
#[must_use]
pub fn shared_memory_files() -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir("/dev/shm") else {
        return BTreeSet::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}
