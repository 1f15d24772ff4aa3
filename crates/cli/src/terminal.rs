//! Questions to a person.

use std::io::{IsTerminal as _, Read as _, Write as _, stderr, stdin};

use camweave_redact::Secret;
use camweave_stage::Exit;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::error::CliError;
use crate::say::note;

/// Bytes that a password may have.
const MOST_BYTES: u64 = 4096;

/// Whether somebody can be asked.
pub fn can_ask() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// A line that is typed; `None`: an empty one, or the end.
pub fn line(question: &str) -> Result<Option<String>, CliError> {
    let mut output = stderr().lock();
    drop(
        output
            .write_all(question.as_bytes())
            .and_then(|()| output.flush()),
    );
    drop(output);
    let mut typed = String::new();
    stdin().read_line(&mut typed).map_err(|error| {
        CliError::new(
            Exit::Configuration,
            format!("standard input cannot be read: {error}"),
        )
    })?;
    let typed = typed.trim();
    Ok((!typed.is_empty()).then(|| typed.to_owned()))
}

/// Whether the answer is yes; an empty one is.
pub fn agrees(question: &str) -> Result<bool, CliError> {
    let answer = line(&format!("{question} [Y/n]: "))?;
    Ok(answer.is_none_or(|it| it.to_lowercase().starts_with('y')))
}

/// Shows nothing of what is typed until it is dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Now, &quiet).ok()?;
        Some(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}

/// A password: one line that is typed, or all that standard input has.
pub fn password() -> Result<Secret, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(
            Exit::Input,
            format!("cannot read the password from standard input: {error}"),
        )
    };
    let mut text = String::new();
    if stdin().is_terminal() {
        note!("password:");
        let quiet = Quiet::begin();
        stdin().read_line(&mut text).map_err(failed)?;
        drop(quiet);
    } else {
        let mut input = stdin().lock().take(MOST_BYTES);
        input.read_to_string(&mut text).map_err(failed)?;
    }
    Ok(without_line_end(text))
}

/// The password in a file.
pub fn password_in(file: &std::path::Path) -> Result<Secret, CliError> {
    let failed = |error: std::io::Error| CliError::file("read", file, &error);
    let opened = std::fs::File::open(file).map_err(failed)?;
    let mut text = String::new();
    opened
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(without_line_end(text))
}

fn without_line_end(mut text: String) -> Secret {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Secret::new(text)
}
