//! rten: an ONNX runtime in Rust, part of this program.

use std::sync::Arc;

use camweave_stage::StageError;
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensorView, TensorView};

use super::api::{Engine, EngineError, ReadOutput, Threads, one_line};
use super::kind::EngineKind;
use camweave_model::ModelFile;

/// A model in rten. It computes in 32 bits, also where the file has 16.
pub struct Rten {
    model: Model,
    input: NodeId,
    output: NodeId,
    /// One pool of all threads.
    all: Arc<ThreadPool>,
    /// A pool of one thread for each of them: threads that share the work of each operator wait
    /// for one another at its end, some sixty times a run.
    lanes: Vec<Arc<ThreadPool>>,
}

impl Rten {
    pub fn open(file: &ModelFile, threads: usize) -> Result<Self, StageError> {
        let refuse = |message: String| {
            StageError::input(format!(
                "model '{}': rten cannot run it: {}; ENGINE=onnxruntime supports more operators",
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
        let pool = |threads| Arc::new(ThreadPool::with_num_threads(threads));
        let all = pool(threads);
        let lanes = match threads {
            2.. => (0..threads).map(|_| pool(1)).collect(),
            _ => vec![Arc::clone(&all)],
        };
        Ok(Self {
            model,
            input,
            output,
            all,
            lanes,
        })
    }

    fn pool(&self, threads: Threads) -> &Arc<ThreadPool> {
        match threads {
            Threads::All => &self.all,
            Threads::Lane(lane) => &self.lanes[lane],
        }
    }
}

impl Engine for Rten {
    fn kind(&self) -> EngineKind {
        EngineKind::Rten
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn in_lane(&self, lane: usize, work: &mut (dyn FnMut() + Send)) {
        self.lanes[lane].run(work);
    }

    fn run(
        &self,
        threads: Threads,
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
        let pool = Arc::clone(self.pool(threads));
        let options = RunOptions::default().with_thread_pool(Some(pool));
        let inputs = vec![(self.input, ValueOrView::from(view))];
        let [output] = self
            .model
            .run_n(inputs, [self.output], Some(options))
            .map_err(|error| fail(error.to_string()))?;
        let output: TensorView<f32> = output
            .as_tensor_view()
            .ok_or_else(|| fail(format!("an output of {}, expected float32", output.dtype())))?;
        // Copies only what is not in order.
        let output = output.to_contiguous();
        read(output.shape(), output.data());
        Ok(())
    }
}
