//! The `fused` node.

fn main() -> std::process::ExitCode {
    camweave_fused::main()
}
