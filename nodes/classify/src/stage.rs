//! The stage: detections in, detections with attributes or embeddings out.

use camweave_detect::infer::facts::{BATCH, ENGINE, ENGINE_REASON, INPUT_SIZE, MODEL};
use camweave_second_stage::{Asking, Kind, SecondStage};
use camweave_stage::{Context, DropReason, Fact, StageError};

use crate::backend::CpuBackend;
use crate::drops::DROPS;
use crate::facts::FACTS;
use crate::network::Network;
use crate::settings::ClassifySettings;

/// Asks a second-stage model about detected objects, on the CPU.
pub type Classify = SecondStage<OnCpu>;

/// What makes it that.
pub struct OnCpu;

impl Kind for OnCpu {
    const KIND: &'static str = "classify";
    const ABOUT: &'static str = "Asks a second-stage ONNX model about detected objects, on the CPU: attributes or embeddings.";
    type Settings = ClassifySettings;
    const DROPS: &'static [DropReason] = DROPS;
    const FACTS: &'static [Fact] = FACTS;

    fn start(settings: ClassifySettings, context: &Context) -> Result<Asking, StageError> {
        let network = Network::open(&settings.network())?;
        let (engine, reason) = network.engine_choice();
        let (width, height) = network.size();
        let batch = match network.fixed_batch() {
            None => "dynamic".to_owned(),
            Some(batch) => format!("fixed {batch}"),
        };
        let facts = [
            (MODEL, network.id().to_owned()),
            (INPUT_SIZE, format!("{width}x{height}")),
            (ENGINE, engine.to_owned()),
            (ENGINE_REASON, reason.to_owned()),
            (BATCH, batch),
        ];
        for (fact, value) in &facts {
            context.counters.fact(fact, value);
        }
        let (classifier, size) = (network.classifier().clone(), network.size());
        let backend = Box::new(CpuBackend::new(network, context));
        Asking::start(&settings.asking, &classifier, size, backend, context)
    }
}
