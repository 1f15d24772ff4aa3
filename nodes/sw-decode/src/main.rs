//! The sw-decode node.

fn main() -> std::process::ExitCode {
    camweave_stage::main::<camweave_sw_decode::SwDecode>()
}
