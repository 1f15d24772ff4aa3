//! What the stage says of itself.

use camweave_stage::Fact;

pub(crate) const LISTENS: Fact = Fact {
    name: "listens",
    help: "where the page is",
};

pub(crate) const LATE: Fact = Fact {
    name: "late.<camera>",
    help: "frames of the camera whose detections came after the frame was sent to the viewers, without boxes",
};

pub(crate) const SKIPPED: Fact = Fact {
    name: "skipped",
    help: "access units that slow viewers did not get, of all viewers together; no frame of the pipeline is lost by it",
};

pub(crate) const FACTS: &[Fact] = &[LISTENS, LATE, SKIPPED];
