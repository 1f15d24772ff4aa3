//! Nothing is left behind by pools that come and go. Alone in its binary, because it counts what
//! the whole process has.
#![cfg(not(loom))]

use std::fs;

use camweave_pool::{Attachments, PoolSpec, Producer};

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux has it").count()
}

fn pool_maps() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("Linux has it");
    maps.lines()
        .filter(|line| line.contains("camweave-"))
        .count()
}

fn cycle(attachments: &Attachments, step: u32) {
    let spec = PoolSpec {
        name: "cycle".to_owned(),
        slots: 1 + step % 5,
        slot_bytes: 10_000,
    };
    let producer = Producer::create(&spec).expect("a small pool can be created");
    let (reference, retained) = producer.begin().expect("a free slot").publish_retained();
    let held = attachments.acquire(&reference).expect("published");
    assert_eq!(pool_maps(), 4, "control and data, of producer and consumer");
    // Every order of going away.
    match step % 3 {
        0 => drop((producer, retained, held)),
        1 => drop((held, retained, producer)),
        _ => drop((retained, held, producer)),
    }
    assert_eq!(attachments.sweep(), 1);
    assert!(attachments.acquire(&reference).is_err());
}

#[test]
fn a_thousand_pools_leave_no_descriptor_and_no_mapping() {
    let attachments = Attachments::new();
    cycle(&attachments, 0);
    let before = descriptors();
    for step in 0..1000 {
        cycle(&attachments, step);
    }
    assert_eq!(descriptors(), before);
    assert_eq!(pool_maps(), 0);
    assert_eq!(attachments.pool_count(), 0);
}
