//! Whether the process behind a report is still there.

/// Whether the process runs. A zombie has ended, too.
#[must_use]
pub fn is_alive(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The state follows the name, which is in parentheses and may itself contain some.
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|state| !state.starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_zombie_has_ended() {
        assert!(is_alive(std::process::id()));
        let child = Command::new("cat").stdin(Stdio::piped()).spawn();
        let mut child = child.expect("cat is installed");
        assert!(is_alive(child.id()));
        drop(child.stdin.take());
        // Nobody waits for it, so it stays.
        while is_alive(child.id()) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(std::path::Path::new(&format!("/proc/{}", child.id())).exists());
        child.wait().expect("it is there");
        assert!(!is_alive(child.id()));
    }
}
