//! The host's memory against the suite for all backends.
#![cfg(not(loom))]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;

use camweave_pool::conformance::Subject;
use camweave_pool::{
    Attachments, HostMemory, PoolSpec, Producer, ReadSlot, Reference, Retained, WriteSlot,
    conformance_tests,
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

#[test]
fn a_copy_has_the_slots_first_bytes() {
    let spec = PoolSpec {
        name: "copies".to_owned(),
        slots: 1,
        slot_bytes: 4096,
    };
    let producer = Producer::create(&spec).expect("a small pool can be created");
    let mut slot = producer.begin().expect("a free slot");
    for (index, byte) in slot.iter_mut().enumerate() {
        *byte = (index % 251) as u8;
    }
    let attachments = Attachments::new();
    let held = attachments.acquire(&slot.publish()).expect("published");
    for room in [0, 1, 4095, 4096, 4097] {
        let mut copy = vec![255; room];
        let copied = held.copy_to(&mut copy);
        assert_eq!(copied, room.min(4096));
        assert_eq!(copy[..copied], held[..copied]);
        assert!(copy[copied..].iter().all(|&byte| byte == 255));
    }
}

/// What is in a control block may come from any process that has it.
#[test]
fn a_damaged_control_block_lends_no_slot_twice_for_writing() {
    const SLOTS: u32 = 4;
    let spec = PoolSpec {
        name: "damaged".to_owned(),
        slots: SLOTS,
        slot_bytes: 4096,
    };
    let producer = Producer::create(&spec).expect("a small pool can be created");
    let control = producer.id().address().control_fd;
    let control = OpenOptions::new()
        .write(true)
        .open(format!("/proc/self/fd/{control}"))
        .expect("this process's own file");
    let attachments = Attachments::new();
    let mut random = 1_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let (mut writing, mut retained, mut held) = (Vec::new(), Vec::new(), Vec::new());
    let mut begun = 0;
    for _ in 0..5_000 {
        // The consumer table, the closed mark, or a slot's record; zeros as often as not.
        let place = 256 + next() % (256 + 64 * u64::from(SLOTS) - 8);
        let word = if next() % 2 == 0 { 0 } else { next() };
        control
            .write_all_at(&word.to_ne_bytes(), place)
            .expect("memory");
        match next() % 4 {
            0 => {
                if let Ok(slot) = producer.begin() {
                    begun += 1;
                    writing.push(slot);
                }
            }
            1 if !writing.is_empty() => {
                let (reference, kept) = writing.swap_remove(0).publish_retained();
                retained.push(kept);
                held.extend(attachments.acquire(&reference));
            }
            2 => drop(writing.pop()),
            _ => {
                retained.truncate(1);
                held.clear();
            }
        }
        let lent = writing.iter().map(WriteSlot::slot);
        let mut lent: Vec<u32> = lent.chain(retained.iter().map(Retained::slot)).collect();
        lent.sort_unstable();
        let count = lent.len();
        lent.dedup();
        assert_eq!(lent.len(), count, "a slot is lent twice");
        let _ = (producer.usage(), producer.reap(), attachments.sweep());
    }
    assert!(begun > 100, "{begun} slots: nothing was tested");
}
