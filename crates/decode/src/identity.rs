//! Which unit a frame comes from.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use camweave_message::{Areas, FrameId, Selection, Trace};

/// A frame follows its unit by at most so many units: H.264 and H.265 hold back
/// at most 16 frames for reordering, which are 32 units where each carries a field.
const REORDER_UNITS: i64 = 48;

/// What a unit hands on to its frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Identity {
    pub id: FrameId,
    pub trace: Trace,
    /// Which frames of the camera go on.
    pub selection: Selection,
    /// And how much of one must have changed, in parts per million of it.
    pub motion: Option<NonZeroU32>,
    /// Which parts of the frames are looked at.
    pub areas: Areas,
    /// Units or packets before it were lost, so that its frame lacks something.
    pub after_loss: bool,
}

/// The units that are in the decoder, by ticket: a number of our own that goes
/// through the decoder as the packet's presentation time, because a camera's
/// times and sequences need be neither unique nor rising.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    waiting: BTreeMap<i64, Identity>,
    next: i64,
}

impl Identities {
    /// Notes a unit; returns its ticket.
    pub fn enter(&mut self, identity: Identity) -> i64 {
        let ticket = self.next;
        self.next += 1;
        self.waiting.insert(ticket, identity);
        ticket
    }

    /// The unit of a ticket, unless it was taken already.
    pub fn take(&mut self, ticket: i64) -> Option<Identity> {
        self.waiting.remove(&ticket)
    }

    /// Forgets the units that can have no frame any more; returns how many.
    pub fn forget_overdue(&mut self) -> u64 {
        let kept = self.waiting.split_off(&(self.next - REORDER_UNITS));
        std::mem::replace(&mut self.waiting, kept).len() as u64
    }

    /// Forgets all units, for a decoder that has nothing more to give; returns how many.
    pub fn forget_all(&mut self) -> u64 {
        std::mem::take(&mut self.waiting).len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camweave_message::CapturedClock;
    use std::sync::Arc;

    fn identity(sequence: u64) -> Identity {
        let id = FrameId {
            camera: Arc::from("cam1"),
            session_unix_nanos: 1,
            sequence,
            pts_nanos: 0,
            captured_unix_nanos: 0,
            captured_clock: CapturedClock::Arrival,
        };
        Identity {
            id,
            trace: Trace::default(),
            selection: Selection::All,
            motion: None,
            areas: Areas::default(),
            after_loss: false,
        }
    }

    #[test]
    fn a_ticket_is_good_once_and_in_any_order() {
        let mut identities = Identities::default();
        let tickets: Vec<_> = [7, 7, 3]
            .map(|sequence| identities.enter(identity(sequence)))
            .into();
        assert_eq!(
            identities.take(tickets[2]).map(|it| it.id.sequence),
            Some(3)
        );
        assert_eq!(
            identities.take(tickets[0]).map(|it| it.id.sequence),
            Some(7)
        );
        assert_eq!(identities.take(tickets[0]), None);
        assert_eq!(identities.forget_all(), 1);
    }

    #[test]
    fn a_unit_without_picture_is_forgotten_after_the_longest_reordering() {
        let mut identities = Identities::default();
        let first = identities.enter(identity(0));
        for sequence in 1..REORDER_UNITS as u64 {
            let ticket = identities.enter(identity(sequence));
            assert_eq!(identities.forget_overdue(), 0);
            identities.take(ticket);
        }
        identities.enter(identity(99));
        assert_eq!(identities.forget_overdue(), 1);
        assert_eq!(identities.take(first), None);
    }
}
