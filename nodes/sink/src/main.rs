//! The `sink` node.

use std::process::ExitCode;

fn main() -> ExitCode {
    camweave_stage::main::<camweave_sink::Sink>()
}
