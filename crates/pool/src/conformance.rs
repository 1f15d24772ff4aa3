//! What every memory backend has to do, as tests that run on any of them.
//!
//! A backend's crate implements [`Subject`] and expands [`conformance_tests!`](crate::conformance_tests)
//! in a test file. Each check makes its own pools and panics with what was wrong.

mod lifetime;
mod names;
mod slots;

pub use self::lifetime::*;
pub use self::names::*;
pub use self::slots::*;

use crate::{
    AcquireErrorKind, Attachments, Memory, PoolSpec, Producer, ReadSlot, Reference, Retained,
    WriteQueues, WriteSlot,
};

/// A backend under test, and how to write and read its memory from the CPU.
pub trait Subject {
    /// The backend.
    type Memory: Memory;

    /// Whether this machine has such memory; where it has not, its tests are skipped.
    fn is_there() -> bool {
        true
    }

    /// Where the tests' pools are made and mapped.
    fn place() -> <Self::Memory as Memory>::Place;

    /// How the tests' pools are written.
    fn queues() -> WriteQueues {
        WriteQueues::Several
    }

    /// Writes `value` to all bytes of the slot and publishes it.
    fn publish(slot: WriteSlot<Self::Memory>, value: u8) -> Reference;

    /// As `publish`, and retains the slot.
    fn publish_retained(
        slot: WriteSlot<Self::Memory>,
        value: u8,
    ) -> (Reference, Retained<Self::Memory>);

    /// Writes `value` to all bytes of the slot, which the caller then abandons.
    fn scribble(slot: &mut WriteSlot<Self::Memory>, value: u8);

    /// All bytes of the slot.
    fn bytes(slot: &ReadSlot<Self::Memory>) -> Vec<u8>;
}

/// Makes a `#[test]` of each check of the suite, for a type that implements [`Subject`].
#[macro_export]
macro_rules! conformance_tests {
    ($subject:ty) => {
        $crate::conformance_tests! { $subject:
            published_bytes_are_read_in_place_of_the_slot
            what_was_never_published_cannot_be_acquired
            an_abandoned_slot_is_free_and_its_references_stay_expired
            a_reference_expires_when_its_slot_is_written_again
            the_least_recently_published_slot_is_written_next
            a_held_slot_is_never_written_and_all_held_is_exhaustion
            a_process_may_hold_a_slot_many_times
            a_retained_slot_is_never_written_but_can_be_read
            usage_tells_who_has_the_slots
            any_order_of_operations_agrees_with_a_plain_model
            threads_never_see_a_torn_slot
            a_closed_pool_is_gone_for_new_consumers_only
            slots_in_the_producers_hands_keep_the_pool_open
            consumers_are_limited_and_their_entries_come_back
            consumers_of_one_process_hold_independently
            a_newer_pool_is_not_taken_for_an_older_one
            a_name_travels_as_text
            wrong_names_are_refused_by_what_is_wrong
        }
    };
    ($subject:ty: $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                if <$subject as $crate::conformance::Subject>::is_there() {
                    $crate::conformance::$check::<$subject>();
                }
            }
        )*
    };
}

/// Not a whole number of pages, so that rounding is part of every check.
const SLOT_BYTES: usize = 5000;

fn producer<S: Subject>(slots: u32) -> Producer<S::Memory> {
    let spec = PoolSpec {
        name: "conformance".to_owned(),
        slots,
        slot_bytes: SLOT_BYTES,
    };
    let created = Producer::create_for(&S::place(), &spec, S::queues());
    created.expect("a small pool can be created")
}

fn attachments<S: Subject>() -> Attachments<S::Memory> {
    Attachments::new_in(S::place())
}

fn publish<S: Subject>(producer: &Producer<S::Memory>, value: u8) -> Reference {
    S::publish(producer.begin().expect("a free slot"), value)
}

fn hold<S: Subject>(
    attachments: &Attachments<S::Memory>,
    reference: &Reference,
) -> ReadSlot<S::Memory> {
    attachments
        .acquire(reference)
        .expect("published and not overwritten")
}

fn failure<S: Subject>(
    attachments: &Attachments<S::Memory>,
    reference: &Reference,
) -> AcquireErrorKind {
    let acquired = attachments.acquire(reference);
    acquired
        .map(|slot| slot.reference())
        .expect_err("must not be acquired")
        .kind()
}

fn assert_filled<S: Subject>(slot: &ReadSlot<S::Memory>, value: u8) {
    let bytes = S::bytes(slot);
    assert!(bytes.len() >= SLOT_BYTES, "a slot of {} bytes", bytes.len());
    let wrong = bytes.iter().position(|&byte| byte != value);
    assert_eq!(wrong, None, "a byte of slot {} is not {value}", slot.slot());
}
