//! The command line described for others: completions for shells, and man pages.

use std::io::stdout;
use std::path::{Path, PathBuf};

use camweave_stage::Exit;
use clap::Command;
use clap_complete::Shell;

use crate::error::CliError;

/// Prints a shell's completions.
///
/// # Errors
/// None today; the command's results all look alike.
pub fn completions(mut command: Command, shell: Shell) -> Result<Exit, CliError> {
    clap_complete::generate(shell, &mut command, "camweave", &mut stdout());
    Ok(Exit::Success)
}

/// Writes man pages into a folder, one for each command and subcommand.
///
/// # Errors
/// The folder cannot be written.
pub fn man(command: Command, folder: &Path) -> Result<Exit, CliError> {
    let refused = |path: PathBuf| move |error| CliError::file("write", &path, &error);
    std::fs::create_dir_all(folder).map_err(refused(folder.to_owned()))?;
    clap_mangen::generate_to(command, folder).map_err(refused(folder.to_owned()))?;
    Ok(Exit::Success)
}
