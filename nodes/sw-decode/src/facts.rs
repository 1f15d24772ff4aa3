//! What the stage says of itself.

use camweave_decode::THREADS;
use camweave_stage::Fact;

pub(crate) const CAMERA_MB: Fact = Fact {
    name: "camera_mb",
    help: "MiB that the pools of one camera may have",
};
pub(crate) const POOLS_MB: Fact = Fact {
    name: "pools_mb",
    help: "MiB that the pools of all cameras may have",
};
pub(crate) const DIRECT_PICTURES: Fact = Fact {
    name: "direct_pictures",
    help: "frames that the decoder wrote into their slots",
};
pub(crate) const COPIED_PICTURES: Fact = Fact {
    name: "copied_pictures",
    help: "frames that were converted into their slots from memory of the decoder's own",
};

pub(crate) const FACTS: &[Fact] = &[
    THREADS,
    CAMERA_MB,
    POOLS_MB,
    DIRECT_PICTURES,
    COPIED_PICTURES,
];
