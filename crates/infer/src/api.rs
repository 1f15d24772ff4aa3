//! What an engine does.

use camweave_vision::InputLayout;

use crate::kind::EngineKind;

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

/// An output of a run.
#[derive(Debug, Clone, Copy)]
pub struct OutputView<'a> {
    /// Its shape.
    pub shape: &'a [usize],
    /// Its values, row-major, converted to `f32` where they are not.
    pub values: &'a [f32],
}

/// Takes the outputs that were asked for, in that order.
pub type ReadOutputs<'a> = &'a mut dyn FnMut(&[OutputView<'_>]);

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

    /// Runs the network. `input` is row-major and of the given shape, in the order and range that
    /// the model's input format says; an input of float16 or of bytes is made of it. `outputs` are
    /// places among the file's outputs; memory of outputs is the engine's own, and is used again.
    ///
    /// # Errors
    /// What the engine says.
    fn run(
        &self,
        threads: Threads,
        input: &[f32],
        shape: [usize; 4],
        outputs: &[usize],
        read: ReadOutputs<'_>,
    ) -> Result<(), EngineError>;
}

/// An engine that was asked for an output that the model does not have.
pub fn no_output(index: usize) -> String {
    format!("no output of number {index}")
}

/// The width and height of an input of `frames` frames, for each of them.
pub fn target_sizes(shape: [usize; 4], layout: InputLayout) -> Vec<[usize; 2]> {
    let (height, width) = match layout {
        InputLayout::Nchw => (shape[2], shape[3]),
        InputLayout::Nhwc => (shape[1], shape[2]),
    };
    vec![[width, height]; shape[0]]
}

/// An engine's message in one line of bearable length.
pub fn one_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(400) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Adds the values of a frame of a batch to `head`, output after output.
pub fn head_of(outputs: &[OutputView<'_>], batch: usize, frame: usize, head: &mut Vec<f32>) {
    for output in outputs {
        let each = output.values.len() / batch.max(1);
        head.extend_from_slice(&output.values[frame * each..(frame + 1) * each]);
    }
}
