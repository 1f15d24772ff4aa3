//! Passwords that anyone may read.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::say::note;

/// Whether others than the file's owner and group may read it.
const READABLE_BY_OTHERS: u32 = 0o004;

/// Warns of a password in a URL on the command line.
pub fn warn_of_typed(url: &str) {
    if camweave_cameras::has_literal_secret(url) {
        note!(
            "warning: every user of this machine can read the password in the URL in the list of processes, expected --password-stdin or --password-env NAME, and the user as username"
        );
    }
}

/// Warns of a password that stands in the file itself, where anyone may read it.
pub fn warn(file: &Path) {
    let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode());
    if mode & READABLE_BY_OTHERS != 0 && camweave_cameras::has_literal_secrets(file) {
        note!(
            "warning: every user can read '{}', which contains a password; 'chmod 600' it, or put the password into an environment variable",
            file.display()
        );
    }
}
