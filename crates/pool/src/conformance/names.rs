//! Checks of references: what travels, and what is refused.

use super::{Subject, assert_filled, attachments, failure, hold, producer, publish};
use crate::{AcquireError, AcquireErrorKind, PoolId, Reference};

/// The text of an id is all that a consumer needs.
pub fn a_name_travels_as_text<S: Subject>() {
    let (producer, attachments) = (producer::<S>(1), attachments::<S>());
    let reference = publish::<S>(&producer, 1);
    let pool: PoolId = reference.pool.to_string().parse().expect("its own text");
    assert_eq!(pool, reference.pool);
    assert_filled::<S>(
        &hold::<S>(&attachments, &Reference { pool, ..reference }),
        1,
    );
}

/// Each part of a reference that does not fit is named, and nothing else is touched.
pub fn wrong_names_are_refused_by_what_is_wrong<S: Subject>() {
    let (producer, attachments) = (producer::<S>(2), attachments::<S>());
    let reference = publish::<S>(&producer, 1);
    let beyond = Reference {
        slot: 2,
        ..reference.clone()
    };
    assert_eq!(
        failure::<S>(&attachments, &beyond),
        AcquireErrorKind::SlotOutOfRange
    );

    let boot_id = "00000000-0000-4000-8000-000000000000";
    let cases = [
        (0, "nosuch", AcquireErrorKind::Incompatible, "backend"),
        (1, boot_id, AcquireErrorKind::ForeignHost, "boot id"),
        (2, "1", AcquireErrorKind::ForeignHost, "pid namespace"),
        (3, "4194303", AcquireErrorKind::ProducerGone, "4194303"),
        (4, "1", AcquireErrorKind::ProducerGone, "gone"),
        (5, "1000000", AcquireErrorKind::ProducerGone, "1000000"),
        (
            7,
            "0000000000000000",
            AcquireErrorKind::ProducerGone,
            "nonce",
        ),
    ];
    for (part, value, kind, named) in cases {
        let pool = with_part(&reference.pool, part, value);
        let wrong = Reference {
            pool,
            ..reference.clone()
        };
        let error: AcquireError = attachments.acquire(&wrong).expect_err("must be refused");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.to_string().contains(named),
            "{error} does not name {named}"
        );
    }
    assert_eq!(attachments.pool_count(), 1);
    assert_eq!(producer.usage().consumers, 1);
}

fn with_part(id: &PoolId, part: usize, value: &str) -> PoolId {
    let mut parts: Vec<&str> = id.as_str().split(':').collect();
    parts[part] = value;
    parts.join(":").parse().expect("still a pool id")
}
