//! The `rtsp-source` node.

fn main() -> std::process::ExitCode {
    camweave_stage::main::<camweave_rtsp_source::RtspSource>()
}
