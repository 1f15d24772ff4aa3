//! The `classify` node.

fn main() -> std::process::ExitCode {
    if let Some(code) = camweave_classify::answer() {
        return code;
    }
    camweave_stage::main::<camweave_classify::Classify>()
}
