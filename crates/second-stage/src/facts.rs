//! What the stages say of themselves.

use camweave_stage::Fact;

/// What the model's output is.
pub const OUTPUT: Fact = Fact {
    name: "output",
    help: "what the model gives of a crop: probabilities of classes, or an embedding, and how many values",
};
/// How much it has looked at.
pub const CROPS: Fact = Fact {
    name: "crops",
    help: "crops that the model was asked about",
};
