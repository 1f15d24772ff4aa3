//! Why frames are dropped here, as it is in the counters.

use camweave_camera_client::{CORRUPT, DAMAGED, LOST_IN_NETWORK};
use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason {
        name: crate::outbox::SOURCE_BACKLOG,
        help: "the stage's loop did not take a camera's access units in time (one has waited for 300 to 600 ms, with a different bound for each group of pictures; or 64 of them, 16 MiB, or 128 MiB of all cameras are waiting): dropped up to the next keyframe, because the frames between depend on the dropped ones",
    },
    DropReason {
        name: crate::outbox::TOO_FAST,
        help: "the camera sends more than 240 frames/s, beyond a burst of 960: likewise dropped up to the next keyframe",
    },
    DropReason {
        name: LOST_IN_NETWORK,
        help: "packets of the frame, or all of it, did not arrive. Frames that are missing entirely are inferred from the timestamps",
    },
    DropReason {
        name: CORRUPT,
        help: "the frame's packets violate their format, or its first slice is missing",
    },
    DropReason {
        name: DAMAGED,
        help: "FFmpeg's client: the access unit is inconsistent (a length beyond its end, an HTTP part that is not a JPEG)",
    },
];
