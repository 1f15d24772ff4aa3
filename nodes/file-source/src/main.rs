//! The `file-source` node.

fn main() -> std::process::ExitCode {
    // A parser that finds no end collects all that it reads. Nothing is decoded in this process.
    camweave_demux::limit_allocations_for_files();
    camweave_stage::main::<camweave_file_source::FileSource>()
}
