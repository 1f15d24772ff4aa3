//! Why a stage drops frames.

use serde::{Deserialize, Serialize};

use crate::boundary::MALFORMED;
use crate::drive::STOPPED;
use crate::receivers::RECEIVER_STOPPED;

/// A reason under which frames are counted that a stage drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropReason {
    /// The name in the counters, such as `superseded`.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
}

/// A [`DropReason`], as `--describe` gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct DescribedDrop {
    /// The name in the counters.
    pub name: String,
    /// What it means.
    pub help: String,
}

/// Reasons that the runtime counts for all stages with such a port.
pub(crate) fn common(takes: bool, gives: bool) -> impl Iterator<Item = DropReason> {
    let malformed = DropReason {
        name: MALFORMED,
        help: "a row has a value outside of its range",
    };
    let stopped = DropReason {
        name: STOPPED,
        help: "inside the stage, or on the way to it, when the graph was stopped",
    };
    let receiver = DropReason {
        name: RECEIVER_STOPPED,
        help: "a process after this one is stopped (SIGSTOP, a debugger), and 32 MiB were sent to it since",
    };
    let of = [(malformed, takes), (stopped, true), (receiver, gives)];
    of.into_iter()
        .filter_map(|(reason, has)| has.then_some(reason))
}
