//! A record as it is on disk.

/// A record that was put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number, ascending; it keeps it.
    pub number: u64,
    /// When it was put in.
    pub unix_ms: i64,
    /// What was put in.
    pub bytes: Vec<u8>,
}

/// Bytes of a record at most.
pub const MOST_BYTES: usize = 1 << 20;
/// Length, checksum and time.
pub(crate) const HEAD: usize = 16;

/// What a record's first bytes say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub length: usize,
    crc: u32,
    pub unix_ms: i64,
}

/// The number is part of the checksum: a record of an earlier file in the same place is none of this.
fn checksum(number: u64, unix_ms: i64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&unix_ms.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// Appends a record's form on disk to `to`.
pub(crate) fn write(to: &mut Vec<u8>, number: u64, unix_ms: i64, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(&checksum(number, unix_ms, bytes).to_le_bytes());
    to.extend_from_slice(&unix_ms.to_le_bytes());
    to.extend_from_slice(bytes);
}

impl Head {
    /// Reads a head; `None` where no record can begin so.
    pub fn read(bytes: &[u8; HEAD]) -> Option<Self> {
        let (words, time) = bytes.split_at(8);
        let word = |at: usize| -> Option<u32> {
            let bytes = words.get(at..at + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let length = usize::try_from(word(0)?).ok()?;
        let unix_ms = i64::from_le_bytes(time.try_into().ok()?);
        let head = Self {
            length,
            crc: word(4)?,
            unix_ms,
        };
        (length <= MOST_BYTES).then_some(head)
    }

    /// Whether these are the bytes of the record with this number.
    pub fn is_of(&self, number: u64, bytes: &[u8]) -> bool {
        checksum(number, self.unix_ms, bytes) == self.crc
    }
}
