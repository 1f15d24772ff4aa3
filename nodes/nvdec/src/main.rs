//! The nvdec node.

fn main() -> std::process::ExitCode {
    camweave_stage::main::<camweave_nvdec_node::NvDec>()
}
