//! What the bytes of a ledger mean: a head, then cells of one size, each a count with its name.

use std::sync::atomic::Ordering;

use super::mapping::Mapping;

/// Bytes of the head and of each cell.
pub(super) const CELL: usize = 256;
/// The file grows by so many bytes at a time, a multiple of the page size.
pub(super) const CHUNK: usize = 32 * 1024;
/// What a ledger begins with; the last digit is the version of this layout.
const MAGIC: u64 = u64::from_le_bytes(*b"CWCOUNT1");
/// Where a head's or cell's text begins, and the bytes that there are for it.
const TEXT: usize = 16;
pub(super) const TEXT_BYTES: usize = CELL - TEXT;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tally<'a> {
    /// Rows that came in.
    Received,
    /// Rows that were sent on.
    Sent,
    /// Rows that were inside a process of this node that died.
    Lost,
    /// Rows dropped for this reason.
    Dropped(&'a str),
}

impl<'a> Tally<'a> {
    fn kind(self) -> u8 {
        match self {
            Self::Received => 1,
            Self::Sent => 2,
            Self::Lost => 3,
            Self::Dropped(_) => 4,
        }
    }

    fn reason(self) -> &'a str {
        match self {
            Self::Dropped(reason) => reason,
            _ => "",
        }
    }
}

/// One count as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    kind: u8,
    pub camera: String,
    reason: String,
    pub count: u64,
}

impl Entry {
    /// What is counted; none for a kind that this version does not know.
    pub fn tally(&self) -> Option<Tally<'_>> {
        match self.kind {
            1 => Some(Tally::Received),
            2 => Some(Tally::Sent),
            3 => Some(Tally::Lost),
            4 => Some(Tally::Dropped(&self.reason)),
            _ => None,
        }
    }
}

/// Writes the head of an empty ledger. The mark comes last: without it the file is none.
pub(super) fn write_head(chunk: &Mapping, run: &str) {
    let text = cut(run);
    chunk
        .half_word(8)
        .store(text.len() as u32, Ordering::Relaxed);
    chunk.write(TEXT, text);
    chunk.word(0).store(MAGIC, Ordering::Release);
}

/// Whether the chunk is the first of a ledger of this run.
pub(super) fn is_of_run(chunk: &Mapping, run: &str) -> bool {
    let text = cut(run);
    chunk.word(0).load(Ordering::Acquire) == MAGIC
        && chunk.half_word(8).load(Ordering::Relaxed) as usize == text.len()
        && chunk.read(TEXT, text.len()) == text
}

fn cut(run: &str) -> &[u8] {
    &run.as_bytes()[..run.len().min(TEXT_BYTES)]
}

/// Fills the empty cell at `at`; false where the name is too long for it. A process that is
/// killed here leaves an empty cell.
pub(super) fn fill_cell(
    chunk: &Mapping,
    at: usize,
    camera: &str,
    tally: Tally<'_>,
    count: u64,
) -> bool {
    let reason = tally.reason();
    let (Ok(camera_bytes), Ok(reason_bytes)) =
        (u8::try_from(camera.len()), u8::try_from(reason.len()))
    else {
        return false;
    };
    if camera.len() + reason.len() > TEXT_BYTES {
        return false;
    }
    chunk.word(at).store(count, Ordering::Relaxed);
    chunk.write(at + 12, &[tally.kind(), camera_bytes, reason_bytes]);
    chunk.write(at + TEXT, camera.as_bytes());
    chunk.write(at + TEXT + camera.len(), reason.as_bytes());
    chunk.half_word(at + 8).store(1, Ordering::Release);
    true
}

/// The cell at `at`; none where it is empty or no text.
pub(super) fn read_cell(chunk: &Mapping, at: usize) -> Option<Entry> {
    if chunk.half_word(at + 8).load(Ordering::Acquire) != 1 {
        return None;
    }
    let head = chunk.read(at + 12, 3);
    let [kind, camera, reason] = head[..] else {
        return None;
    };
    let (camera, reason) = (usize::from(camera), usize::from(reason));
    if camera + reason > TEXT_BYTES {
        return None;
    }
    let text = |from, count| String::from_utf8(chunk.read(at + TEXT + from, count)).ok();
    Some(Entry {
        kind,
        camera: text(0, camera)?,
        reason: text(camera, reason)?,
        count: chunk.word(at).load(Ordering::Acquire),
    })
}

/// Where the cells of chunk number `index` begin.
pub(super) fn cells(index: usize) -> impl Iterator<Item = usize> {
    let first = if index == 0 { CELL } else { 0 };
    (first..CHUNK).step_by(CELL)
}
