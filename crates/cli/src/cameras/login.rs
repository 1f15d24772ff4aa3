//! Where a password comes from: never from the command line, which every user of the machine can
//! read.

use std::path::PathBuf;

use camweave_cameras::edit::Value;
use camweave_redact::Secret;
use camweave_stage::Exit;
use clap::Args;

use crate::error::CliError;
use crate::terminal;

/// A camera's password.
#[derive(Debug, Args)]
pub struct Password {
    /// Read the password from standard input.
    #[arg(long, group = "password_source")]
    password_stdin: bool,
    /// The environment variable that has the password. A cameras.yml refers to it by its name.
    #[arg(long, value_name = "NAME", group = "password_source")]
    password_env: Option<String>,
    /// The file that has the password, and nothing else.
    #[arg(long, value_name = "FILE", group = "password_source")]
    password_file: Option<PathBuf>,
}

impl Password {
    /// Whether there is one.
    pub fn is_given(&self) -> bool {
        self.password_stdin || self.password_env.is_some() || self.password_file.is_some()
    }

    /// The password as a field's value; `None`: none is given.
    pub fn value(&self) -> Result<Option<Value>, CliError> {
        match &self.password_env {
            Some(name) => Ok(Some(reference(name))),
            None => Ok(self.literal()?.map(Value::Text)),
        }
    }

    /// The same, with the password itself.
    pub fn with_secret(&self) -> Result<Option<(Value, Secret)>, CliError> {
        if let Some(name) = &self.password_env {
            let secret = std::env::var(name).map_err(|_| {
                let name = camweave_redact::printable(name);
                wrong(format!(
                    "--password-env: the environment variable '{name}' is not set, or not text"
                ))
            })?;
            return Ok(Some((reference(name), Secret::new(secret))));
        }
        let literal = self.literal()?;
        Ok(literal.map(|secret| (Value::Text(secret.clone()), secret)))
    }

    fn literal(&self) -> Result<Option<Secret>, CliError> {
        let password = match &self.password_file {
            Some(file) => terminal::password_in(file)?,
            None if self.password_stdin => terminal::password()?,
            None => return Ok(None),
        };
        checked(password).map(Some)
    }
}

/// A password that a cameras.yml can have as it is.
pub fn checked(password: Secret) -> Result<Secret, CliError> {
    match password.expose().contains("${") {
        true => Err(wrong(
            "a password with '${' in it must be given through a variable (--password-env)"
                .to_owned(),
        )),
        false => Ok(password),
    }
}

fn reference(variable: &str) -> Value {
    Value::text(format!("${{{variable}}}"))
}

fn wrong(message: String) -> CliError {
    CliError::new(Exit::Configuration, message)
}
