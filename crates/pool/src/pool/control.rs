//! The control block in this process's memory: the header, the consumer table, the slots' words.
//!
//! Every process that has the pool may write every byte of it. So whatever is read here is read by
//! atomic operations, each byte or word once: no reference to plain memory is made, and what a
//! process writes against the protocol gives wrong values, not undefined behaviour. Header and
//! description are copied first, and the copy is what is checked.
#![expect(unsafe_code, reason = "the block is shared with other processes")]

use std::slice;
use std::sync::atomic::AtomicU8;

use super::header::{
    CLOSED_OFFSET, CONSUMERS_OFFSET, HEADER_BYTES, Header, RECORD_BYTES, RECORDS_OFFSET,
    control_bytes, description_offset,
};
use super::id::PoolAddress;
use super::mapping::{Access, Mapping, SealedFile};
use super::memory_error::MemoryError;
use super::spec::Layout;
use crate::protocol::state::MAX_CONSUMERS;
use crate::protocol::sync::{AtomicU64, Ordering};

/// One slot in the control block. All of it is atomic: a reference to it covers the reserved part.
#[repr(C, align(64))]
struct Record {
    word: AtomicU64,
    reserved: [AtomicU64; 7],
}

const _: () = assert!(size_of::<Record>() == RECORD_BYTES);
const _: () = assert!(CLOSED_OFFSET + size_of::<AtomicU64>() == RECORDS_OFFSET);
const _: () = assert!(CONSUMERS_OFFSET.is_multiple_of(align_of::<AtomicU64>()));
const _: () = assert!(RECORDS_OFFSET.is_multiple_of(align_of::<Record>()));

/// A mapped control block of at least [`control_bytes`] bytes.
#[derive(Debug)]
pub(crate) struct Control {
    mapping: Mapping,
    layout: Layout,
}

impl Control {
    /// Makes the block of a new pool. The file must be kept open for consumers to find it.
    pub fn create(
        name: &str,
        header: &Header,
        description: &[u8],
    ) -> Result<(Self, SealedFile), MemoryError> {
        let layout = header.layout;
        let file = SealedFile::create(name, control_bytes(layout, description.len()))?;
        let mapping = Mapping::new(&file, Access::ReadWrite)?;
        mapping.populate(&file)?;
        write(&mapping, description_offset(layout), description);
        write(&mapping, 0, &header.encode());
        Ok((Self { mapping, layout }, file))
    }

    /// Maps and checks the block of another process's pool; also returns its description.
    pub fn attach(
        address: &PoolAddress,
        backend_version: u32,
    ) -> Result<(Self, Vec<u8>), MemoryError> {
        let file = SealedFile::open(address.process, address.control_fd, Access::ReadWrite)?;
        if file.bytes() < RECORDS_OFFSET {
            let (bytes, least) = (file.bytes(), RECORDS_OFFSET);
            let detail = format!("its descriptor shows {bytes} bytes, expected at least {least}");
            return Err(MemoryError::Gone { detail });
        }
        let mapping = Mapping::new(&file, Access::ReadWrite)?;
        let mut header = [0; HEADER_BYTES];
        read(&mapping, 0, &mut header);
        let header = Header::check(header, address, backend_version, file.bytes() as u64)?;
        let layout = header.layout;
        let mut description = vec![0; header.description_bytes];
        // `check` has compared the file's size with the end of the description.
        read(&mapping, description_offset(layout), &mut description);
        Ok((Self { mapping, layout }, description))
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    pub fn consumers(&self) -> &[AtomicU64] {
        let table = at::<AtomicU64>(&self.mapping, CONSUMERS_OFFSET, MAX_CONSUMERS);
        // SAFETY: `at` has checked place and alignment, the mapping lives as long as `self`, and
        // all of it is atomic: any bytes are valid, and any process may change them.
        unsafe { slice::from_raw_parts(table, MAX_CONSUMERS) }
    }

    /// The word of a slot; `None` beyond the last.
    pub fn word(&self, slot: u32) -> Option<&AtomicU64> {
        self.records().get(slot as usize).map(|record| &record.word)
    }

    pub fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        self.records().iter().map(|record| &record.word)
    }

    /// Producer: says that the pool gets no more content. What is held stays readable.
    pub fn close(&self) {
        self.closed().store(1, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.closed().load(Ordering::Acquire) != 0
    }

    fn closed(&self) -> &AtomicU64 {
        // SAFETY: as in `consumers`.
        unsafe { &*at::<AtomicU64>(&self.mapping, CLOSED_OFFSET, 1) }
    }

    fn records(&self) -> &[Record] {
        let slots = self.layout.slots() as usize;
        let records = at::<Record>(&self.mapping, RECORDS_OFFSET, slots);
        // SAFETY: as in `consumers`.
        unsafe { slice::from_raw_parts(records, slots) }
    }
}

/// Where `count` values begin in a block.
fn at<T>(mapping: &Mapping, offset: usize, count: usize) -> *const T {
    assert!(offset + count * size_of::<T>() <= mapping.bytes());
    let place = mapping.base().as_ptr().wrapping_add(offset).cast::<T>();
    debug_assert!(place.is_aligned());
    place
}

fn bytes(mapping: &Mapping, offset: usize, count: usize) -> &[AtomicU8] {
    let bytes = at::<AtomicU8>(mapping, offset, count);
    // SAFETY: as in `Control::consumers`.
    unsafe { slice::from_raw_parts(bytes, count) }
}

fn read(mapping: &Mapping, offset: usize, to: &mut [u8]) {
    let from = bytes(mapping, offset, to.len());
    for (to, from) in to.iter_mut().zip(from) {
        *to = from.load(Ordering::Relaxed);
    }
}

fn write(mapping: &Mapping, offset: usize, from: &[u8]) {
    let to = bytes(mapping, offset, from.len());
    for (to, from) in to.iter().zip(from) {
        to.store(*from, Ordering::Relaxed);
    }
}
