use std::process::ExitCode;

use thiserror::Error;

/// The documented exit codes of camweave's programs (`docs/exit-codes.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Success = 0,
    /// A bug: an invariant of camweave's own does not hold.
    Internal = 1,
    /// The command line, a node's `env`, `cameras.yml` or the graph is wrong.
    Configuration = 2,
    /// A file, model, stream or message cannot be used.
    Input = 3,
    /// A library, device or service that the machine should have is missing.
    Missing = 4,
    /// The machine refuses: memory, disk, descriptors.
    Resource = 5,
    /// The run ended, but not every camera delivered.
    Incomplete = 6,
    /// A node was told to end by a signal while the graph goes on: it is to be started again.
    Terminated = 7,
    /// What was compared differs.
    Differs = 8,
}

impl Exit {
    /// Whether the next start of the same program would end in the same way.
    #[must_use]
    pub fn is_lasting(self) -> bool {
        matches!(self, Self::Configuration | Self::Input | Self::Missing)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Says that this thread, a program's main one, is about to return from `main`. From here on a panic
/// of any other thread is not shown.
///
/// dora gives up on its transport after a while, and the transport's threads then run beside the
/// destructors of its own statics: a thread that is just taking up a connection finds one of them
/// gone and panics. Nothing is lost by it, and a user who reads of it can do nothing about it.
pub(crate) fn work_is_over() {
    let shown = std::panic::take_hook();
    let main = std::thread::current().id();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() == main {
            shown(panic);
        }
    }));
}

/// An error that ends a stage: one line that names the thing, the value and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct StageError {
    /// The exit code.
    pub exit: Exit,
    /// The line.
    pub message: String,
}

impl StageError {
    /// Wrong configuration.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Configuration,
            message: message.into(),
        }
    }

    /// An unusable file, model or stream.
    pub fn input(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Input,
            message: message.into(),
        }
    }

    /// A missing library, device or service.
    pub fn missing(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Missing,
            message: message.into(),
        }
    }

    /// The machine refuses.
    pub fn resource(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Resource,
            message: message.into(),
        }
    }

    /// A signal, without a stop of the graph.
    pub(crate) fn terminated(stage: &str) -> Self {
        Self {
            exit: Exit::Terminated,
            message: format!(
                "'{stage}' got SIGTERM or SIGINT, and the graph was not stopped: dora restarts it; 'dora stop' or Ctrl-C ends the graph"
            ),
        }
    }

    /// What stands in the report as the error that ended the stage; a signal is none.
    pub(crate) fn fatal(&self) -> Option<&str> {
        (self.exit != Exit::Terminated).then_some(&*self.message)
    }

    /// A bug.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Internal,
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, set_hook, take_hook};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    /// One test for all: the hook belongs to the process, and so does this test (nextest).
    #[test]
    fn what_threads_of_others_say_at_the_end_is_not_shown() {
        let shown = Arc::new(AtomicUsize::new(0));
        let before = take_hook();
        let counted = Arc::clone(&shown);
        set_hook(Box::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        }));
        let elsewhere = || thread::spawn(|| panic!("a static is gone")).join();

        assert!(elsewhere().is_err());
        let while_it_works = shown.load(Ordering::SeqCst);
        super::work_is_over();
        assert!(elsewhere().is_err());
        let after = shown.load(Ordering::SeqCst);
        assert!(catch_unwind(|| panic!("a bug in main")).is_err());
        let of_main = shown.load(Ordering::SeqCst);

        set_hook(before);
        assert_eq!((while_it_works, after, of_main), (1, 1, 2));
    }
}
