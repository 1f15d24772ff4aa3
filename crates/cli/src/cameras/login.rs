//! Where a password comes from: never from the command line, which every user of the machine can
//! read.

use std::io::{IsTerminal, Read, stdin};

use camweave_cameras::edit::Value;
use camweave_redact::Secret;
use camweave_stage::Exit;
use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::error::CliError;
use crate::say::note;

/// Bytes that a password may have.
const MOST_BYTES: u64 = 4096;

/// A camera's password.
#[derive(Debug, Args)]
pub struct Password {
    /// Read the password from standard input.
    #[arg(long, conflicts_with = "password_env")]
    password_stdin: bool,
    /// The environment variable that has the password. The file refers to it by its name.
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
}

impl Password {
    /// The password as a field's value; `None`: none is given.
    pub fn value(&self) -> Result<Option<Value>, CliError> {
        if let Some(name) = &self.password_env {
            return Ok(Some(Value::text(format!("${{{name}}}"))));
        }
        if !self.password_stdin {
            return Ok(None);
        }
        let password = read().map_err(|error| {
            CliError::new(
                Exit::Input,
                format!("cannot read the password from standard input: {error}"),
            )
        })?;
        if password.expose().contains("${") {
            return Err(CliError::new(
                Exit::Configuration,
                "a password with '${' in it must be given through a variable (--password-env)"
                    .to_owned(),
            ));
        }
        Ok(Some(Value::Text(password)))
    }
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

/// One line, or all that there is.
fn read() -> std::io::Result<Secret> {
    let mut text = String::new();
    if stdin().is_terminal() {
        note!("password:");
        let quiet = Quiet::begin();
        stdin().read_line(&mut text)?;
        drop(quiet);
    } else {
        stdin().lock().take(MOST_BYTES).read_to_string(&mut text)?;
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(Secret::new(text))
}
