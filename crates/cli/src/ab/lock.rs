//! One measurement at a time on a core, and on a GPU: two would measure each other.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use camweave_outdir::PRIVATE_MODE;
use camweave_stage::Exit;
use rustix::fs::OFlags;
use rustix::thread::{CpuSet, sched_getaffinity};

use crate::error::CliError;
use crate::graph::Graph;

/// Held while a measurement runs: a file for each core that it may run on, and for each GPU that
/// its graphs may use. The kernel releases them with the process, however that ends, so the files
/// of one that was killed are in nobody's way.
pub struct Lock {
    /// Unlocked when they are closed.
    _files: Vec<File>,
}

impl Lock {
    /// Takes what a measurement of `graphs` uses, for this machine and user.
    ///
    /// # Errors
    /// Another measurement uses a part of it; its process is named.
    pub fn take<'a>(graphs: impl IntoIterator<Item = &'a Graph>) -> Result<Self, CliError> {
        let mut used = cores();
        if graphs.into_iter().any(|it| it.kind_on_a_gpu().is_some()) {
            used.extend(gpus());
        }
        Self::take_all(&folder(), &used)
    }

    /// Always in the same order, so that of two at once one gets all.
    fn take_all(folder: &Path, used: &[String]) -> Result<Self, CliError> {
        let files = used.iter().map(|name| take(folder, name));
        Ok(Self {
            _files: files.collect::<Result<_, _>>()?,
        })
    }
}

/// The cores that this process may run on, and what it starts.
fn cores() -> Vec<String> {
    let Ok(set) = sched_getaffinity(None) else {
        return vec!["all cores".to_owned()];
    };
    let cores = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core));
    cores.map(|core| format!("core {core}")).collect()
}

/// The GPUs that this process sees, as `CUDA_VISIBLE_DEVICES` names them, else all of the driver.
fn gpus() -> Vec<String> {
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_default();
    let mut names: Vec<String> = visible
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| format!("GPU {name}"))
        .collect();
    if names.is_empty() {
        let there = fs::read_dir("/proc/driver/nvidia/gpus").map_or(1, Iterator::count);
        names = (0..there).map(|index| format!("GPU {index}")).collect();
    }
    names.sort();
    names
}

/// Takes the file of one core or GPU.
fn take(folder: &Path, name: &str) -> Result<File, CliError> {
    let safe: String = name
        .to_lowercase()
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() { it } else { '-' })
        .collect();
    let user = rustix::process::getuid().as_raw();
    let path = folder.join(format!("camweave-measure-{user}-{safe}.lock"));
    let refuse = |error: &std::io::Error| CliError::file("lock", &path, error);
    // In a folder that others can write into, the name may be theirs.
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_MODE)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(&path)
        .map_err(|error| refuse(&error))?;
    let found = file.metadata().map_err(|error| refuse(&error))?;
    let own = rustix::process::geteuid().as_raw();
    if !found.is_file() || found.uid() != own || found.nlink() > 1 {
        return Err(CliError::new(
            Exit::Resource,
            format!(
                "'{}' is not this user's lock: expected a regular file of user {own} with one name; set XDG_RUNTIME_DIR to a folder of your own",
                path.display()
            ),
        ));
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            drop(file.read_to_string(&mut holder));
            let holder = holder.trim();
            return Err(CliError::new(
                Exit::Resource,
                format!(
                    "another measurement uses {name} ({}), and two would disturb each other; wait for its end, end it, or run this one on other cores (taskset) and GPUs (CUDA_VISIBLE_DEVICES)",
                    if holder.is_empty() {
                        "process unknown"
                    } else {
                        holder
                    }
                ),
            ));
        }
        Err(TryLockError::Error(error)) => return Err(refuse(&error)),
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let text = format!(
        "process {}: camweave {}\n",
        std::process::id(),
        words.join(" ")
    );
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(text.as_bytes()))
        .map_err(|error| refuse(&error))?;
    Ok(file)
}

/// Where a user's runtime files go, else the folder for temporary ones.
fn folder() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let is_own = |folder: &PathBuf| {
        let own = rustix::process::geteuid().as_raw();
        fs::metadata(folder).is_ok_and(|it| it.is_dir() && it.uid() == own)
    };
    runtime.filter(is_own).unwrap_or_else(std::env::temp_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(folder: &Path, name: &str) -> PathBuf {
        let user = rustix::process::getuid().as_raw();
        folder.join(format!("camweave-measure-{user}-{name}.lock"))
    }

    #[test]
    fn a_link_or_a_second_name_is_refused_and_its_file_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = path(folder.path(), "core-0");
        let target = folder.path().join("mine");
        fs::write(&target, "precious").expect("writable");
        std::os::unix::fs::symlink(&target, &path).expect("a link");
        let error = take(folder.path(), "core 0").expect_err("refused");
        assert!(error.to_string().contains("lock"), "{error}");
        fs::remove_file(&path).expect("ours");
        fs::hard_link(&target, &path).expect("a second name");
        let error = take(folder.path(), "core 0").expect_err("refused");
        assert!(error.to_string().contains("one name"), "{error}");
        assert_eq!(fs::read_to_string(&target).expect("there"), "precious");
        fs::remove_file(&path).expect("ours");
        drop(take(folder.path(), "core 0").expect("free"));
        let mode = fs::metadata(&path).expect("there").mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }

    #[test]
    fn a_second_one_on_the_same_core_is_told_who_holds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let take = |used: &[&str]| {
            let used: Vec<String> = used.iter().map(|name| (*name).to_owned()).collect();
            Lock::take_all(folder.path(), &used)
        };
        // What a process that died has left.
        let left = path(folder.path(), "core-1");
        fs::write(&left, "process 1: camweave ab old\n").expect("writable");
        let held = take(&["core 1", "core 2"]).expect("nobody holds them");
        let error = take(&["core 0", "core 1"]).err().expect("refused");
        assert_eq!(error.exit, Exit::Resource);
        let expected = format!("core 1 (process {}", std::process::id());
        assert!(error.to_string().contains(&expected), "{error}");
        // What was taken before the refusal is free again.
        drop(take(&["core 0", "core 3", "GPU 1"]).expect("nobody holds them"));
        drop(held);
        assert!(take(&["core 1"]).is_ok());
    }

    #[test]
    fn a_measurement_uses_the_cores_that_it_may_run_on() {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let cores = cores();
        // A quota may leave fewer threads than cores.
        assert!(cores.len() >= threads, "{cores:?}");
        assert!(cores[0].starts_with("core "), "{cores:?}");
        assert!(!gpus().is_empty());
    }
}
