//! What the tests of the search for cameras share.

use std::process::Command;

/// In the environment of each command, as `STREET_PASSWORD`.
pub const PASSWORD: &str = "t0psecret";

/// Exit code, standard output and standard error of `camweave`, in which the password never is.
#[track_caller]
pub fn camweave(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_camweave"))
        .args(arguments)
        .env("STREET_PASSWORD", PASSWORD)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("camweave runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(
        !out.contains(PASSWORD) && !error.contains(PASSWORD),
        "{out}{error}"
    );
    (output.status.code(), out, error)
}
