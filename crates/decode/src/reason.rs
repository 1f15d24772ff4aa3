//! Why an access unit gave no frame, as it is in the counters.

use camweave_stage::DropReason;

/// The session has not come to its first entry point yet.
pub const BEFORE_KEYFRAME: &str = "before_keyframe";
/// The frame lacks what was lost on the way, or the decoder made up for damage.
pub const CORRUPT: &str = "corrupt";
/// The decoder refused the unit.
pub const DECODE_ERROR: &str = "decode_error";
/// The decoder fell behind; dropped up to the next entry point.
pub const DECODER_BACKLOG: &str = "decoder_backlog";
/// The decoder fell behind, and no other picture refers to this one.
pub const DISPOSABLE: &str = "disposable";
/// The chip opens no more decoders, and the camera waits for one.
pub const NO_DECODER_LEFT: &str = "no_decoder_left";
/// The camera's `detect_fps` or `detect: off` leaves the picture out.
pub const NOT_SELECTED: &str = camweave_message::Selection::REASON;
/// Consumers held all slots.
pub const POOL_EXHAUSTED: &str = "pool_exhausted";
/// The run ended before the unit was decoded.
pub const STOPPED: &str = "stopped";
/// A picture is larger than the stage may take, in pixels or in bytes.
pub const TOO_LARGE: &str = "too_large";
/// The decoder gave no frame for the unit.
pub const UNDECODABLE: &str = "undecodable";
/// The frame could not be brought into a slot.
pub const UNPUBLISHED: &str = "unpublished";
/// The frame is coded lying on its side or mirrored, and this decoder cannot put it upright.
pub const ROTATED: &str = "rotated";

/// All of them that decoders have in common, with what they mean.
pub const ALL: &[DropReason] = &[
    DropReason {
        name: BEFORE_KEYFRAME,
        help: "came before the first keyframe of its session; so does a keyframe of H.264 or H.265 without a sequence parameter set, for which no decoder is opened",
    },
    DropReason {
        name: CORRUPT,
        help: "its frame lacks lost data, or has parts that were not decoded or made up by the decoder",
    },
    DropReason {
        name: DECODE_ERROR,
        help: "was refused by the decoder",
    },
    DropReason {
        name: DECODER_BACKLOG,
        help: "waited with more than 64 of its camera, or with more than 32 MiB of them, or, of a live camera whose start is over (nothing waited once, or 3 s have passed), for more than 600 ms; for ten seconds and more after that, or after its units have waited longer than 100 ms for two seconds on end, for more than 100 to 300 ms, another bound for each group of pictures; dropped up to a keyframe, because frames between depend on each other",
    },
    DropReason {
        name: DISPOSABLE,
        help: "of a live camera, no other frame refers to it, and it has waited for more than 150 ms, or 50 ms in a lasting overload: what costs least is left out first",
    },
    DropReason {
        name: NOT_SELECTED,
        help: "has a frame that the camera's `detect_fps`, `detect: motion` or `detect: off` leaves out",
    },
    DropReason {
        name: POOL_EXHAUSTED,
        help: "found all slots held by consumers, or no memory left for the camera's pool. Decoding goes on in other memory, so later frames are right",
    },
    DropReason {
        name: TOO_LARGE,
        help: "has a frame larger than `MAX_WIDTH` x `MAX_HEIGHT`, or one of which `CAMERA_MB` has no room for as many as are needed: those that the decoder may hold, and 4",
    },
    DropReason {
        name: UNDECODABLE,
        help: "gave no frame: an H.265 leading picture after a keyframe that refers to what came before it, for example. Counted 48 units later, or at the session's end",
    },
    DropReason {
        name: UNPUBLISHED,
        help: "has a frame that could not be brought into a slot",
    },
];
