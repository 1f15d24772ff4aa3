//! Real processes that share pools, and are killed at every unsuitable moment.
#![cfg(not(loom))]

mod peer;
mod roles;

use std::sync::{Mutex, MutexGuard, PoisonError};

use camweave_pool::{AcquireErrorKind, Attachments, PoolErrorKind, PoolId, Producer, Reference};
use peer::Peer;
use roles::{SLOTS, acquire_newest, assert_whole, begin_whole, pool_maps, producer, write_whole};
use rustix::process::Signal;

/// Not a test of its own: what a peer runs.
#[test]
#[ignore = "run by the other tests, in processes of its own"]
fn peer() {
    if let Some(role) = peer::role() {
        roles::play(&role);
    }
}

/// One test at a time: what is mapped and open is counted for the whole process, which
/// `cargo test` shares among tests.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 0 to 3000, spread over rounds (Fibonacci hashing).
fn some_number(round: u32) -> u32 {
    round.wrapping_mul(2_654_435_769) % 3001
}

fn text(reference: &Reference) -> String {
    serde_json::to_string(reference).expect("plain data")
}

fn assert_all_free(producer: &Producer) {
    // Content is written to each, so that a later reader finds no slot that never had any.
    let all: Vec<_> = (0..SLOTS)
        .map(|_| begin_whole(producer).expect("a free slot"))
        .collect();
    all.into_iter().for_each(|slot| drop(slot.publish()));
    // Where a slot is free, `begin` looks for the dead now and then only.
    producer.reap();
    assert_eq!(producer.usage().consumers, 0);
    assert_eq!(producer.usage().held, 0);
}

/// A peer that holds all slots of the pool.
fn holder_of_all(producer: &Producer) -> Peer {
    let mut holder = Peer::start("hold");
    for _ in 0..SLOTS {
        let reference = write_whole(producer).expect("a free slot");
        holder.say(&text(&reference));
        holder.hear();
    }
    assert_eq!(producer.usage().held, SLOTS);
    holder
}

#[test]
fn two_processes_have_the_same_bytes_and_the_consumer_cannot_write() {
    let _turn = alone();
    let producer = producer();
    let mut holder = Peer::start("hold");
    for value in [7, 8] {
        let mut slot = producer.begin().expect("a free slot");
        slot.fill(value);
        let identity = slot.identity();
        holder.say(&text(&slot.publish()));
        assert_eq!(holder.hear(), format!("{identity} {value}"));
    }
    holder.say("maps");
    let maps = holder.hear();
    let expected = [
        "rw-s /memfd:camweave-control:peers",
        "r--s /memfd:camweave-data:peers",
    ];
    let mut found: Vec<_> = maps.split(" | ").collect();
    found.sort_unstable();
    found.reverse();
    assert_eq!(found, expected);
}

#[test]
fn a_killed_consumers_slots_come_back_when_they_are_needed() {
    let _turn = alone();
    let producer = producer();
    let holder = holder_of_all(&producer);
    let exhausted = producer.begin().expect_err("every slot is held");
    assert_eq!(exhausted.kind(), PoolErrorKind::Exhausted);
    // A zombie first: its parent may be slow to bury it.
    holder.kill();
    assert_all_free(&producer);
    holder.bury();
    assert_all_free(&producer);
}

#[test]
fn a_stopped_consumer_is_not_a_dead_one() {
    let _turn = alone();
    let producer = producer();
    let holder = holder_of_all(&producer);
    holder.signal(Signal::STOP);
    assert_eq!(producer.reap(), 0);
    assert!(producer.begin().is_err());
    holder.kill();
    assert_eq!(producer.reap(), 1);
    assert_all_free(&producer);
}

#[test]
fn consumers_killed_at_random_points_leave_nothing() {
    let _turn = alone();
    let producer = producer();
    let mut published = 0_u32;
    for round in 0_u32..40 {
        let mut reader = Peer::start("read-always");
        // Before the reader begins: against its acquisitions every slot can be held in turn,
        // each at the moment when it is looked at.
        write_whole(&producer).expect("a free slot");
        reader.say(producer.id().as_str());
        reader.hear();
        // From none to thousands of publications, which the reader races with.
        for _ in 0..some_number(round) {
            published += u32::from(write_whole(&producer).is_some());
        }
        reader.kill();
        assert_all_free(&producer);
        reader.bury();
    }
    assert!(published > 0);
}

#[test]
fn a_producer_killed_while_writing_expires_its_pool_and_takes_nothing_away() {
    let _turn = alone();
    let mut writer = Peer::start("die-writing");
    let [published, unpublished] =
        [(); 2].map(|()| serde_json::from_str::<Reference>(&writer.hear()).expect("a reference"));
    let early = Attachments::new();
    let held = early.acquire(&published).expect("published");
    let kind = |attachments: &Attachments, reference| {
        attachments
            .acquire(reference)
            .err()
            .map(|error| error.kind())
    };
    assert_eq!(kind(&early, &unpublished), Some(AcquireErrorKind::Expired));

    writer.kill();
    for is_buried in [false, true] {
        assert!(
            held.iter().all(|&byte| byte == 1),
            "the bytes stay; buried: {is_buried}"
        );
        assert_eq!(kind(&early, &published), None, "attached before");
        assert_eq!(kind(&early, &unpublished), Some(AcquireErrorKind::Expired));
        let late = Attachments::new();
        assert_eq!(
            kind(&late, &published),
            Some(AcquireErrorKind::ProducerGone)
        );
        assert_eq!(
            kind(&late, &unpublished),
            Some(AcquireErrorKind::ProducerGone)
        );
        assert_eq!(early.sweep(), 0, "a slot is held");
        if !is_buried {
            // Only the last round may see the process gone altogether.
            rustix::process::waitpid(Some(writer.pid()), rustix::process::WaitOptions::empty())
                .expect("it is this process's child");
        }
    }
    drop(held);
    assert_eq!(early.sweep(), 1);
    assert_eq!(
        kind(&early, &published),
        Some(AcquireErrorKind::ProducerGone)
    );
    assert_eq!(pool_maps(), [""; 0], "nothing stays mapped");
}

#[test]
fn producers_killed_at_random_points_never_show_a_torn_slot() {
    let _turn = alone();
    let attachments = Attachments::new();
    for round in 0_u32..40 {
        let mut writer = Peer::start("write-always");
        let pool: PoolId = writer.hear().parse().expect("a pool id");
        let steps = some_number(round);
        for slot in (0..SLOTS).cycle().take(steps as usize) {
            if let Some(slot) = acquire_newest(&attachments, &pool, slot) {
                assert_whole(&slot);
            }
        }
        let held = (0..SLOTS).find_map(|slot| acquire_newest(&attachments, &pool, slot));
        writer.kill();
        // All that can still be acquired is whole, and at most one slot was being written.
        // Without a hold the pool may be given up at any look.
        if held.is_some() {
            let whole = (0..SLOTS).filter_map(|slot| acquire_newest(&attachments, &pool, slot));
            whole.for_each(|slot| assert_whole(&slot));
        }
        writer.bury();
        held.iter().for_each(assert_whole);
        drop(held);
        attachments.sweep();
        assert_eq!(pool_maps(), [""; 0], "nothing stays mapped");
    }
}
