//! rten: an ONNX runtime in Rust, part of this program.

use std::borrow::Cow;
use std::sync::Arc;

use camweave_model::{ElementType, ModelFile};
use camweave_stage::StageError;
use camweave_vision::InputLayout;
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView, TensorView};

use crate::api::{
    Engine, EngineError, OutputView, ReadOutputs, Threads, no_output, one_line, target_sizes,
};
use crate::bytes::bytes_of;
use crate::kind::EngineKind;

/// A model in rten. It computes in 32 bits, also where the file has 16.
pub struct Rten {
    model: Model,
    input: NodeId,
    element_type: ElementType,
    layout: InputLayout,
    /// The input of the sizes that boxes are scaled to.
    target_sizes: Option<NodeId>,
    /// In the file's order.
    outputs: Vec<NodeId>,
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
        if file.signs.suppresses {
            return Err(StageError::input(format!(
                "model '{}': rten cannot run it: its operator NonMaxSuppression gives other boxes there than ONNX says; ENGINE=openvino and ENGINE=onnxruntime run it right, or export it with nms=False",
                file.path.display()
            )));
        }
        let model = ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load_file(&file.path)
            .map_err(|error| refuse(error.to_string()))?;
        let node = |name: &str| {
            model
                .node_id(name)
                .map_err(|error| refuse(error.to_string()))
        };
        let input = node(&file.input.name)?;
        let target_sizes = file.input.target_sizes.as_deref().map(node).transpose()?;
        let outputs = file.outputs.iter().map(|output| node(&output.name));
        let outputs = outputs.collect::<Result<_, _>>()?;
        let pool = |threads| Arc::new(ThreadPool::with_num_threads(threads));
        let all = pool(threads);
        let lanes = match threads {
            2.. => (0..threads).map(|_| pool(1)).collect(),
            _ => vec![Arc::clone(&all)],
        };
        Ok(Self {
            model,
            input,
            element_type: file.input.element_type,
            layout: file.input.layout,
            target_sizes,
            outputs,
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
        outputs: &[usize],
        read: ReadOutputs<'_>,
    ) -> Result<(), EngineError> {
        let fail = |message: String| EngineError {
            engine: EngineKind::Rten,
            shape,
            message: one_line(&message),
        };
        let bytes;
        let view = match self.element_type {
            ElementType::Float32 | ElementType::Float16 => {
                NdTensorView::try_from_data(shape, input).map(ValueOrView::from)
            }
            ElementType::Uint8 => {
                bytes = bytes_of(input);
                NdTensorView::try_from_data(shape, bytes.as_slice()).map(ValueOrView::from)
            }
        };
        let view = view.map_err(|error| fail(error.to_string()))?;
        let pool = Arc::clone(self.pool(threads));
        let options = RunOptions::default().with_thread_pool(Some(pool));
        let mut inputs = vec![(self.input, view)];
        if let Some(node) = self.target_sizes {
            let sizes = target_sizes(shape, self.layout);
            // rten keeps integers in 32 bits. No side has more.
            let flat: Vec<i32> = sizes.iter().flatten().map(|&it| it as i32).collect();
            let sizes = NdTensor::from_data([sizes.len(), 2], flat);
            inputs.push((node, Value::from(sizes).into()));
        }
        let nodes = outputs.iter().map(|&index| {
            let node = self.outputs.get(index).copied();
            node.ok_or_else(|| fail(no_output(index)))
        });
        let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
        let found = self
            .model
            .run(inputs, &nodes, Some(options))
            .map_err(|error| fail(error.to_string()))?;
        let found = found.iter().map(floats).collect::<Result<Vec<_>, _>>();
        let found = found.map_err(fail)?;
        let views = found
            .iter()
            .map(|(shape, values)| OutputView { shape, values });
        read(&views.collect::<Vec<_>>());
        Ok(())
    }
}

/// Shape and values of an output. Copies only what is not in order, or no float.
fn floats(value: &Value) -> Result<(Vec<usize>, Cow<'_, [f32]>), String> {
    if let Some(view) = value.as_tensor_view::<f32>() {
        let shape = view.shape().to_vec();
        let values = view
            .data()
            .map_or_else(|| Cow::Owned(view.to_vec()), Cow::Borrowed);
        return Ok((shape, values));
    }
    let integers: TensorView<'_, i32> = value.as_tensor_view().ok_or_else(|| {
        format!(
            "an output of {}, expected float32 or integers",
            value.dtype()
        )
    })?;
    let values = integers.iter().map(|&it| it as f32).collect();
    Ok((integers.shape().to_vec(), Cow::Owned(values)))
}
