//! What the stage says of itself.

use camweave_detect::infer::facts::{BATCH, ENGINE, ENGINE_REASON, INPUT_SIZE, MODEL};
use camweave_second_stage::facts::{CROPS, OUTPUT};
use camweave_stage::Fact;

pub(crate) const GPU: Fact = Fact {
    name: "gpu",
    help: "the GPU's name",
};

pub(crate) const FACTS: &[Fact] = &[
    MODEL,
    INPUT_SIZE,
    OUTPUT,
    ENGINE,
    ENGINE_REASON,
    GPU,
    BATCH,
    CROPS,
];
