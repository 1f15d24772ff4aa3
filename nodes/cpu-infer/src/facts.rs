//! What the stage says of itself.

use camweave_detect::infer::facts::{
    BATCH, CLASSES, ENGINE, ENGINE_REASON, HEAD, INPUT_SIZE, MODEL,
};
use camweave_stage::Fact;

pub(crate) const THREADS: Fact = Fact {
    name: "threads",
    help: "threads that run the network",
};

pub(crate) const FACTS: &[Fact] = &[
    MODEL,
    INPUT_SIZE,
    CLASSES,
    HEAD,
    ENGINE,
    ENGINE_REASON,
    BATCH,
    Fact::BATCH_AT_MOST,
    THREADS,
];
