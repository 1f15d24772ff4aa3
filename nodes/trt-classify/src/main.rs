//! The `trt-classify` node.

use std::process::ExitCode;

fn main() -> ExitCode {
    camweave_stage::main::<camweave_trt_classify::TrtClassify>()
}
