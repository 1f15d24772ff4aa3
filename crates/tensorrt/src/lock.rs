//! One process at a time.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::info;

use crate::error::Error;

/// No build takes so long; the kernel releases the lock of a process that has died.
const AT_MOST: Duration = Duration::from_secs(3600);

/// Waits until no other process has the file's lock, which is released when the result is dropped.
/// The file stays: removing it would let two processes lock different files of one name.
pub fn lock(path: &Path) -> Result<File, Error> {
    let failed = |error: std::io::Error| {
        Error::resource(format!("cannot lock '{}': {error}", path.display()))
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed)?;
    let since = Instant::now();
    let mut is_said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if since.elapsed() < AT_MOST => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::resource(format!(
                    "'{}' has been locked by another process for {} minutes, expected a build to end before",
                    path.display(),
                    AT_MOST.as_secs() / 60
                )));
            }
        }
        if !std::mem::replace(&mut is_said, true) {
            info!(lock = %path.display(), "another process builds this engine: waiting for it");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
