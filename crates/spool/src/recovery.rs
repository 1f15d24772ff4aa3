//! What a folder has after whatever has happened to it.
//!
//! Three things look alike: bytes that are no record. Which one it is follows from what is after them.
//! - **Torn**: they are in the last write of the last segment, which no later write has followed. That write
//!   may not have come to its sync, so nobody was promised its records: it is cut off there.
//! - **Damaged**: a record of a later write, or a later segment, follows. All before that was synced and
//!   promised, so the numbers between are missing, and what is whole on both sides is delivered. The disk
//!   refusing to read is damage as well.
//! - **Left over**: no number is missing. It is what a failed write could not take back.

use std::fs;
use std::path::Path;

use crate::gaps::Gaps;
use crate::loaded::Loaded;
use crate::segment::{FRONT, MAGIC, Segment, set_aside};
use crate::{Error, disk};

/// A segment has no more bytes than this: a longer file is not ours from there on.
const MOST_FILE_BYTES: u64 = 16 << 20;

/// A segment as it was found.
#[derive(Debug)]
pub(crate) struct Recovery {
    /// None: nothing of it is of use.
    pub segment: Option<Segment>,
    /// Numbers whose records are missing.
    pub lost: Gaps,
    /// Bytes of a write that did not come to its end.
    pub torn_bytes: u64,
}

/// Where the last write is torn.
struct Tear {
    end: u64,
    bytes: u64,
}

impl Recovery {
    /// Reads the file of the segment with this first number. `next` is that of the segment after it.
    ///
    /// # Errors
    /// The file cannot be opened, or is of another version.
    pub fn of(path: &Path, first: u64, next: Option<u64>) -> Result<Self, Error> {
        let length = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if disk::is_damage(&error) => 0,
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let mut loaded = Loaded::open(path, first)?;
        loaded.load(length.min(MOST_FILE_BYTES));
        let mut segment = Segment::unread(path, first);
        let mut lost = Gaps::default();
        let (mut began, mut tear) = (first, None);
        while let Some((is_damaged, place)) = loaded.next(next.unwrap_or(u64::MAX)) {
            if place.began > began {
                tear = None;
            }
            began = place.began;
            segment.gaps.insert(segment.end..place.number);
            if is_damaged {
                lost.insert(segment.end..place.number);
                if tear.is_none() && segment.end >= began {
                    let (end, bytes) = (segment.end, segment.bytes);
                    tear = Some(Tear { end, bytes });
                }
            }
            segment.end = place.number + 1;
            segment.bytes = loaded.at();
        }
        let mut found = Self {
            segment: None,
            lost,
            torn_bytes: 0,
        };
        if segment.is_empty() {
            check_version(&loaded, path, length)?;
        }
        match next {
            Some(next) => found.lose(&mut segment, next, length),
            None => {
                if let Some(Tear { end, bytes }) = tear {
                    (segment.end, segment.bytes) = (end, bytes);
                    segment.gaps.cut(end);
                    found.lost.cut(end);
                }
                if loaded.is_unreadable_after(segment.bytes) {
                    // How many were there is not known.
                    let end = segment.end + 1;
                    found.lose(&mut segment, end, length);
                }
                found.torn_bytes = length.saturating_sub(segment.bytes);
            }
        }
        let is_ours = loaded.front() == Some(&Segment::front(first));
        segment.is_damaged |= !is_ours || !found.lost.is_empty();
        if segment.is_empty() && !is_ours {
            without_records(path, length)?;
            found.torn_bytes = length;
        } else {
            found.segment = Some(segment);
        }
        Ok(found)
    }

    /// All numbers of the segment in front of `end` that were not found are lost.
    fn lose(&mut self, segment: &mut Segment, end: u64, length: u64) {
        self.lost.insert(segment.end..end);
        segment.gaps.insert(segment.end..end);
        if segment.end < end {
            (segment.end, segment.bytes) = (end, length.max(FRONT));
        }
    }
}

/// What becomes of a file that does not begin as a segment, and has no record.
fn without_records(path: &Path, length: u64) -> Result<(), Error> {
    if length < FRONT {
        // Torn while it was being made: nothing was in it.
        return fs::remove_file(path).map_err(Error::io("remove", path));
    }
    set_aside(path).map_err(Error::io("rename", path))
}

/// Refuses a file that another version of this crate has written: it is no damage.
fn check_version(loaded: &Loaded, path: &Path, length: u64) -> Result<(), Error> {
    let front = loaded.front().unwrap_or_default();
    let Some((magic, _)) = front.split_first_chunk::<{ MAGIC.len() }>() else {
        return Ok(());
    };
    let (family, version) = magic.split_at(MAGIC.len() - 1);
    let is_other = magic != MAGIC && MAGIC.starts_with(family) && version[0].is_ascii_digit();
    if is_other && length > FRONT {
        return Err(Error::Foreign {
            path: path.to_owned(),
            why: format!(
                "it begins with '{}', expected '{}'",
                String::from_utf8_lossy(magic),
                String::from_utf8_lossy(MAGIC)
            ),
        });
    }
    Ok(())
}
