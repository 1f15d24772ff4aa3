//! Ending child processes, and being ended.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use camweave_stage::Exit;
use rustix::process::{Pid, Signal};

use crate::doctor::on_path;
use crate::error::CliError;

/// A program that is interrupted when this one dies, however that happens: by `setpriv` of
/// util-linux, which sets the death signal and becomes the program. A system without it does not.
pub fn bound(program: &OsStr) -> Command {
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
