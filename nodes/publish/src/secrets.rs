//! Secrets: from files and the environment, never from the graph, which dora shows to whoever asks.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use camweave_redact::Secret;
use camweave_stage::StageError;
use tracing::warn;

/// A secret's file is longer than no password: so much is read of it at most.
const FILE_BYTES: u64 = 64 << 10;
/// Whether others than the file's owner and group may read it.
const READABLE_BY_OTHERS: u32 = 0o004;

pub(crate) fn is_set(file: &Option<PathBuf>, variable: &Option<String>) -> bool {
    file.is_some() || variable.is_some()
}

/// The secret that the settings `<name>_FILE` or `<name>_VARIABLE` name.
///
/// # Errors
/// The file cannot be read, the variable is not set, or there is nothing in it.
pub(crate) fn read(
    name: &str,
    file: Option<&Path>,
    variable: Option<&str>,
) -> Result<Option<Secret>, StageError> {
    if let Some(file) = file {
        return read_file(&format!("{name}_FILE"), file).map(Some);
    }
    let Some(variable) = variable else {
        return Ok(None);
    };
    let wrong = |what: &str| {
        StageError::configuration(format!(
            "env {name}_VARIABLE='{}': {what}",
            camweave_redact::printable(variable)
        ))
    };
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => Ok(Some(Secret::from(value))),
        Ok(_) => Err(wrong("that variable is empty")),
        Err(std::env::VarError::NotPresent) => Err(wrong(
            "there is no such variable in the environment of dora",
        )),
        Err(std::env::VarError::NotUnicode(_)) => Err(wrong("that variable is not UTF-8")),
    }
}

/// The secret in a file, without the line feed at its end.
///
/// # Errors
/// The file cannot be read, or there is nothing in it.
pub(crate) fn read_file(name: &str, file: &Path) -> Result<Secret, StageError> {
    let wrong = |what: String| {
        StageError::configuration(format!("env {name}='{}': {what}", file.display()))
    };
    let bytes = read_bounded(file).map_err(|error| wrong(error.to_string()))?;
    if let Some(line) = readable_by_all(name, file) {
        warn!("{line}");
    }
    let text = String::from_utf8(bytes);
    let Ok(text) = text.map(Secret::from) else {
        return Err(wrong("it is not UTF-8".to_owned()));
    };
    let line = text.expose().trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    Ok(Secret::from(line.to_owned()))
}

/// All of a small file. Links are followed: where secrets are mounted, as by Kubernetes, they are links.
fn read_bounded(file: &Path) -> io::Result<Vec<u8>> {
    let refused = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    // Before it is opened: that waits for the other end of a FIFO.
    if !fs::metadata(file)?.is_file() {
        return refused("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(file)?;
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        return refused(format!("it has more than {FILE_BYTES} bytes"));
    }
    Ok(bytes)
}

/// A warning, where every user of this machine may read the file.
fn readable_by_all(name: &str, file: &Path) -> Option<String> {
    let mode = fs::metadata(file).ok()?.permissions().mode();
    let line = || {
        let file = file.display();
        format!("env {name}: every user can read '{file}', which contains a secret; 'chmod 600' it")
    };
    (mode & READABLE_BY_OTHERS != 0).then(line)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_secret_may_be_behind_a_link_and_should_not_be_readable_by_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, link) = (folder.path().join("..data"), folder.path().join("password"));
        fs::write(&data, "t0psecret\n").expect("writable");
        symlink("..data", &link).expect("a link");
        let secret = read_file("PASSWORD_FILE", &link).expect("it is followed");
        assert_eq!(secret.expose(), "t0psecret");
        for (mode, is_warned) in [(0o600, false), (0o640, false), (0o644, true)] {
            fs::set_permissions(&data, fs::Permissions::from_mode(mode)).expect("ours");
            let line = readable_by_all("PASSWORD_FILE", &link);
            assert_eq!(line.is_some(), is_warned, "{line:?}");
            assert!(!line.unwrap_or_default().contains("t0p"));
        }
        let folder = read_file("PASSWORD_FILE", folder.path()).expect_err("no file");
        assert!(folder.message.contains("no regular file"), "{folder}");
        fs::write(&data, vec![b'x'; 70_000]).expect("writable");
        assert!(read_file("PASSWORD_FILE", &link).is_err());
    }
}
