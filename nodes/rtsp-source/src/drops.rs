//! Why frames are dropped here, as it is in the counters.

use camweave_stage::DropReason;

pub(crate) const DROPS: &[DropReason] = &[
    DropReason {
        name: crate::outbox::SOURCE_BACKLOG,
        help: "the stage's loop did not take a camera's access units in time (one has waited for 300 to 600 ms, another bound for each group of pictures; or 64 units, 16 MiB of them, or 128 MiB of all cameras wait): units up to the next keyframe, because frames between depend on the dropped ones",
    },
    DropReason {
        name: crate::outbox::TOO_FAST,
        help: "a camera sends more than 240 frames a second, beyond 960 at once: likewise up to the next keyframe",
    },
    DropReason {
        name: crate::rtsp_client::LOST_IN_NETWORK,
        help: "packets of the frame, or all of it, did not arrive. Frames of which nothing came are counted by their time stamps",
    },
    DropReason {
        name: crate::rtsp_client::CORRUPT,
        help: "the frame's packets break their format, or its first slice is missing",
    },
    DropReason {
        name: crate::ffmpeg_client::DAMAGED,
        help: "FFmpeg's client: the access unit contradicts itself (a length beyond its end, a part of HTTP that is no JPEG picture)",
    },
];
