//! The boundary between the pool's state machine and the memory that its slots lie in.

use std::os::fd::RawFd;

use super::memory_error::MemoryError;
use super::spec::{Layout, WriteQueues};
use crate::protocol::consumers::Process;

/// Memory of a pool: made by the producer, attached to by consumers in other processes.
///
/// The pool decides who may touch a slot and when; a backend only provides the bytes, and the
/// order of work that a processor other than the CPU does on them. A backend keeps these promises:
///
/// - Memory stays readable in every process that attached, also after the producer's death; where
///   the platform cannot do that, [`check`](Memory::check) says that it is gone.
/// - Memory goes back to the system when the last process that has it drops it or dies.
/// - A consumer cannot write to it, where the platform can prevent that.
pub trait Memory: Sized + Send + Sync + 'static {
    /// First part of the pool's id: 1 to 16 lower-case letters and digits.
    const BACKEND: &'static str;

    /// Version of [`Export::description`]; another version is refused.
    const VERSION: u32;

    /// Where memory is made or mapped: `()` for the host, a device's context for a device.
    type Place: Send + Sync;

    /// What work is ordered on: `()` for the CPU, a stream for a device.
    type Queue: ?Sized;

    /// Where a slot is, for whoever reads or writes it: a pointer of the host, or a view of a
    /// device's memory that does not outlive the slot's holder.
    type Address<'a>: Copy
    where
        Self: 'a;

    /// Producer: makes the memory of all slots, which `queues` will write. `name` is for people.
    ///
    /// # Errors
    /// The memory cannot be allocated.
    fn create(
        place: &Self::Place,
        name: &str,
        layout: Layout,
        queues: WriteQueues,
    ) -> Result<(Self, Export), MemoryError>;

    /// Consumer: maps the producer's memory for reading.
    ///
    /// # Errors
    /// The producer is gone, the memory is not what was exported, or this place cannot map it.
    fn attach(place: &Self::Place, source: &Source<'_>) -> Result<Self, MemoryError>;

    /// Consumer: whether the memory is still there, asked before each slot is acquired.
    ///
    /// # Errors
    /// [`MemoryError::Gone`]: it has ended with its producer.
    fn check(&self) -> Result<(), MemoryError> {
        Ok(())
    }

    /// Where a slot begins. `slot` is below the layout's number of slots.
    fn address(&self, slot: u32) -> Self::Address<'_>;

    /// Producer: all writes to the slot have been put into `queue`; the slot becomes visible next.
    ///
    /// A device records the slot's interprocess event here, or the pool's if [one
    /// queue](WriteQueues::One) writes all slots. Must not wait for the work.
    ///
    /// # Errors
    /// The order cannot be recorded; the slot is then abandoned.
    fn written(&self, slot: u32, queue: &Self::Queue) -> Result<(), MemoryError>;

    /// Consumer: makes work that is put into `queue` from now on wait for the slot's writes.
    ///
    /// # Errors
    /// The order cannot be established; the slot must not be read.
    fn wait_readable(&self, slot: u32, queue: &Self::Queue) -> Result<(), MemoryError>;
}

/// How consumers find memory that has been created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The memory's file descriptor in this process, open for as long as the memory exists.
    pub fd: RawFd,
    /// What else a consumer needs, such as device identity and event handles; at most 1 MiB.
    /// Carried in the control block.
    pub description: Vec<u8>,
}

/// What a consumer is told about memory to attach to.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The process that made it.
    pub producer: Process,
    /// [`Export::fd`], a descriptor in that process.
    pub fd: RawFd,
    /// [`Export::description`].
    pub description: &'a [u8],
    /// Number and size of the slots.
    pub layout: Layout,
}
