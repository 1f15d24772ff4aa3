//! The `fused` node.

fn main() -> std::process::ExitCode {
    if let Some(code) = camweave_cpu_infer::trial::answer() {
        return code;
    }
    camweave_stage::fused::main(camweave_fused::PARTS)
}
