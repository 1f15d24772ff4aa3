//! What a program does that was started to try a model, and to end.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use camweave_infer::{MAX_LINE, use_program};

use crate::network::TRIAL;

/// To be called first by the `main` of a program that opens models. `Some`: the program was started
/// to try one, which is done.
#[must_use]
pub fn answer() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|it| it != TRIAL.argument) {
        // The file of this process, even if another has taken its place meanwhile.
        use_program(PathBuf::from("/proc/self/exe"));
        return None;
    }
    let Err(error) = TRIAL.answer(&arguments.collect::<Vec<_>>()) else {
        return Some(ExitCode::SUCCESS);
    };
    let line = error.message.as_bytes();
    let _ = std::io::stdout().write_all(&line[..line.len().min(MAX_LINE)]);
    Some(error.exit.into())
}
