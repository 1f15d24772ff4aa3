//! The control block of another process's pool: whatever its bytes are, attaching to it and
//! acquiring slots gives an error or memory that is there.
#![no_main]

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::OnceLock;

use camweave_pool::{Attachments, PoolId, PoolSpec, Producer, Reference};
use libfuzzer_sys::fuzz_target;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::pwrite;

/// A pool that is well, as the text of its id and the bytes of its control block.
struct Sound {
    _producer: Producer,
    id: String,
    control: Vec<u8>,
}

fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let spec = PoolSpec {
            name: "fuzz".to_owned(),
            slots: 2,
            slot_bytes: 4096,
        };
        let producer = Producer::create(&spec).expect("a small pool fits");
        let reference = producer.begin().expect("a free slot").publish();
        let id = reference.pool.as_str().to_owned();
        let control_fd = id.split(':').nth(5).expect("the control descriptor");
        let control = std::fs::read(format!("/proc/self/fd/{control_fd}")).expect("readable");
        Sound {
            _producer: producer,
            id,
            control,
        }
    })
}

fuzz_target!(|input: (Vec<(u16, u8)>, u32, u32, i16, bool)| {
    let (changes, slot, generation, longer, close) = input;
    let sound = sound();
    let mut control = sound.control.clone();
    for (at, byte) in changes {
        let at = usize::from(at) % control.len();
        control[at] = byte;
    }
    let length = usize::try_from(i64::from(longer) + control.len() as i64).unwrap_or_default();
    let file = memory_file(&control, if longer == 0 { control.len() } else { length });
    // A nonce of its own per pool, as the table of attached pools is keyed by it.
    let mut parts: Vec<String> = sound.id.split(':').map(str::to_owned).collect();
    parts[5] = file.as_raw_fd().to_string();
    let id: PoolId = parts.join(":").parse().expect("an id of the same form");
    let attachments = Attachments::new();
    for (slot, generation) in [(slot, generation), (slot % 3, generation % 4), (0, 1)] {
        let reference = Reference {
            pool: id.clone(),
            slot,
            generation,
        };
        match attachments.acquire(&reference) {
            Ok(held) => {
                let sum = held.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
                std::hint::black_box(sum);
            }
            Err(error) => {
                let line = error.to_string();
                assert!(!line.contains(char::is_control), "{line:?}");
                assert!(line.len() < 2000, "{} bytes", line.len());
            }
        }
        if close {
            attachments.sweep();
        }
    }
});

fn memory_file(bytes: &[u8], length: usize) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = memfd_create("camweave-fuzz", flags).expect("a small file");
    let written = bytes.len().min(length);
    assert_eq!(pwrite(&file, &bytes[..written], 0), Ok(written));
    ftruncate(&file, length as u64).expect("a small file");
    fcntl_add_seals(file.as_fd(), SealFlags::SHRINK | SealFlags::GROW).expect("sealable");
    file
}
