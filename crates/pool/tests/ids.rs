//! The text form of pool ids: one text per id, and nothing else is one.
#![cfg(not(loom))]

use camweave_pool::{PoolId, PoolSpec, Producer, Reference};
use proptest::prelude::*;

const SOME: &str =
    "host:0a1b2c3d-0405-4607-8809-0a0b0c0d0e0f:4026531836:4711:987654:5:4:00ff00ff00ff00ff";

proptest! {
    #[test]
    fn garbage_is_no_id(text in "\\PC*") {
        prop_assert!(text.parse::<PoolId>().is_err());
    }
}

#[test]
fn a_text_survives_and_each_wrong_part_is_named() {
    let id: PoolId = SOME.parse().expect("an id");
    assert_eq!(id.as_str(), SOME);
    assert_eq!(id.address().process.pid(), 4711);
    let cases = [
        (0, "Host", "backend"),
        (1, "0A1b2c3d-0405-4607-8809-0a0b0c0d0e0f", "boot id"),
        (2, "-1", "pid namespace"),
        (3, "0", "pid"),
        (3, "4194304", "pid"),
        (4, "1099511627776", "start ticks"),
        (5, "2147483648", "control fd"),
        (6, "04", "data fd"),
        (7, "00FF00ff00ff00ff", "nonce"),
        (7, "ff", "nonce"),
        (7, "00ff00ff00ff00ff:", "end"),
    ];
    for (place, value, part) in cases {
        let mut parts: Vec<&str> = SOME.split(':').collect();
        parts[place] = value;
        let error = parts.join(":").parse::<PoolId>().expect_err(value);
        assert_eq!(error.part(), part, "{error}");
        assert!(error.to_string().contains("expected"), "{error}");
    }
    let error = "host".parse::<PoolId>().expect_err("too short");
    assert_eq!(error.part(), "boot id");
}

#[test]
fn a_reference_is_plain_data() {
    let spec = PoolSpec {
        name: "front".to_owned(),
        slots: 1,
        slot_bytes: 1,
    };
    let producer = Producer::create(&spec).expect("a small pool can be created");
    let reference = producer.begin().expect("a free slot").publish();
    let text = serde_json::to_string(&reference).expect("plain data");
    assert_eq!(
        serde_json::from_str::<Reference>(&text).expect("its own text"),
        reference
    );
    let wrong = text.replace(":", ";");
    assert!(serde_json::from_str::<Reference>(&wrong).is_err());
}
