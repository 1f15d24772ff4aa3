//! The `recorder` node.

use std::process::ExitCode;

fn main() -> ExitCode {
    camweave_stage::main::<camweave_recorder::Recorder>()
}
