//! Presentation times for files that have decoding times only, such as AVI.
//!
//! Such a file gives the access units' places in decoding order. Its pictures are presented at the
//! same places in the order of presentation: the first picture that is presented gets the first
//! place, as the `ffmpeg` command's decoders give them.

use std::collections::{BTreeSet, VecDeque};

use camweave_bitstream::{NalCodec, NalKind, StartCodes};
use camweave_message::Codec;

use crate::ReadUnit;
use crate::picture_order::Parser;

/// A picture waits for at most so many that are coded after it: `MaxDpbFrames` of H.264 and H.265.
const MAX_REORDER: usize = 16;
/// Access units and bytes that wait at most; a stream that asks for more contradicts itself, and
/// keeps the order in which it is coded from there on.
const MAX_WAITING: usize = 128;
const MAX_WAITING_BYTES: usize = 64 << 20;

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
        Some(Self {
            codec,
            parser: Parser::new(codec)?,
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
        if self.waiting.len() > MAX_WAITING || self.waiting_bytes > MAX_WAITING_BYTES {
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

/// Whether order counts begin anew with this access unit.
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
