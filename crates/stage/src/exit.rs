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
                "'{stage}' was told to end by SIGTERM or SIGINT and the graph was not stopped: dora starts it again; 'dora stop' or Ctrl-C ends the graph"
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
