//! What the stage says of itself.

use camweave_detect::infer::facts::{
    BATCH, CLASSES, ENGINE, ENGINE_REASON, HEAD, INPUT_SIZE, MODEL,
};
use camweave_stage::Fact;

pub(crate) const PLAN: Fact = Fact {
    name: "plan",
    help: "path of the serialized engine",
};
pub(crate) const GPU: Fact = Fact {
    name: "gpu",
    help: "the GPU's name",
};
pub(crate) const INPUT_TYPE: Fact = Fact {
    name: "input_type",
    help: "type of the values of the network's input",
};
pub(crate) const RING: Fact = Fact {
    name: "ring",
    help: "batches that may be under way at once",
};
pub(crate) const CUDA_GRAPHS: Fact = Fact {
    name: "cuda_graphs",
    help: "batch sizes that run as a CUDA graph, in each part of the ring",
};
pub(crate) const MEMORY: Fact = Fact {
    name: "memory",
    help: "how other processes get at the outputs' memory",
};
pub(crate) const HEAD_SLOTS: Fact = Fact {
    name: "head_slots",
    help: "outputs that are kept for the stages after this one",
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
    PLAN,
    GPU,
    INPUT_TYPE,
    RING,
    CUDA_GRAPHS,
    MEMORY,
    HEAD_SLOTS,
];
