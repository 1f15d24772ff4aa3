//! The `gpu-nms` node.

fn main() -> std::process::ExitCode {
    camweave_stage::main::<camweave_gpu_nms::GpuNms>()
}
