//! Why a stage drops frames.

/// A reason under which frames are counted that a stage drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropReason {
    /// The name in the counters, such as `superseded`.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
}

impl DropReason {
    /// Of a queue with [`QueuePolicy::Newest`](crate::QueuePolicy::Newest).
    pub const SUPERSEDED: Self = Self {
        name: "superseded",
        help: "a newer frame of the camera was waiting, and this one had waited too long",
    };
    /// Of a queue with [`QueuePolicy::Complete`](crate::QueuePolicy::Complete).
    pub const QUEUE_FULL: Self = Self {
        name: "queue_full",
        help: "more than 4,096 rows were waiting, most of them of this camera, or more than 16 MiB of this camera",
    };
    /// A reference was too old.
    pub const EXPIRED: Self = Self {
        name: "expired",
        help: "the memory that the row refers to was reused before it was read",
    };
    /// A reference outlived its owner.
    pub const PRODUCER_GONE: Self = Self {
        name: "producer_gone",
        help: "the process that owned the memory has ended",
    };
    /// A reference leads nowhere from here.
    pub const UNREACHABLE: Self = Self {
        name: "unreachable",
        help: "the memory is on another host or device, or its pool cannot be attached (also counted as an error by kind)",
    };
    /// Of every stage that takes rows.
    pub const MALFORMED: Self = Self {
        name: "malformed",
        help: "a row has a value out of range",
    };
    /// Of every stage.
    pub const STOPPED: Self = Self {
        name: "stopped",
        help: "inside the stage, or on the way to it, when the graph was stopped",
    };
    /// Of every stage that gives rows.
    pub const RECEIVER_STOPPED: Self = Self {
        name: "receiver_stopped",
        help: "a process downstream is stopped (SIGSTOP, a debugger), and 32 MiB were sent to it since",
    };
}

/// Reasons that the runtime counts for all stages with such a port.
pub(crate) fn common(takes: bool, gives: bool) -> impl Iterator<Item = DropReason> {
    let of = [
        (DropReason::MALFORMED, takes),
        (DropReason::STOPPED, true),
        (DropReason::RECEIVER_STOPPED, gives),
    ];
    of.into_iter()
        .filter_map(|(reason, has)| has.then_some(reason))
}
