//! Ending child processes, and being ended.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use camweave_stage::Exit;
use rustix::process::{Pid, Signal};

use crate::error::CliError;

/// Sends SIGINT to a child; one that has ended meanwhile needs none.
pub fn interrupt(child: &Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, Signal::INT);
    }
}

/// Waits for a child, and kills it at `deadline`.
pub fn wait(child: &mut Child, deadline: Instant) {
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= deadline {
            drop(child.kill());
            drop(child.wait());
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Set by the first Ctrl-C: the run ends in order, with its results.
///
/// # Errors
/// The system refuses to have signals handled.
pub fn interruption() -> Result<Arc<AtomicBool>, CliError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second one ends the program at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(|error| {
                CliError::new(Exit::Internal, format!("cannot handle signals: {error}"))
            })?;
    }
    Ok(flag)
}
