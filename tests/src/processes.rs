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

/// The files in `/dev/shm` that no process has mapped: what somebody forgot.
#[must_use]
pub fn orphaned_shared_memory() -> BTreeSet<String> {
    let Ok(files) = fs::read_dir("/dev/shm") else {
        return BTreeSet::new();
    };
    let files: Vec<String> = files
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let mapped: String = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("maps")).ok())
        .flat_map(|maps| {
            let shared = maps.lines().filter(|line| line.contains("/dev/shm/"));
            shared.map(|line| format!("{line}\n")).collect::<Vec<_>>()
        })
        .collect();
    let is_mapped = |file: &String| mapped.contains(&format!("/dev/shm/{file}\n"));
    files.into_iter().filter(|file| !is_mapped(file)).collect()
}
