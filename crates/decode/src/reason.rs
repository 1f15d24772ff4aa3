//! Why an access unit gave no frame, as it is in the counters.

use camweave_stage::DropReason;

/// The session has not come to its first keyframe yet.
pub const BEFORE_KEYFRAME: &str = "before_keyframe";
/// The frame lacks what was lost on the way, or the decoder made up for damage.
pub const CORRUPT: &str = "corrupt";
/// The decoder refused the unit.
pub const DECODE_ERROR: &str = "decode_error";
/// The decoder fell behind; dropped up to the next keyframe.
pub const DECODER_BACKLOG: &str = "decoder_backlog";
/// The decoder fell behind, and no other frame refers to this one.
pub const DISPOSABLE: &str = "disposable";
/// The chip opens no more decoders, and the camera waits for one.
pub const NO_DECODER_LEFT: &str = "no_decoder_left";
/// The camera's `detect_fps` or `detect: off` leaves the frame out.
pub const NOT_SELECTED: &str = camweave_message::Selection::REASON;
/// Consumers held all slots.
pub const POOL_EXHAUSTED: &str = "pool_exhausted";
/// The run ended before the unit was decoded.
pub const STOPPED: &str = "stopped";
/// A frame is larger than the stage may take, in pixels or in bytes.
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
        help: "came before the first keyframe of its session, or is an H.264 or H.265 keyframe without a sequence parameter set, for which no decoder is opened",
    },
    DropReason {
        name: CORRUPT,
        help: "data of its frame was lost, or parts of it were not decoded, or were concealed by the decoder",
    },
    DropReason {
        name: DECODE_ERROR,
        help: "was refused by the decoder",
    },
    DropReason {
        name: DECODER_BACKLOG,
        help: "more than 64 access units or 32 MiB of its camera were waiting; or, for a live camera after its start (its queue was empty once, or 3 s have passed), it waited for more than 600 ms; for ten seconds or more after that, or once access units have waited longer than 100 ms for two seconds on end, for more than 100 to 300 ms, with a different bound for each group of pictures; dropped up to a keyframe, because the frames between depend on each other",
    },
    DropReason {
        name: DISPOSABLE,
        help: "an access unit of a live camera that no other frame refers to has waited for more than 150 ms, or 50 ms in a lasting overload: the least harmful frames are dropped first",
    },
    DropReason {
        name: NOT_SELECTED,
        help: "its frame is left out by the camera's `detect_fps`, `detect: motion` or `detect: off`",
    },
    DropReason {
        name: POOL_EXHAUSTED,
        help: "all slots were held by consumers, or no memory was left for the camera's pool. Decoding continues in other memory, so later frames are correct",
    },
    DropReason {
        name: TOO_LARGE,
        help: "its frame is larger than `MAX_WIDTH` x `MAX_HEIGHT`, or `CAMERA_MB` has no room for enough of them: those that the decoder may hold, and 4",
    },
    DropReason {
        name: UNDECODABLE,
        help: "the decoder output no frame for it: for example an H.265 leading picture that refers to frames before its keyframe. Counted 48 access units later, or at the session's end",
    },
    DropReason {
        name: UNPUBLISHED,
        help: "its frame could not be written into a slot",
    },
];
