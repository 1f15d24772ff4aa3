//! The stage: detections in, detections with attributes or embeddings out.

use camweave_cuda::missing;
use camweave_detect::infer::facts::{BATCH, ENGINE, ENGINE_REASON, INPUT_SIZE, MODEL};
use camweave_engine::{of_cuda, of_tensorrt};
use camweave_second_stage::{Asking, Kind, SecondStage};
use camweave_stage::{Context, DropReason, Fact, StageError};
use camweave_tensorrt::TensorRt;

use crate::backend::GpuBackend;
use crate::drops::DROPS;
use crate::facts::{FACTS, GPU};
use crate::network::Network;
use crate::settings::TrtClassifySettings;

/// Asks a second-stage model about detected objects, with TensorRT.
pub type TrtClassify = SecondStage<OnGpu>;

/// What makes it that.
pub struct OnGpu;

impl Kind for OnGpu {
    const KIND: &'static str = "trt-classify";
    const ABOUT: &'static str = "Asks a second-stage ONNX model about detected objects, with TensorRT: attributes or embeddings.";
    type Settings = TrtClassifySettings;
    const DROPS: &'static [DropReason] = DROPS;
    const FACTS: &'static [Fact] = FACTS;

    fn start(settings: TrtClassifySettings, context: &Context) -> Result<Asking, StageError> {
        // What is wrong with the file is said with or without a GPU.
        let source = settings.source()?;
        if let Some(line) = missing() {
            return Err(StageError::missing(line));
        }
        let tensorrt = TensorRt::load().map_err(|error| of_tensorrt(&error))?;
        let device = camweave_cuda::Context::open(settings.device);
        let device = device.map_err(|error| of_cuda(&error))?;
        device.bind().map_err(|error| of_cuda(&error))?;
        let network = Network::open(&settings, source, &tensorrt, &device)?;
        let (width, height) = network.size;
        let batch = if network.is_batch_fixed {
            format!("fixed {}", network.max_batch)
        } else {
            format!("1 to {}", network.max_batch)
        };
        let facts = [
            (MODEL, network.id.to_string()),
            (INPUT_SIZE, format!("{width}x{height}")),
            (ENGINE, tensorrt.version().to_string()),
            (ENGINE_REASON, network.origin.clone()),
            (GPU, device.name().to_owned()),
            (BATCH, batch),
        ];
        for (fact, value) in &facts {
            context.counters.fact(fact, value);
        }
        let (classifier, size) = (network.classifier.clone(), network.size);
        let backend = GpuBackend::new(network, &device, context.counters.spans());
        Asking::start(
            &settings.asking,
            &classifier,
            size,
            Box::new(backend),
            context,
        )
    }
}
