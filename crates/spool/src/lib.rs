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
//! - What a cut has torn at the end is cut off at the next opening; each record has a checksum.
//!
//! A folder has segments `<number of the first record>.seg`, the file `cursor`, and a lock: one process
//! uses it at a time. A segment is the 8 bytes `CWSPOOL1`, the number of its first record, and records:
//! length, CRC-32, time, bytes; all numbers little endian.

mod cursor;
mod disk;
mod error;
mod record;
mod segment;
mod spool;

pub use error::Error;
pub use record::{MOST_BYTES, Record};
pub use spool::{Options, Recovered, Spool, Stored};
