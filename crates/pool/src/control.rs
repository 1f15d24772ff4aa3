//! The control block in this process's memory: the header, the consumer table, the slots' words.
#![expect(unsafe_code, reason = "the block is shared with other processes")]

use crate::{
    error::MemoryError,
    header::{
        CLOSED_OFFSET, CONSUMERS_OFFSET, HEADER_BYTES, Header, RECORD_BYTES, RECORDS_OFFSET,
        control_bytes, description_offset,
    },
    id::PoolAddress,
    mapping::{Access, Mapping, SealedFile},
    spec::Layout,
    state::MAX_CONSUMERS,
    sync::{AtomicU64, Ordering},
};
use std::{
    os::fd::{AsFd as _, AsRawFd as _, RawFd},
    ptr, slice,
};

/// One slot in the control block.
#[repr(C, align(64))]
struct Record {
    word: AtomicU64,
    reserved: [u64; 7],
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
        let base = mapping.base();
        // SAFETY: the offset is within the file's size, computed above from the same values.
        let place = unsafe { base.add(description_offset(layout)) };
        // SAFETY: there is room for the description up to the end of the file, and nobody else
        // knows of this memory yet.
        unsafe { place.copy_from_nonoverlapping(from(description), description.len()) };
        let encoded = header.encode();
        // SAFETY: the file is larger than a header, and nobody else knows of this memory yet.
        unsafe { base.copy_from_nonoverlapping(from(&encoded), HEADER_BYTES) };
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
        let base = mapping.base();
        let mut header = [0; HEADER_BYTES];
        // SAFETY: the file is larger than a header, which nobody changes once the pool has an id.
        unsafe { base.copy_to_nonoverlapping(to(&mut header), HEADER_BYTES) };
        let header = Header::check(header, address, backend_version, file.bytes() as u64)?;
        let layout = header.layout;
        let mut description = vec![0; header.description_bytes];
        // SAFETY: `check` has compared the file's size with the end of the description.
        let place = unsafe { base.add(description_offset(layout)) };
        // SAFETY: as above, and nobody changes a description once the pool has an id.
        unsafe { place.copy_to_nonoverlapping(to(&mut description), description.len()) };
        Ok((Self { mapping, layout }, description))
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    pub fn consumers(&self) -> &[AtomicU64] {
        let table = self.at::<AtomicU64>(CONSUMERS_OFFSET, MAX_CONSUMERS);
        // SAFETY: `at` has checked place and alignment; every process uses the entries as atomics,
        // for which any bytes are valid, and the mapping lives as long as `self`.
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
        unsafe { &*self.at::<AtomicU64>(CLOSED_OFFSET, 1) }
    }

    fn records(&self) -> &[Record] {
        let slots = self.layout.slots() as usize;
        let records = self.at::<Record>(RECORDS_OFFSET, slots);
        // SAFETY: as in `consumers`; the reserved part is never written after the block was made.
        unsafe { slice::from_raw_parts(records, slots) }
    }

    /// Where `count` values begin in the block.
    fn at<T>(&self, offset: usize, count: usize) -> *const T {
        assert!(offset + count * size_of::<T>() <= self.mapping.bytes());
        let place = self
            .mapping
            .base()
            .as_ptr()
            .wrapping_add(offset)
            .cast::<T>();
        debug_assert!(place.is_aligned());
        place
    }
}

pub(crate) fn raw_fd(file: &SealedFile) -> RawFd {
    file.as_fd().as_raw_fd()
}

fn from(bytes: &[u8]) -> ptr::NonNull<u8> {
    ptr::NonNull::from(bytes).cast()
}

fn to(bytes: &mut [u8]) -> ptr::NonNull<u8> {
    ptr::NonNull::from(bytes).cast()
}
