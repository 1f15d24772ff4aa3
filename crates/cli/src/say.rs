//! What a command prints. A reader that has hung up (`camweave doctor | head -1`) wants no more, and
//! that is no error; a disk that has no room for the output is one.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::error::CliError;

/// Prints to standard output.
///
/// # Errors
/// It cannot be written, for another reason than that its reader has gone.
pub fn text(text: Arguments<'_>) -> Result<(), CliError> {
    let mut output = std::io::stdout().lock();
    match output.write_fmt(text).and_then(|()| output.flush()) {
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
    drop(std::io::stderr().lock().write_fmt(text));
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
