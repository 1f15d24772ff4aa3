//! The `cpu-nms` node.

fn main() -> std::process::ExitCode {
    camweave_stage::main::<camweave_cpu_nms::CpuNms>()
}
