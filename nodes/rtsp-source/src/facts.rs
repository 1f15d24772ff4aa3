//! What the stage says of itself.

use camweave_stage::Fact;

pub(crate) const CLIENT: Fact = Fact {
    name: "client.<camera>",
    help: "which client has the camera and why, where it is or was not the RTSP client",
};

pub(crate) const FACTS: &[Fact] = &[CLIENT];
