//! The `trt-infer` node.

fn main() -> std::process::ExitCode {
    camweave_stage::main::<camweave_trt_infer::TrtInfer>()
}
