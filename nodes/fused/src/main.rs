//! The `fused` node.

fn main() -> std::process::ExitCode {
    camweave_stage::fused::main(camweave_fused::PARTS)
}
