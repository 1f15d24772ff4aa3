//! The `cpu-infer` node.

fn main() -> std::process::ExitCode {
    camweave_stage::main::<camweave_cpu_infer::CpuInfer>()
}
