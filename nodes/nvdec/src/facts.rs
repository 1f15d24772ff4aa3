//! What the stage says of itself.

use camweave_decode::THREADS;
use camweave_stage::Fact;

pub(crate) const DEVICE: Fact = Fact {
    name: "device",
    help: "the GPU's name",
};
pub(crate) const MEMORY: Fact = Fact {
    name: "memory",
    help: "the kind of the frames' memory, and how other processes get at it",
};

pub(crate) const FACTS: &[Fact] = &[THREADS, DEVICE, MEMORY];
