//! What the stage says of itself.

use camweave_stage::Fact;

pub(crate) const CLIENT: Fact = Fact {
    name: "client.<camera>",
    help: "which client has the camera and why, where it is or was not the RTSP client",
};

pub(crate) const CAMERAS_FILE: Fact = Fact {
    name: "cameras_file",
    help: "`valid`, or `refused: ` and why the file as it is now cannot be used: the cameras are those that it had before",
};

pub(crate) const FACTS: &[Fact] = &[CLIENT, CAMERAS_FILE];
