//! What the stages that run a network say of themselves.

use camweave_stage::Fact;

/// The model.
pub const MODEL: Fact = Fact {
    name: "model",
    help: "the model's file name and the beginning of its SHA-256",
};
/// Its input.
pub const INPUT_SIZE: Fact = Fact {
    name: "input_size",
    help: "width x height of the network's input, in pixels",
};
/// Its classes.
pub const CLASSES: Fact = Fact {
    name: "classes",
    help: "how many class names the model has",
};
/// Its output.
pub const HEAD: Fact = Fact {
    name: "head",
    help: "shape of the output of one frame, and whether the network has suppressed overlaps (`end to end`)",
};
/// What runs it.
pub const ENGINE: Fact = Fact {
    name: "engine",
    help: "what runs the network; of `trt-infer`, TensorRT's version",
};
/// Why that.
pub const ENGINE_REASON: Fact = Fact {
    name: "engine_reason",
    help: "why it is this engine, or where it comes from",
};
/// Frames of one inference.
pub const BATCH: Fact = Fact {
    name: "batch",
    help: "frames of one inference that the network takes: a range, `dynamic`, or `fixed` and a number",
};
