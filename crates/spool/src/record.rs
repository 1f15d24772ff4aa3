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
/// Length, checksum, number, time, and the number with which its write began.
pub(crate) const HEAD: usize = 32;
/// Where what the checksum covers begins; the length is covered as well.
const COVERED: usize = 8;
/// Numbers in a segment are no further apart: what is not a head is mostly found by that alone.
const FARTHEST: u64 = 1 << 32;

fn checksum(length: u32, covered: &[u8], bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(covered);
    hasher.update(bytes);
    hasher.finalize()
}

/// Appends a record's form on disk to `to`. `began` is the number of the first record that is written, and
/// synced, together with it.
pub(crate) fn write(to: &mut Vec<u8>, record: &Record, began: u64) {
    let length = u32::try_from(record.bytes.len()).unwrap_or(u32::MAX);
    let mut covered = [0; HEAD - COVERED];
    covered[..8].copy_from_slice(&record.number.to_le_bytes());
    covered[8..16].copy_from_slice(&record.unix_ms.to_le_bytes());
    covered[16..].copy_from_slice(&began.to_le_bytes());
    to.extend_from_slice(&length.to_le_bytes());
    let crc = checksum(length, &covered, &record.bytes);
    to.extend_from_slice(&crc.to_le_bytes());
    to.extend_from_slice(&covered);
    to.extend_from_slice(&record.bytes);
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub number: u64,
    pub unix_ms: i64,
    pub began: u64,
    pub bytes: &'a [u8],
}

impl<'a> Place<'a> {
    /// The whole record that begins with these bytes, where its number is `from` or after that.
    pub fn read(bytes: &'a [u8], from: u64) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let word = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let long = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
        let (length, number) = (word(0)?, long(COVERED)?);
        if number < from || number - from >= FARTHEST {
            return None;
        }
        let bytes = rest.get(..usize::try_from(length).ok()?)?;
        let is_whole =
            bytes.len() <= MOST_BYTES && checksum(length, &head[COVERED..], bytes) == word(4)?;
        is_whole.then_some(Self {
            number,
            unix_ms: long(COVERED + 8)?.cast_signed(),
            began: long(COVERED + 16)?,
            bytes,
        })
    }

    /// Its bytes on disk.
    pub fn length(&self) -> usize {
        HEAD + self.bytes.len()
    }
}

impl From<Place<'_>> for Record {
    fn from(place: Place<'_>) -> Self {
        Self {
            number: place.number,
            unix_ms: place.unix_ms,
            bytes: place.bytes.to_vec(),
        }
    }
}
