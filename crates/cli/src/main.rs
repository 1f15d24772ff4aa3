//! The `camweave` command.

fn main() -> std::process::ExitCode {
    camweave::main()
}
