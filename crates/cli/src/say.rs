//! What a command prints. That the reader has hung up (`camweave doctor | head -1`) is not an
//! error; a full disk is one.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::path::Path;

use camweave_redact::{printable_up_to, safe_line};

use crate::error::CliError;

/// Prints to standard output.
///
/// # Errors
/// It cannot be written, for another reason than that its reader has gone.
pub fn text(text: Arguments<'_>) -> Result<(), CliError> {
    print(&safe(&text.to_string()))
}

/// Prints a document for programs, whose texts hold no secret any longer: nothing in it is hidden.
///
/// # Errors
/// As [`text`].
pub fn document(text: Arguments<'_>) -> Result<(), CliError> {
    let text = text.to_string();
    let lines = text
        .lines()
        .map(|it| printable_up_to(it, usize::MAX) + "\n");
    print(&lines.collect::<String>())
}

fn print(text: &str) -> Result<(), CliError> {
    let mut output = std::io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::file(
            "write",
            Path::new("standard output"),
            &error,
        )),
        _ => Ok(()),
    }
}

/// Prints to standard error, if anybody reads it.
pub fn aside(text: Arguments<'_>) {
    let text = safe(&text.to_string());
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}

/// Lines that may quote names and texts from anywhere, without what a terminal would obey.
fn safe(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => safe_line(line) + "\n",
            None => safe_line(line),
        })
        .collect()
}

/// Prints a line to standard output; ends the function with the error where that is impossible.
macro_rules! say {
    ($($part:tt)*) => {
        $crate::say::text(format_args!("{}\n", format_args!($($part)*)))?
    };
}

/// Prints a line to standard error.
macro_rules! note {
    ($($part:tt)*) => {
        $crate::say::aside(format_args!("{}\n", format_args!($($part)*)))
    };
}

pub(crate) use {note, say};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_and_escape_sequences_do_not() {
        assert_eq!(
            safe("a\x1b[2J\n\"\u{202e}\"\n\n"),
            "a\\u001b[2J\n\"\\u202e\"\n\n"
        );
    }
}
