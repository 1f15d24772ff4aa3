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
        let threads = Arc::new(ThreadPool::with_num_threads(threads));
        Ok(Self {
            model,
            input,
            output,
            threads,
        })
    }
}

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
        let fail = |message: String| EngineError {
            engine: EngineKind::Rten,
            shape,
            message: one_line(&message),
        };
        let view =
            NdTensorView::try_from_data(shape, input).map_err(|error| fail(error.to_string()))?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
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
}
