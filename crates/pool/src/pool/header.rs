//! The control block's first 256 bytes: who made the pool, and what it looks like.
//!
//! Written once before the pool's id is known to anybody, never changed, checked by each consumer.
//! `docs/pools.md` lists the bytes; numbers are in the machine's own byte order.

use super::id::PoolAddress;
use super::memory_error::MemoryError;
use super::process::Host;
use super::spec::{Layout, MAX_SLOTS};
use crate::protocol::consumers::Process;
use crate::protocol::state::MAX_CONSUMERS;

pub(crate) const HEADER_BYTES: usize = 256;
pub(crate) const CONSUMER_BYTES: usize = 8;
pub(crate) const CONSUMERS_OFFSET: usize = HEADER_BYTES;
pub(crate) const CLOSED_OFFSET: usize = CONSUMERS_OFFSET + MAX_CONSUMERS * CONSUMER_BYTES;
/// One cache line per slot, so that processes working on different slots do not disturb another.
pub(crate) const RECORD_BYTES: usize = 64;
pub(crate) const RECORDS_OFFSET: usize = 512;
pub(crate) const MAX_DESCRIPTION_BYTES: usize = 1 << 20;

const MAGIC: [u8; 8] = *b"CAMWPOOL";
const LAYOUT_VERSION: u32 = 1;
/// Reads as something else in the other byte order.
const BYTE_ORDER: u32 = 0x0102_0304;

/// Sizes and places that are constants of the layout version: checked, so that a program built
/// with other ones is refused rather than misread.
const CONSTANTS: [(usize, &str, usize); 7] = [
    (12, "header size in bytes", HEADER_BYTES),
    (16, "consumer entry size in bytes", CONSUMER_BYTES),
    (20, "number of consumer entries", MAX_CONSUMERS),
    (24, "offset of the consumer table", CONSUMERS_OFFSET),
    (28, "offset of the closed mark", CLOSED_OFFSET),
    (32, "slot record size in bytes", RECORD_BYTES),
    (36, "offset of the slot records", RECORDS_OFFSET),
];

pub(crate) struct Header {
    pub host: Host,
    pub process: Process,
    pub nonce: u64,
    pub backend: [u8; 16],
    pub backend_version: u32,
    pub layout: Layout,
    pub description_bytes: usize,
    /// The pool's name, for people; zeros after its end.
    pub name: [u8; 64],
}

/// Pads with zeros, or cuts off.
pub(crate) fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (byte, &from) in bytes.iter_mut().zip(text.as_bytes()) {
        *byte = from;
    }
    bytes
}

/// The control block's size in bytes, of which the description is the last part.
pub(crate) fn control_bytes(layout: Layout, description_bytes: usize) -> usize {
    description_offset(layout) + description_bytes
}

pub(crate) fn description_offset(layout: Layout) -> usize {
    RECORDS_OFFSET + layout.slots() as usize * RECORD_BYTES
}

impl Header {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = Bytes([0; HEADER_BYTES]);
        bytes.put(0, MAGIC);
        bytes.put(8, LAYOUT_VERSION.to_ne_bytes());
        for (offset, _, value) in CONSTANTS {
            bytes.put(offset, (value as u32).to_ne_bytes());
        }
        bytes.put(40, BYTE_ORDER.to_ne_bytes());
        bytes.put(44, self.backend_version.to_ne_bytes());
        bytes.put(48, self.backend);
        // As in its text form: a UUID has no byte order of the machine.
        bytes.put(64, self.host.boot_id.to_be_bytes());
        bytes.put(80, self.host.pid_namespace.to_ne_bytes());
        bytes.put(88, self.process.start_ticks().to_ne_bytes());
        bytes.put(96, self.process.pid().to_ne_bytes());
        bytes.put(100, self.layout.slots().to_ne_bytes());
        bytes.put(104, (self.layout.slot_bytes() as u64).to_ne_bytes());
        bytes.put(112, self.nonce.to_ne_bytes());
        bytes.put(120, (self.description_bytes as u64).to_ne_bytes());
        bytes.put(128, self.name);
        bytes.0
    }

    /// Checks a block against the id that led to it, and against what this program can read.
    ///
    /// Another magic or nonce means that the descriptor now belongs to something newer: the pool
    /// is gone. Everything else that differs makes the pool incompatible.
    pub fn check(
        bytes: [u8; HEADER_BYTES],
        address: &PoolAddress,
        backend_version: u32,
        file_bytes: u64,
    ) -> Result<Self, MemoryError> {
        let bytes = Bytes(bytes);
        let magic = bytes.get::<8>(0);
        if magic != MAGIC {
            let (found, expected) = (magic.escape_ascii(), MAGIC.escape_ascii());
            let detail = format!("its descriptor shows magic \"{found}\", expected \"{expected}\"");
            return Err(MemoryError::Gone { detail });
        }
        same("layout version", bytes.u32(8), LAYOUT_VERSION)?;
        same("byte order mark", bytes.u32(40), BYTE_ORDER)?;
        for (offset, what, expected) in CONSTANTS {
            same(what, bytes.u32(offset), expected as u32)?;
        }
        let nonce = bytes.u64(112);
        if nonce != address.nonce {
            let expected = address.nonce;
            let detail =
                format!("its descriptor shows nonce {nonce:016x}, expected {expected:016x}");
            return Err(MemoryError::Gone { detail });
        }
        let backend = bytes.get(48);
        if backend != padded::<16>(&address.backend) {
            let found = backend.escape_ascii().to_string();
            let expected = address.backend.to_string();
            return Err(MemoryError::Mismatch {
                what: "backend in the control block",
                found,
                expected,
            });
        }
        same("backend version", bytes.u32(44), backend_version)?;
        let boot_id = u128::from_be_bytes(bytes.get(64));
        same(
            "boot id in the control block",
            boot_id,
            address.host.boot_id,
        )?;
        let pid_namespace = bytes.u64(80);
        same(
            "pid namespace in the control block",
            pid_namespace,
            address.host.pid_namespace,
        )?;
        same(
            "producer's start time",
            bytes.u64(88),
            address.process.start_ticks(),
        )?;
        same(
            "producer's process id",
            bytes.u32(96),
            address.process.pid(),
        )?;
        let (layout, description_bytes) = sizes(&bytes)?;
        let needed = control_bytes(layout, description_bytes);
        same("control block size in bytes", file_bytes, needed as u64)?;
        Ok(Self {
            host: address.host,
            process: address.process,
            nonce,
            backend,
            backend_version,
            layout,
            description_bytes,
            name: bytes.get(128),
        })
    }
}

fn sizes(bytes: &Bytes) -> Result<(Layout, usize), MemoryError> {
    let (slots, slot_bytes) = (bytes.u32(100), bytes.u64(104));
    let layout = usize::try_from(slot_bytes)
        .ok()
        .filter(|_| slots <= MAX_SLOTS)
        .and_then(|slot_bytes| Layout::new(slots, slot_bytes))
        .filter(|layout| layout.slot_bytes() as u64 == slot_bytes)
        .ok_or_else(|| MemoryError::Mismatch {
            what: "layout",
            found: format!("{slots} slots of {slot_bytes} bytes"),
            expected: "1 to 4096 slots of whole pages".to_owned(),
        })?;
    let description_bytes = bytes.u64(120);
    let within = usize::try_from(description_bytes)
        .ok()
        .filter(|&n| n <= MAX_DESCRIPTION_BYTES);
    let description_bytes = within.ok_or_else(|| MemoryError::Mismatch {
        what: "description size in bytes",
        found: description_bytes.to_string(),
        expected: format!("at most {MAX_DESCRIPTION_BYTES}"),
    })?;
    Ok((layout, description_bytes))
}

fn same<T: Copy + PartialEq + ToString>(
    what: &'static str,
    found: T,
    expected: T,
) -> Result<(), MemoryError> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (found.to_string(), expected.to_string());
    Err(MemoryError::Mismatch {
        what,
        found,
        expected,
    })
}

struct Bytes([u8; HEADER_BYTES]);

impl Bytes {
    fn put<const N: usize>(&mut self, offset: usize, value: [u8; N]) {
        self.0[offset..offset + N].copy_from_slice(&value);
    }

    fn get<const N: usize>(&self, offset: usize) -> [u8; N] {
        let mut value = [0; N];
        value.copy_from_slice(&self.0[offset..offset + N]);
        value
    }

    fn u32(&self, offset: usize) -> u32 {
        u32::from_ne_bytes(self.get(offset))
    }

    fn u64(&self, offset: usize) -> u64 {
        u64::from_ne_bytes(self.get(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> PoolAddress {
        PoolAddress {
            backend: "host".into(),
            host: Host {
                boot_id: 7,
                pid_namespace: 8,
            },
            process: Process::new(9, 10).expect("a possible process"),
            control_fd: 3,
            data_fd: 4,
            nonce: 11,
        }
    }

    fn header() -> Header {
        let PoolAddress {
            backend,
            host,
            process,
            nonce,
            ..
        } = address();
        Header {
            host,
            process,
            nonce,
            backend: padded(&backend),
            backend_version: 1,
            layout: Layout::new(2, 4096).expect("a valid layout"),
            description_bytes: 16,
            name: padded("front"),
        }
    }

    const FILE_BYTES: u64 = 512 + 2 * 64 + 16;

    #[test]
    fn a_header_is_read_as_written() {
        let bytes = header().encode();
        let read = Header::check(bytes, &address(), 1, FILE_BYTES).expect("compatible");
        assert_eq!(read.encode(), bytes);
    }

    #[test]
    fn every_changed_byte_before_the_name_is_noticed() {
        let bytes = header().encode();
        // The slot size (104 to 111) is checked against the size of the data, by the backend.
        for place in (0..104).chain(112..128) {
            let mut changed = bytes;
            changed[place] ^= 0x40;
            let checked = Header::check(changed, &address(), 1, FILE_BYTES);
            assert!(checked.is_err(), "byte {place} changed unnoticed");
        }
    }

    #[test]
    fn a_successor_behind_the_same_descriptor_means_gone() {
        let newer = Header {
            nonce: 12,
            ..header()
        };
        let error = Header::check(newer.encode(), &address(), 1, FILE_BYTES).err();
        assert!(matches!(error, Some(MemoryError::Gone { .. })), "{error:?}");
        let other = Header::check([b'x'; HEADER_BYTES], &address(), 1, FILE_BYTES).err();
        assert!(matches!(other, Some(MemoryError::Gone { .. })), "{other:?}");
    }

    #[test]
    fn mismatches_say_what_was_found_and_expected() {
        let checked = Header::check(header().encode(), &address(), 2, FILE_BYTES);
        let text = checked.err().map(|error| error.to_string());
        assert_eq!(text.as_deref(), Some("backend version is 1, expected 2"));
        let checked = Header::check(header().encode(), &address(), 1, FILE_BYTES + 1);
        let text = checked.err().map(|error| error.to_string());
        assert_eq!(
            text.as_deref(),
            Some("control block size in bytes is 657, expected 656")
        );
    }
}
