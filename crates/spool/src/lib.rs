//! A queue of records on disk, for what must arrive although its receiver is away.
//!
//! - An append that returns [`Stored::OnDisk`] is on disk, synced: neither a kill nor a power cut takes
//!   it away. A disk that is full or fails costs that promise and no record: [`Stored::InMemory`], until
//!   there is room again.
//! - Records come out in the order in which they went in, each with a number that it keeps. What is
//!   [delivered](Spool::delivered) is not given out again, but for the last before a kill: at least once.
//! - It is bounded in bytes. When it is full, the **oldest** undelivered segment is dropped, and
//!   counted: of two alarms the newer one is worth more, and the last row of an event has all that the
//!   rows before it had.
//! - Each record has a checksum and its number. What a cut has torn at the end is cut off at the next
//!   opening. What the disk has damaged elsewhere is counted as [missing](Spool::missing), once, and stepped
//!   over; what is whole around it is delivered. A damaged file is kept, as `<name>.damaged`, up to four.
//!
//! A folder has segments `<number of the first record>.seg`, the file `cursor`, and a lock: one process
//! uses it at a time. A segment is the 8 bytes `CWSPOOL2`, the number in its name, and records: length,
//! CRC-32, number, time, the number of the first record that was written together with it, bytes; all numbers
//! little endian. A number that no record has, between two that are whole, was delivered or dropped while
//! its record was in memory.

mod cursor;
mod disk;
mod error;
mod gaps;
mod loaded;
mod record;
mod recovery;
mod segment;
mod spool;

pub use error::Error;
pub use record::{MOST_BYTES, Record};
pub use spool::{Options, Recovered, Spool, Stored};
