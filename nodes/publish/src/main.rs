//! The `publish` node.

use std::process::ExitCode;

fn main() -> ExitCode {
    camweave_stage::main::<camweave_publish::Publish>()
}
