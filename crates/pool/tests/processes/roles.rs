//! What peers do.

use std::{fs, thread};

use camweave_pool::{
    AcquireError, Attachments, PoolId, PoolSpec, Producer, ReadSlot, Reference, WriteSlot,
};

use crate::peer::{hear, say};

/// So many slots that a peer's mapping is more than a page, so large that writing takes a while.
pub const SLOTS: u32 = 4;
pub const SLOT_BYTES: usize = 64 << 10;

pub fn producer() -> Producer {
    let spec = PoolSpec {
        name: "peers".to_owned(),
        slots: SLOTS,
        slot_bytes: SLOT_BYTES,
    };
    Producer::create(&spec).expect("a small pool can be created")
}

pub fn play(role: &str) {
    match role {
        "hold" => hold(),
        "read-always" => read_always(),
        "die-writing" => die_writing(),
        "write-always" => write_always(),
        role => panic!("no role {role}"),
    }
}

/// Holds each reference that it hears, and tells which memory that is.
fn hold() {
    let attachments = Attachments::new();
    let mut held = Vec::new();
    loop {
        let words = hear();
        if words == "maps" {
            say(&pool_maps().join(" | "));
            continue;
        }
        let reference: Reference = serde_json::from_str(&words).expect("a reference");
        let slot = attachments.acquire(&reference).expect("published");
        say(&format!("{} {}", slot.identity(), slot[slot.len() - 1]));
        held.push(slot);
    }
}

/// Reads whatever is in the pool, a few slots at a time, until it is killed.
fn read_always() {
    let pool: PoolId = hear().parse().expect("a pool id");
    let attachments = Attachments::new();
    let mut held = Vec::new();
    for round in 0.. {
        if let Some(slot) = acquire_newest(&attachments, &pool, round % SLOTS) {
            assert_whole(&slot);
            if held.is_empty() && round < SLOTS {
                say("reading");
            }
            held.push(slot);
        }
        if held.len() > 2 {
            held.remove(0);
        }
        if round % 7 == 0 {
            held.clear();
        }
    }
}

/// Publishes one slot, and is killed while it writes another.
fn die_writing() {
    let producer = producer();
    let mut slot = producer.begin().expect("a free slot");
    slot.fill(1);
    let published = slot.publish();
    let mut writing = producer.begin().expect("a free slot");
    writing[..SLOT_BYTES / 2].fill(2);
    let unpublished = Reference {
        slot: writing.slot(),
        ..published.clone()
    };
    for reference in [published, unpublished] {
        say(&serde_json::to_string(&reference).expect("plain data"));
    }
    loop {
        thread::park();
    }
}

/// Writes and publishes until it is killed.
fn write_always() {
    let producer = producer();
    say(producer.id().as_str());
    loop {
        let _ = write_whole(&producer);
    }
}

/// Publishes what [`begin_whole`] wrote.
pub fn write_whole(producer: &Producer) -> Option<Reference> {
    begin_whole(producer).map(WriteSlot::publish)
}

/// Takes a slot, and writes the same number into all of its words, different each time.
pub fn begin_whole(producer: &Producer) -> Option<WriteSlot> {
    let mut slot = producer.begin().ok()?;
    let (words, _) = slot.as_chunks_mut::<8>();
    let number = u64::from_ne_bytes(words[0]).wrapping_add(1);
    for word in words {
        *word = number.to_ne_bytes();
    }
    Some(slot)
}

pub fn assert_whole(slot: &ReadSlot) {
    let (words, _) = slot.as_chunks::<8>();
    assert!(
        words.iter().all(|word| word == &words[0]),
        "slot {} is torn",
        slot.slot()
    );
    assert_ne!(words[0], [0; 8], "slot {} was never written", slot.slot());
}

/// What a slot has now, without a message that says so.
pub fn acquire_newest(attachments: &Attachments, pool: &PoolId, slot: u32) -> Option<ReadSlot> {
    let mut reference = Reference {
        pool: pool.clone(),
        slot,
        generation: 0,
    };
    for _ in 0..3 {
        match attachments.acquire(&reference) {
            Ok(slot) => return Some(slot),
            Err(AcquireError::Expired { found, .. }) => reference.generation = found,
            Err(error) => panic!("{error}"),
        }
    }
    None
}

/// This process's mappings of pools: permissions and name.
pub fn pool_maps() -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").expect("Linux has it");
    maps.lines()
        .filter(|line| line.contains("camweave-"))
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            Some(format!("{} {}", fields.nth(1)?, fields.nth(3)?))
        })
        .collect()
}
