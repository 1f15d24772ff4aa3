//! The host's memory against the suite for all backends.
#![cfg(not(loom))]

use camweave_pool::{
    HostMemory, ReadSlot, Reference, Retained, WriteSlot, conformance::Subject, conformance_tests,
};

struct Host;

impl Subject for Host {
    type Memory = HostMemory;

    fn place() {}

    fn publish(mut slot: WriteSlot, value: u8) -> Reference {
        slot.fill(value);
        slot.publish()
    }

    fn publish_retained(mut slot: WriteSlot, value: u8) -> (Reference, Retained) {
        slot.fill(value);
        let (reference, retained) = slot.publish_retained();
        assert!(retained.iter().all(|&byte| byte == value));
        (reference, retained)
    }

    fn scribble(slot: &mut WriteSlot, value: u8) {
        slot.fill(value);
    }

    fn bytes(slot: &ReadSlot) -> Vec<u8> {
        slot.to_vec()
    }
}

conformance_tests!(Host);
