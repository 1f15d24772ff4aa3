//! Who uses memory that CUDA frees for all: a file of the producer's, which consumers lock.
//!
//! CUDA leaves it undefined what a consumer sees of memory that its producer has freed. So the
//! producer frees it when nobody has a lock, which the kernel takes away from the dead as well; and
//! a consumer looks whether the producer lives.

use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::FileExt as _;

use camweave_pool::{MemoryError, Process};
use rustix::fs::{FileType, FlockOperation, MemfdFlags, Mode, OFlags, flock, fstat, open};
use rustix::io::{Errno, write};

use super::description::{NONCE_BYTES, Nonce};

/// The producer's side.
#[derive(Debug)]
pub(super) struct Lease(OwnedFd);

impl Lease {
    /// A file without a name that holds the nonce.
    pub fn create(nonce: Nonce) -> Result<Self, MemoryError> {
        let failed = || MemoryError::io::<Errno>(|| "make the file of a lease".to_owned());
        let file = rustix::fs::memfd_create("camweave-lease", MemfdFlags::CLOEXEC);
        let file = file.map_err(failed())?;
        rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR).map_err(failed())?;
        // So few bytes are never written in part.
        write(&file, &nonce.0).map_err(failed())?;
        Ok(Self(file))
    }

    /// What consumers open.
    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Ends the lease if no consumer has it: from then on none gets it.
    pub fn try_end(&self) -> bool {
        flock(&self.0, FlockOperation::NonBlockingLockExclusive).is_ok()
    }

    /// A handle of the same lease, under another descriptor: with the first one closed, no new
    /// consumer finds it.
    pub fn hidden(&self) -> Result<Self, MemoryError> {
        let clone = self.0.try_clone();
        clone
            .map(Self)
            .map_err(MemoryError::io(|| "keep the file of a lease".to_owned()))
    }

    /// Waits until the last consumer has given it back, or has ended.
    pub fn end(&self) {
        // Other errors than an interruption do not come of a file in memory; waiting would not
        // mend them.
        while flock(&self.0, FlockOperation::LockExclusive) == Err(Errno::INTR) {}
    }
}

/// The consumer's side, given back when dropped.
#[derive(Debug)]
pub(super) struct Borrowed {
    _file: OwnedFd,
    producer: Presence,
}

impl Borrowed {
    /// Takes part in the lease behind descriptor `fd` of `producer`.
    pub fn take(producer: Process, fd: RawFd, nonce: Nonce) -> Result<Self, MemoryError> {
        let pid = producer.pid();
        let path = format!("/proc/{pid}/fd/{fd}");
        let gone = |found: &str| MemoryError::Gone {
            detail: format!("{path} {found}"),
        };
        let failed = |error: Errno| match error {
            Errno::NOENT | Errno::SRCH => gone("is closed"),
            _ => MemoryError::io(|| {
                format!("open {path}; producer and consumer must be of one user")
            })(error),
        };
        // Opened before the nonce is read: a later process with the same id has another file.
        let producer = Presence::of(pid)?;
        // First without opening what lies behind: it could be a pipe or a device by now.
        let place = open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
        let stat = fstat(&place).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(gone("is no longer a file in memory"));
        }
        let place = format!("/proc/self/fd/{}", place.as_raw_fd());
        let file = open(place, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
        let file = File::from(file);
        let mut found = [0; NONCE_BYTES];
        if file.read_exact_at(&mut found, 0).is_err() || found != nonce.0 {
            return Err(gone("shows another file than the control block names"));
        }
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(gone("is locked: the pool is closed")),
            Err(error) => return Err(MemoryError::io(|| format!("lock {path}"))(error)),
        }
        Ok(Self {
            _file: file.into(),
            producer,
        })
    }

    /// An error once the producer has ended, and its memory with it.
    pub fn check(&self) -> Result<(), MemoryError> {
        if self.producer.has_ended() {
            return Err(MemoryError::Gone {
                detail: format!(
                    "process {} has ended, and device memory that is shared by CUDA IPC with it",
                    self.producer.pid
                ),
            });
        }
        Ok(())
    }
}

/// A process, by an open file that never shows a later one with the same id.
#[derive(Debug)]
struct Presence {
    pid: u32,
    memory: File,
}

impl Presence {
    fn of(pid: u32) -> Result<Self, MemoryError> {
        let path = format!("/proc/{pid}/statm");
        match File::open(&path) {
            Ok(memory) => Ok(Self { pid, memory }),
            Err(error) if is_gone(&error) => Err(MemoryError::Gone {
                detail: format!("process {pid} has ended"),
            }),
            Err(error) => Err(MemoryError::io(|| format!("open {path}"))(error)),
        }
    }

    /// A process that ends loses its address space before its files, and those of the device with
    /// them. Where `/proc` gives no answer, it counts as alive, as in the pool's own bookkeeping.
    fn has_ended(&self) -> bool {
        let mut text = [0; 64];
        match self.memory.read_at(&mut text, 0) {
            Ok(length) => length == 0 || text.starts_with(b"0 "),
            Err(error) => is_gone(&error),
        }
    }
}

fn is_gone(error: &std::io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::NOENT | Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn lease() -> (Lease, Nonce) {
        let nonce = Nonce::random().expect("random bytes");
        (Lease::create(nonce).expect("a file"), nonce)
    }

    fn this() -> Process {
        Process::new(std::process::id(), 1).expect("a process id")
    }

    fn other() -> Child {
        let child = Command::new("cat").stdin(Stdio::piped()).spawn();
        child.expect("a program of every system")
    }

    #[test]
    fn a_lease_ends_when_nobody_has_it_and_is_then_no_more_to_be_had() {
        let (lease, nonce) = lease();
        let take = || Borrowed::take(this(), lease.fd(), nonce);
        let (first, second) = (take().expect("a lease"), take().expect("for many"));
        first.check().expect("this process lives");
        assert!(!lease.try_end());
        drop(first);
        assert!(!lease.try_end());
        let hidden = lease.hidden().expect("a descriptor");
        let waiting = std::thread::spawn(move || hidden.end());
        drop(second);
        waiting.join().expect("a thread that ends");
        let refused = take().expect_err("ended");
        assert!(refused.to_string().contains("is closed"), "{refused}");
        assert!(matches!(refused, MemoryError::Gone { .. }), "{refused:?}");
    }

    #[test]
    fn another_file_behind_the_descriptor_is_no_lease() {
        let ((lease, _), (_, nonce)) = (lease(), lease());
        let (pipe, _end) = std::io::pipe().expect("a pipe");
        let file = tempfile::tempfile().expect("a file");
        for fd in [lease.fd(), pipe.as_raw_fd(), file.as_raw_fd(), 9999] {
            let refused = Borrowed::take(this(), fd, nonce).expect_err("not this lease");
            assert!(matches!(refused, MemoryError::Gone { .. }), "{refused:?}");
        }
        assert!(lease.try_end());
    }

    #[test]
    fn the_end_of_a_process_is_seen_before_and_after_it_is_waited_for() {
        let mut child = other();
        let presence = Presence::of(child.id()).expect("it lives");
        assert!(!presence.has_ended());
        child.kill().expect("a child");
        // A zombie first.
        while !presence.has_ended() {
            std::thread::yield_now();
        }
        child.wait().expect("a child");
        assert!(presence.has_ended());
        let gone = Presence::of(child.id()).expect_err("no such process");
        assert!(gone.to_string().contains("has ended"), "{gone}");
    }
}
