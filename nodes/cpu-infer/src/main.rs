//! The `cpu-infer` node.

fn main() -> std::process::ExitCode {
    if let Some(code) = camweave_cpu_infer::answer() {
        return code;
    }
    camweave_stage::main::<camweave_cpu_infer::CpuInfer>()
}
