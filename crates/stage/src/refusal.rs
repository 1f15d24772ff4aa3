use camweave_pool::{AcquireError, AcquireErrorKind};

use crate::DropReason;

/// Why a row cannot be worked on: the reason it is counted under, and what there is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason for the counters.
    pub reason: &'static str,
    /// The kind of error to count as well; none for the ordinary fate of a late row.
    pub error: Option<&'static str>,
    /// What was found and what was expected.
    pub message: String,
}

impl From<&AcquireError> for Refusal {
    /// A reference is weak, so that it has expired is no error: `expired`, `producer_gone`.
    /// All else is `unreachable`, and an error in the graph or on the machine.
    fn from(error: &AcquireError) -> Self {
        let (reason, kind) = match error.kind() {
            AcquireErrorKind::Expired => (DropReason::EXPIRED, None),
            AcquireErrorKind::ProducerGone => (DropReason::PRODUCER_GONE, None),
            AcquireErrorKind::ForeignHost => (DropReason::UNREACHABLE, Some("foreign_host")),
            AcquireErrorKind::Incompatible => (DropReason::UNREACHABLE, Some("incompatible_pool")),
            AcquireErrorKind::TooManyConsumers => {
                (DropReason::UNREACHABLE, Some("too_many_consumers"))
            }
            AcquireErrorKind::SlotOutOfRange => {
                (DropReason::UNREACHABLE, Some("slot_out_of_range"))
            }
            _ => (DropReason::UNREACHABLE, Some("pool")),
        };
        Self {
            reason: reason.name,
            error: kind,
            message: error.to_string(),
        }
    }
}
