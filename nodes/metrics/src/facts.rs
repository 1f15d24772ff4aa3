//! What the stage says of itself.

use camweave_stage::Fact;

pub(crate) const LISTENS: Fact = Fact {
    name: "listens",
    help: "where metrics are",
};

pub(crate) const FACTS: &[Fact] = &[LISTENS];
