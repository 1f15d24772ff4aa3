//! What processes leave.

use std::collections::BTreeSet;
use std::fs;

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
