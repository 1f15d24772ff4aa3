//! Presentation times for files that have decoding times only, such as AVI.
//!
//! Such a file gives the access units' places in decoding order. Its pictures are presented at the
//! same places in the order of presentation: the first picture that is presented gets the first
//! place, as the `ffmpeg` command's decoders give them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};

use camweave_bitstream::{NalCodec, NalKind, StartCodes};
use camweave_message::Codec;

use crate::picture_order::Parser;
use crate::read_unit::ReadUnit;

/// A picture waits for at most so many that are coded after it: `MaxDpbFrames` of H.264 and H.265.
const MAX_REORDER: usize = 16;
/// Access units that wait at most; a stream that asks for more contradicts itself, and keeps the
/// order in which it is coded from there on.
const MAX_WAITING: usize = 128;
/// Bytes of all files of this process that may wait before a file that holds more than its share
/// gives them up. Files below their share hold as much again at most.
const MAX_WAITING_BYTES: usize = 32 << 20;

/// All that reorder in this process, and the bytes that wait in them.
static BUDGET: Budget = Budget {
    files: AtomicUsize::new(0),
    bytes: AtomicUsize::new(0),
};

struct Budget {
    files: AtomicUsize,
    bytes: AtomicUsize,
}

impl Budget {
    /// Whether a file in which `bytes` wait must let them go.
    fn is_exceeded(&self, bytes: usize) -> bool {
        let files = self.files.load(Ordering::Relaxed).max(1);
        self.bytes.load(Ordering::Relaxed) > MAX_WAITING_BYTES && bytes > MAX_WAITING_BYTES / files
    }
}

/// Gives access units the places of the pictures that they hold.
pub(crate) struct Reorder {
    codec: Codec,
    parser: Parser,
    /// In decoding order; the flag says that the presentation time is known.
    waiting: VecDeque<(ReadUnit, bool)>,
    waiting_bytes: usize,
    /// Number of the first of `waiting` since the begin.
    first: u64,
    /// Places that no picture has yet, in rising order.
    places: VecDeque<i64>,
    /// Pictures without a place: order of presentation, then number.
    unplaced: BTreeSet<(i64, u64)>,
}

impl Reorder {
    /// `None` where pictures of the codec are presented in the order in which they are coded.
    pub fn new(codec: Codec) -> Option<Self> {
        let parser = Parser::new(codec)?;
        BUDGET.files.fetch_add(1, Ordering::Relaxed);
        Some(Self {
            codec,
            parser,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            first: 0,
            places: VecDeque::new(),
            unplaced: BTreeSet::new(),
        })
    }

    /// Takes the next access unit in decoding order. Its decoding time is a place.
    pub fn push(&mut self, unit: ReadUnit) {
        let parsed = self.parser.look(&unit.data);
        let number = self.first + self.waiting.len() as u64;
        if self.codec == Codec::Mpeg4 {
            // A picture that later ones refer to is presented when the next such is coded.
            if !parsed.is_bidirectional {
                self.place_all();
            }
            let order = i64::from(!parsed.is_bidirectional);
            self.add(unit, order, number);
            if parsed.is_bidirectional {
                self.place_next();
            }
        } else {
            if begins_sequence(self.codec, &unit.data) {
                self.place_all();
            }
            self.add(unit, i64::from(parsed.order_count), number);
            if self.unplaced.len() > MAX_REORDER {
                self.place_next();
            }
        }
        if self.waiting.len() > MAX_WAITING || BUDGET.is_exceeded(self.waiting_bytes) {
            self.place_all();
        }
    }

    /// The next access unit in decoding order whose presentation time is known.
    pub fn pop(&mut self) -> Option<ReadUnit> {
        if !self.waiting.front()?.1 {
            return None;
        }
        let (unit, _) = self.waiting.pop_front()?;
        self.first += 1;
        self.waiting_bytes -= unit.data.len();
        BUDGET.bytes.fetch_sub(unit.data.len(), Ordering::Relaxed);
        Some(unit)
    }

    /// Nothing comes any more, or nothing that belongs to what came: all pictures get their places.
    pub fn place_all(&mut self) {
        while !self.unplaced.is_empty() {
            self.place_next();
        }
    }

    fn add(&mut self, unit: ReadUnit, order: i64, number: u64) {
        self.places.push_back(unit.dts_nanos);
        self.unplaced.insert((order, number));
        self.waiting_bytes += unit.data.len();
        BUDGET.bytes.fetch_add(unit.data.len(), Ordering::Relaxed);
        self.waiting.push_back((unit, false));
    }

    fn place_next(&mut self) {
        let (Some((_, number)), Some(place)) = (self.unplaced.pop_first(), self.places.pop_front())
        else {
            return;
        };
        let index = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if let Some((unit, is_placed)) = self.waiting.get_mut(index) {
            unit.pts_nanos = place;
            *is_placed = true;
        }
    }
}

impl Drop for Reorder {
    fn drop(&mut self) {
        BUDGET.files.fetch_sub(1, Ordering::Relaxed);
        (BUDGET.bytes).fetch_sub(self.waiting_bytes, Ordering::Relaxed);
    }
}

/// Whether order counts start over with this access unit.
fn begins_sequence(codec: Codec, data: &[u8]) -> bool {
    /// Types of H.265's BLA and IDR slices (ITU-T H.265, table 7-1): a CRA goes on counting.
    const H265_ANEW: std::ops::RangeInclusive<u8> = 16..=20;
    let nal = match codec {
        Codec::H265 => NalCodec::H265,
        _ => NalCodec::H264,
    };
    let mut slices = StartCodes::new(data)
        .map(|code| &data[code.nal_at..])
        .filter(|unit| nal.kind(unit).is_slice());
    slices.next().is_some_and(|slice| match nal {
        NalCodec::H264 => nal.kind(slice) == NalKind::RandomAccessSlice,
        NalCodec::H265 => slice
            .first()
            .is_some_and(|header| H265_ANEW.contains(&((header >> 1) & 0x3f))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_share_one_budget() {
        let unit = |bytes: usize| ReadUnit {
            // A VOP that others refer to, and nothing behind it.
            data: [&[0, 0, 1, 0xb6, 0x50][..], &vec![0xff; bytes]].concat(),
            keyframe: false,
            pts_nanos: 0,
            dts_nanos: 0,
            duration_nanos: 0,
        };
        let mut files: Vec<Reorder> = (0..8).filter_map(|_| Reorder::new(Codec::H264)).collect();
        for _ in 0..12 {
            for file in &mut files {
                file.push(unit(1 << 20));
                while file.pop().is_some() {}
            }
        }
        let waiting: usize = files.iter().map(|file| file.waiting_bytes).sum();
        assert!((1..=64 << 20).contains(&waiting), "{waiting}");
        assert_eq!(BUDGET.bytes.load(Ordering::Relaxed), waiting);
        drop(files);
        assert_eq!(BUDGET.bytes.load(Ordering::Relaxed), 0);
    }
}
