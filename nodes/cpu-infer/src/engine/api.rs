//! What an engine does.

use super::kind::EngineKind;

/// The network failed on one batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{engine}: input of {shape:?}: {message}")]
pub struct EngineError {
    /// Which engine.
    pub engine: EngineKind,
    /// The shape of the input.
    pub shape: [usize; 4],
    /// What it says, in one line.
    pub message: String,
}

/// Takes an output: its shape and its values.
pub type ReadOutput<'a> = &'a mut dyn FnMut(&[usize], &[f32]);

/// Which of an engine's threads run a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// All of them, which share the work of each operator.
    All,
    /// One of `Engine::lanes`, by its number: lanes run batches of their own side by side.
    Lane(usize),
}

/// A network that is ready to run.
pub trait Engine: Send + Sync {
    /// Which engine this is.
    fn kind(&self) -> EngineKind;

    /// How many batches run side by side, each on one thread; 1: none beside another.
    fn lanes(&self) -> usize;

    /// Does `work` on the thread of a lane; a batch that it runs in that lane changes no thread.
    fn in_lane(&self, lane: usize, work: &mut (dyn FnMut() + Send));

    /// Waits until runs are as fast as they will be.
    fn wait_until_ready(&self) {}

    /// Runs the network. `input` is `[batch, 3, height, width]`, row-major, 0 to 1, of the given
    /// shape; `read` gets the first output, row-major, converted to `f32` where it is not. Memory
    /// of the output is the engine's own, and is used again.
    ///
    /// # Errors
    /// What the engine says.
    fn run(
        &self,
        threads: Threads,
        input: &[f32],
        shape: [usize; 4],
        read: ReadOutput<'_>,
    ) -> Result<(), EngineError>;
}

/// An engine's message in one line of bearable length.
pub fn one_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(400) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
