//! The `file-source` node.

fn main() -> std::process::ExitCode {
    camweave_stage::main::<camweave_file_source::FileSource>()
}
