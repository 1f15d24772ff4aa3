//! Why rows are dropped here, as it is in the counters.

use camweave_recording::Recorder;
use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason::QUEUE_FULL,
    DropReason {
        name: Recorder::BEFORE_KEYFRAME,
        help: "an access unit that refers to one that did not reach this node: before the first keyframe of its session, or after a gap",
    },
    DropReason {
        name: Recorder::REPEATED,
        help: "an access unit that came before",
    },
    DropReason {
        name: Recorder::UNSUPPORTED,
        help: "an access unit of a codec that is not recorded: clips are of H.264 and H.265",
    },
];
