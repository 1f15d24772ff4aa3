//! The `metrics` node.

use std::process::ExitCode;

fn main() -> ExitCode {
    camweave_stage::main::<camweave_metrics_node::Metrics>()
}
