//! Checks of slots: who may read and write what, and when.

use std::sync::mpsc;
use std::thread;

use super::{Subject, assert_filled, attachments, failure, hold, producer, publish};
use crate::{AcquireErrorKind, PoolErrorKind, ReadSlot, Reference, Usage};

/// A consumer reads what the producer wrote, in the slot that the reference names.
pub fn published_bytes_are_read_in_place_of_the_slot<S: Subject>() {
    let (producer, attachments) = (producer::<S>(3), attachments::<S>());
    let references = [1, 2, 3].map(|value| publish::<S>(&producer, value));
    for (reference, value) in references.iter().zip(1..) {
        let slot = hold::<S>(&attachments, reference);
        assert_eq!(slot.reference(), *reference);
        assert_eq!(slot.slot_bytes(), producer.slot_bytes());
        assert_filled::<S>(&slot, value);
    }
    assert_eq!(
        attachments.pool_count(),
        1,
        "attached once, not per reference"
    );
}

/// Slots that are new, or are being written, are expired for everybody.
pub fn what_was_never_published_cannot_be_acquired<S: Subject>() {
    let (producer, attachments) = (producer::<S>(2), attachments::<S>());
    let writing = producer.begin().expect("a free slot");
    for slot in 0..2 {
        for generation in [0, 1, 2, u32::MAX] {
            let reference = Reference {
                pool: producer.id().clone(),
                slot,
                generation,
            };
            assert_eq!(
                failure::<S>(&attachments, &reference),
                AcquireErrorKind::Expired
            );
        }
    }
    drop(writing);
}

/// Giving up a writing frees the slot, and brings nothing old back.
pub fn an_abandoned_slot_is_free_and_its_references_stay_expired<S: Subject>() {
    let (producer, attachments) = (producer::<S>(1), attachments::<S>());
    let old = publish::<S>(&producer, 1);
    let mut slot = producer.begin().expect("nobody holds the slot");
    S::scribble(&mut slot, 99);
    drop(slot);
    assert_eq!(failure::<S>(&attachments, &old), AcquireErrorKind::Expired);
    let new = publish::<S>(&producer, 2);
    assert_filled::<S>(&hold::<S>(&attachments, &new), 2);
    assert_eq!(failure::<S>(&attachments, &old), AcquireErrorKind::Expired);
}

/// A late consumer is told so, by the generation.
pub fn a_reference_expires_when_its_slot_is_written_again<S: Subject>() {
    let (producer, attachments) = (producer::<S>(1), attachments::<S>());
    let old = publish::<S>(&producer, 1);
    let slot = producer.begin().expect("nobody holds the slot");
    assert_eq!(failure::<S>(&attachments, &old), AcquireErrorKind::Expired);
    let new = S::publish(slot, 2);
    assert_eq!((new.slot, &new.pool), (old.slot, &old.pool));
    assert_ne!(new.generation, old.generation);
    assert_eq!(failure::<S>(&attachments, &old), AcquireErrorKind::Expired);
    assert_filled::<S>(&hold::<S>(&attachments, &new), 2);
}

/// Frames live as long as the pool has room.
pub fn the_least_recently_published_slot_is_written_next<S: Subject>() {
    let (producer, attachments) = (producer::<S>(3), attachments::<S>());
    let first = [1, 2, 3].map(|value| publish::<S>(&producer, value));
    let held = hold::<S>(&attachments, &first[0]);
    assert_eq!(publish::<S>(&producer, 4).slot, first[1].slot);
    drop(held);
    assert_eq!(
        publish::<S>(&producer, 5).slot,
        first[0].slot,
        "the oldest once it is free"
    );
    assert_filled::<S>(&hold::<S>(&attachments, &first[2]), 3);
}

/// A consumer's slot is safe from the producer, which is told at once that there is none.
pub fn a_held_slot_is_never_written_and_all_held_is_exhaustion<S: Subject>() {
    let (producer, attachments) = (producer::<S>(2), attachments::<S>());
    let first = hold::<S>(&attachments, &publish::<S>(&producer, 1));
    for value in 2..10 {
        assert_ne!(publish::<S>(&producer, value).slot, first.slot());
    }
    let second = hold::<S>(&attachments, &publish::<S>(&producer, 10));
    let exhausted = producer.begin().expect_err("every slot is held");
    assert_eq!(exhausted.kind(), PoolErrorKind::Exhausted);
    assert_filled::<S>(&first, 1);
    assert_filled::<S>(&second, 10);
    drop(first);
    assert_ne!(publish::<S>(&producer, 11).slot, second.slot());
    assert_filled::<S>(&second, 10);
}

/// Repeated acquisitions and clones count, and only the last one's end frees the slot.
pub fn a_process_may_hold_a_slot_many_times<S: Subject>() {
    let (producer, attachments) = (producer::<S>(1), attachments::<S>());
    let reference = publish::<S>(&producer, 1);
    let first = hold::<S>(&attachments, &reference);
    let second = hold::<S>(&attachments, &reference);
    let third = second.clone();
    let stale = Reference {
        generation: reference.generation + 1,
        ..reference
    };
    assert_eq!(
        failure::<S>(&attachments, &stale),
        AcquireErrorKind::Expired
    );
    for held in [first, second] {
        drop(held);
        assert!(producer.begin().is_err(), "still held by another");
    }
    assert_filled::<S>(&third, 1);
    drop(third);
    assert!(producer.begin().is_ok());
}

/// What the producer still needs is not overwritten, and consumers may read it meanwhile.
pub fn a_retained_slot_is_never_written_but_can_be_read<S: Subject>() {
    let (producer, attachments) = (producer::<S>(2), attachments::<S>());
    let slot = producer.begin().expect("a free slot");
    let (reference, retained) = S::publish_retained(slot, 1);
    let again = retained.clone();
    for value in 2..8 {
        assert_ne!(publish::<S>(&producer, value).slot, reference.slot);
    }
    drop(retained);
    for value in 2..8 {
        assert_ne!(publish::<S>(&producer, value).slot, reference.slot);
    }
    let held = hold::<S>(&attachments, &reference);
    assert_filled::<S>(&held, 1);
    drop(again);
    assert_ne!(
        publish::<S>(&producer, 9).slot,
        reference.slot,
        "now held by the consumer"
    );
    drop(held);
    assert_eq!(publish::<S>(&producer, 10).slot, reference.slot);
}

/// The counts that telemetry shows.
pub fn usage_tells_who_has_the_slots<S: Subject>() {
    let (producer, attachments) = (producer::<S>(5), attachments::<S>());
    let empty = Usage {
        slots: 5,
        ..Usage::default()
    };
    assert_eq!(producer.usage(), empty);
    let held = hold::<S>(&attachments, &publish::<S>(&producer, 1));
    let also_held = held.clone();
    let (_, retained) = S::publish_retained(producer.begin().expect("a free slot"), 2);
    let writing = [(); 2].map(|()| producer.begin().expect("a free slot"));
    let expected = Usage {
        slots: 5,
        held: 1,
        writing: 2,
        retained: 1,
        consumers: 1,
    };
    assert_eq!(producer.usage(), expected);
    drop((held, also_held, retained, writing, attachments));
    assert_eq!(producer.usage(), empty);
}

/// Thousands of pseudo-random steps, each compared with what plain bookkeeping says.
pub fn any_order_of_operations_agrees_with_a_plain_model<S: Subject>() {
    const SLOTS: u32 = 4;
    for seed in 1..=8 {
        let (producer, attachments) = (producer::<S>(SLOTS), attachments::<S>());
        let mut random = Random(seed);
        // Published content, oldest first.
        let mut live: Vec<(Reference, u8)> = Vec::new();
        let mut expired: Vec<Reference> = Vec::new();
        let mut held: Vec<(ReadSlot<S::Memory>, u8)> = Vec::new();
        for step in 0..500 {
            let value = (step % 251) as u8;
            match random.below(4) {
                0 | 1 => {
                    let is_held = |reference: &Reference| {
                        held.iter().any(|(slot, _)| slot.slot() == reference.slot)
                    };
                    let oldest_free = live.iter().position(|(reference, _)| !is_held(reference));
                    let is_full = live.len() == SLOTS as usize;
                    match (producer.begin(), is_full, oldest_free) {
                        (Err(_), true, None) => {}
                        (Ok(slot), true, Some(place)) => {
                            let (old, _) = live.remove(place);
                            assert_eq!(slot.slot(), old.slot, "seed {seed}, step {step}");
                            expired.push(old);
                            live.push((S::publish(slot, value), value));
                        }
                        (Ok(slot), false, _) => live.push((S::publish(slot, value), value)),
                        (begun, ..) => panic!("seed {seed}, step {step}: {begun:?}"),
                    }
                }
                2 if !live.is_empty() => {
                    let (reference, value) = &live[random.below(live.len())];
                    held.push((hold::<S>(&attachments, reference), *value));
                }
                _ if !held.is_empty() => {
                    let (slot, value) = held.swap_remove(random.below(held.len()));
                    assert_filled::<S>(&slot, value);
                }
                _ => {}
            }
            if let Some(old) = expired.last() {
                assert_eq!(failure::<S>(&attachments, old), AcquireErrorKind::Expired);
            }
        }
        assert!(!expired.is_empty(), "seed {seed} has tested nothing");
    }
}

/// One thread writes while two read references that are about to expire.
pub fn threads_never_see_a_torn_slot<S: Subject>() {
    let (producer, attachments) = (producer::<S>(3), attachments::<S>());
    let reads = thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            // The producer waits for the messages, but not for what is done with them.
            let (sender, receiver) = mpsc::sync_channel::<(Reference, u8)>(1);
            let attachments = attachments.clone();
            let reader = scope.spawn(move || {
                let mut reads = 0;
                for (reference, value) in receiver {
                    match attachments.acquire(&reference) {
                        Ok(slot) => {
                            assert_filled::<S>(&slot, value);
                            reads += 1;
                        }
                        Err(error) => assert_eq!(error.kind(), AcquireErrorKind::Expired),
                    }
                }
                reads
            });
            (sender, reader)
        });
        for step in 0..2000 {
            let value = (step % 251) as u8;
            let slot = producer
                .begin()
                .expect("two readers leave one slot of three");
            let reference = S::publish(slot, value);
            for (sender, _) in &readers {
                // Fails when the reader has failed, which its end tells.
                let _ = sender.send((reference.clone(), value));
            }
        }
        readers.map(|(sender, reader)| {
            drop(sender);
            reader.join().expect("no torn slot")
        })
    });
    // At least the last one, which nothing overwrites.
    assert!(
        reads.iter().all(|&reads| reads > 0),
        "nothing was read: {reads:?}"
    );
    assert_eq!(producer.usage().held, 0);
}

/// A linear congruential generator (Knuth, MMIX): the checks need no better one.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}
