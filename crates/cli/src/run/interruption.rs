//! Being ended.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use camweave_stage::Exit;

use crate::error::CliError;

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
