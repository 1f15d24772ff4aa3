//! Checks of beginnings and ends: of pools, and of consumers.

use super::{Subject, assert_filled, attachments, failure, hold, producer, publish};
use crate::{AcquireErrorKind, MAX_CONSUMERS};

/// Who is attached reads on; who comes later is told; nothing keeps the memory without need.
pub fn a_closed_pool_is_gone_for_new_consumers_only<S: Subject>() {
    let (producer, early) = (producer::<S>(2), attachments::<S>());
    let references = [1, 2].map(|value| publish::<S>(&producer, value));
    let held = hold::<S>(&early, &references[0]);
    assert_eq!(early.sweep(), 0, "the producer lives");
    drop(producer);
    assert_filled::<S>(&held, 1);
    assert_filled::<S>(&hold::<S>(&early, &references[1]), 2);
    let late = attachments::<S>();
    assert_eq!(
        failure::<S>(&late, &references[1]),
        AcquireErrorKind::ProducerGone
    );
    assert_eq!(late.pool_count(), 0);
    assert_eq!(early.sweep(), 0, "a slot is held");
    assert_filled::<S>(&held, 1);
    drop(held);
    assert_eq!(early.sweep(), 1);
    assert_eq!(early.pool_count(), 0);
    assert_eq!(
        failure::<S>(&early, &references[1]),
        AcquireErrorKind::ProducerGone
    );
}

/// Dropping the handle while a slot is being written or retained does not pull the pool away.
pub fn slots_in_the_producers_hands_keep_the_pool_open<S: Subject>() {
    let (producer, attachments) = (producer::<S>(2), attachments::<S>());
    let writing = producer.begin().expect("a free slot");
    drop(producer);
    let (reference, retained) = S::publish_retained(writing, 7);
    assert_filled::<S>(&hold::<S>(&attachments, &reference), 7);
    assert_eq!(attachments.sweep(), 0);
    drop(retained);
    assert_eq!(attachments.sweep(), 1);
}

/// One more than fits is refused, and fits once another has left.
pub fn consumers_are_limited_and_their_entries_come_back<S: Subject>() {
    let producer = producer::<S>(1);
    let reference = publish::<S>(&producer, 1);
    let mut consumers: Vec<_> = (0..MAX_CONSUMERS).map(|_| attachments::<S>()).collect();
    let held: Vec<_> = consumers
        .iter()
        .map(|one| hold::<S>(one, &reference))
        .collect();
    let late = attachments::<S>();
    assert_eq!(
        failure::<S>(&late, &reference),
        AcquireErrorKind::TooManyConsumers
    );
    drop(held);
    consumers.swap_remove(17);
    assert_filled::<S>(&hold::<S>(&late, &reference), 1);
    drop((consumers, late));
    assert_eq!(producer.usage().consumers, 0);
    assert!(producer.begin().is_ok());
}

/// One consumer's release is not another's.
pub fn consumers_of_one_process_hold_independently<S: Subject>() {
    let (producer, one, other) = (producer::<S>(1), attachments::<S>(), attachments::<S>());
    let reference = publish::<S>(&producer, 1);
    let (first, second) = (hold::<S>(&one, &reference), hold::<S>(&other, &reference));
    assert_eq!(producer.reap(), 0, "both live");
    drop((first, one));
    assert!(producer.begin().is_err());
    assert_filled::<S>(&second, 1);
    drop(second);
    assert!(producer.begin().is_ok());
}

/// A pool that inherits descriptors of a closed one is told from it.
pub fn a_newer_pool_is_not_taken_for_an_older_one<S: Subject>() {
    let older = producer::<S>(2);
    let old = publish::<S>(&older, 1);
    drop(older);
    let newer = producer::<S>(2);
    let new = publish::<S>(&newer, 2);
    let attachments = attachments::<S>();
    assert_ne!(old.pool, new.pool);
    assert_eq!(
        failure::<S>(&attachments, &old),
        AcquireErrorKind::ProducerGone
    );
    assert_filled::<S>(&hold::<S>(&attachments, &new), 2);
}
