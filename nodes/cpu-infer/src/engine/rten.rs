//! rten: an ONNX runtime in Rust, part of this program.

use std::sync::Arc;

use camweave_stage::StageError;
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensorView, TensorView};

use super::{Engine, EngineError, EngineKind, ReadOutput, one_line};
use camweave_model::ModelFile;

/// A model in rten. It computes in 32 bits, also where the file has 16.
pub struct Rten {
    model: Model,
    input: NodeId,
    output: NodeId,
    threads: Arc<ThreadPool>,
    /// One pool of one thread for each of `threads`, where there are several.
    lanes: Vec<Arc<ThreadPool>>,
    /// The outputs of all lanes, one after the other.
    joined: Vec<f32>,
}

impl Rten {
    pub fn open(file: &ModelFile, threads: usize) -> Result<Self, StageError> {
        let refuse = |message: String| {
            StageError::input(format!(
                "model '{}': rten cannot run it: {}; ENGINE=onnxruntime knows more operators",
                file.path.display(),
                one_line(&message)
            ))
        };
        let model = ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load_file(&file.path)
            .map_err(|error| refuse(error.to_string()))?;
        let node = |name: &str| {
            model
                .node_id(name)
                .map_err(|error| refuse(error.to_string()))
        };
        let (input, output) = (node(&file.input.name)?, node(&file.output)?);
        let lanes = match threads {
            2.. => (0..threads)
                .map(|_| Arc::new(ThreadPool::with_num_threads(1)))
                .collect(),
            _ => Vec::new(),
        };
        Ok(Self {
            model,
            input,
            output,
            threads: Arc::new(ThreadPool::with_num_threads(threads)),
            lanes,
            joined: Vec::new(),
        })
    }

    /// Runs a batch on one pool; `read` gets the output.
    fn run_on(
        &self,
        pool: &Arc<ThreadPool>,
        input: &[f32],
        shape: [usize; 4],
        read: ReadOutput<'_>,
    ) -> Result<(), EngineError> {
        let fail = |message: String| EngineError {
            engine: EngineKind::Rten,
            shape,
            message: one_line(&message),
        };
        let view =
            NdTensorView::try_from_data(shape, input).map_err(|error| fail(error.to_string()))?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool)));
        let inputs = vec![(self.input, ValueOrView::from(view))];
        let [output] = self
            .model
            .run_n(inputs, [self.output], Some(options))
            .map_err(|error| fail(error.to_string()))?;
        let output: TensorView<f32> = output
            .as_tensor_view()
            .ok_or_else(|| fail(format!("an output of {}, expected float32", output.dtype())))?;
        let output = output.to_contiguous();
        read(output.shape(), output.data());
        Ok(())
    }

    /// Runs equal shares of a batch side by side, each on one thread: threads that share the work of
    /// each operator wait for one another at its end, some sixty times a run.
    fn run_in_lanes(&self, input: &[f32], shape: [usize; 4]) -> Result<Vec<Output>, EngineError> {
        let [batch, channels, height, width] = shape;
        let share = [batch / self.lanes.len(), channels, height, width];
        let inputs = input.chunks(share.iter().product::<usize>().max(1));
        let run = |(pool, input)| {
            let mut found = (Vec::new(), Vec::new());
            self.run_on(pool, input, share, &mut |shape, values| {
                found = (shape.to_vec(), values.to_vec());
            })
            .map(|()| found)
        };
        let mut jobs = self.lanes.iter().zip(inputs);
        let own = jobs.next();
        std::thread::scope(|scope| {
            let others: Vec<_> = jobs.map(|job| scope.spawn(move || run(job))).collect();
            let first = own.map(run);
            let others = others.into_iter().map(|other| match other.join() {
                Ok(found) => found,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            first.into_iter().chain(others).collect()
        })
    }
}

/// Shape and values.
type Output = (Vec<usize>, Vec<f32>);

impl Engine for Rten {
    fn kind(&self) -> EngineKind {
        EngineKind::Rten
    }

    fn run(
        &mut self,
        input: &[f32],
        shape: [usize; 4],
        read: ReadOutput<'_>,
    ) -> Result<(), EngineError> {
        let is_shared = !self.lanes.is_empty() && shape[0].is_multiple_of(self.lanes.len());
        if !is_shared {
            return self.run_on(&self.threads, input, shape, read);
        }
        let outputs = self.run_in_lanes(input, shape)?;
        self.joined.clear();
        let mut whole = Vec::new();
        for (found, values) in outputs {
            if whole.is_empty() {
                whole = found;
                // The rest of the shape is the network's, and the same for every share.
                if let Some(frames) = whole.first_mut() {
                    *frames *= self.lanes.len();
                }
            }
            self.joined.extend_from_slice(&values);
        }
        read(&whole, &self.joined);
        Ok(())
    }
}
