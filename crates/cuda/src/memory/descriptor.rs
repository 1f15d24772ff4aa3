//! A file descriptor of another process.

use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};

use camweave_pool::{MemoryError, Process};
use rustix::io::Errno;
use rustix::process::{
    PTracer, Pid, PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open, set_ptracer,
};

/// Lets other processes of the same user take this process's descriptors, which Yama's
/// `ptrace_scope` 1 (Ubuntu's default) otherwise keeps to its parents.
pub(super) fn allow_taking() {
    // Fails where there is no Yama, and nothing to be allowed.
    let _ = set_ptracer(PTracer::Any);
}

/// Whether descriptors can be taken on this system at all, which old kernels and the usual filters
/// of containers' calls forbid. Consumers are taken to be under the same rules as this process.
pub(super) fn can_be_taken() -> bool {
    let taken = pidfd_open(getpid(), PidfdFlags::empty())
        .and_then(|this| pidfd_getfd(&this, this.as_raw_fd(), PidfdGetfdFlags::empty()));
    // Anything else, such as too many open files, is for whoever makes the pool to say.
    !matches!(taken, Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS))
}

/// A descriptor for the same thing as `fd` of a process. Opening a path in `/proc` is not enough:
/// CUDA knows its exported memory by the open file.
pub(super) fn take(producer: Process, fd: RawFd) -> Result<OwnedFd, MemoryError> {
    let pid = producer.pid();
    let gone = |found: &str| MemoryError::Gone {
        detail: format!("process {pid}: {found}"),
    };
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let process = process.ok_or_else(|| gone("not a process id"))?;
    let opened = pidfd_open(process, PidfdFlags::empty());
    let process = match opened {
        Ok(process) => process,
        Err(Errno::SRCH) => return Err(gone("has ended")),
        Err(error) => return Err(MemoryError::io(|| format!("open process {pid}"))(error)),
    };
    match pidfd_getfd(&process, fd, PidfdGetfdFlags::empty()) {
        Ok(fd) => Ok(fd),
        Err(Errno::SRCH) => Err(gone("has ended")),
        Err(Errno::BADF) => Err(gone(&format!("descriptor {fd} is closed"))),
        Err(error) => Err(MemoryError::io(|| {
            format!(
                "take descriptor {fd} of process {pid} (same user and kernel.yama.ptrace_scope of 0 or 1 expected; CAMWEAVE_CUDA_SHARING=ipc does without)"
            )
        })(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn descriptors_of_another_process_are_taken_and_missing_ones_named() {
        assert!(can_be_taken());
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(b"memory").expect("room on the disk");
        let mut child = Command::new("sh")
            .args(["-c", r#"exec 9<"$0"; echo ready; read line"#])
            .arg(file.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut ready = String::new();
        let output = child.stdout.take().expect("piped");
        let read = BufReader::new(output).read_line(&mut ready);
        assert_eq!(read.expect("the shell's word"), "ready\n".len());

        let process = Process::new(child.id(), 1).expect("a process id");
        let mut taken = std::fs::File::from(take(process, 9).expect("an open descriptor"));
        let mut text = String::new();
        taken.rewind().expect("a file");
        taken.read_to_string(&mut text).expect("a file");
        assert_eq!(text, "memory");
        let closed = take(process, 77).expect_err("not open");
        assert!(
            closed.to_string().contains("descriptor 77 is closed"),
            "{closed}"
        );
        child.kill().expect("a child");
        child.wait().expect("a child");
        let ended = take(process, 9).expect_err("no such process");
        assert!(matches!(ended, MemoryError::Gone { .. }), "{ended}");
    }
}
