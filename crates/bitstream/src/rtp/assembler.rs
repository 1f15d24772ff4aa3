use std::collections::VecDeque;
use std::ops::Range;

use super::markers::Markers;
use super::payload::{self, Header, Piece};
use crate::bits::{Bits, payload as payload_bytes};
use crate::nal::{NalCodec, NalKind, START_CODE, StartCodes};
use crate::order::interlace;

/// One RTP packet in the order of its sequence number.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Behind the RTP header, without padding.
    pub payload: &'a [u8],
    /// The unwrapped RTP timestamp, in ticks of the stream's clock.
    pub timestamp: i64,
    /// The marker bit.
    pub marker: bool,
    /// Packets that are missing right before this one.
    pub lost_before: u32,
    /// Whether the numbering starts again with this packet: how many are missing is unknown.
    pub restarts: bool,
}

/// An access unit whose packets all came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpUnit {
    /// Annex B.
    pub data: Vec<u8>,
    /// The unwrapped RTP timestamp.
    pub timestamp: i64,
    /// Packets that are missing between the unit before and this one.
    pub lost_packets: u32,
}

/// Why a frame cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Packets of it are missing.
    Lost,
    /// Its packets break their format.
    Corrupt,
}

/// What the assembler outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A whole access unit.
    Unit(RtpUnit),
    /// Frames of which a part or all is missing.
    Dropped {
        /// Why.
        damage: Damage,
        /// How many.
        frames: u32,
    },
}

/// An access unit grew beyond the limit. The assembler keeps nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an access unit of more than {limit_bytes} bytes")]
pub struct TooLarge {
    /// The limit, in bytes.
    pub limit_bytes: usize,
}

/// Puts access units together.
#[derive(Debug)]
pub struct Assembler {
    codec: NalCodec,
    limit_bytes: usize,
    unit: Building,
    fragments: Fragments,
    fields: Fields,
    markers: Markers,
    pace: Pace,
    lost_packets: u32,
    /// Packets were missing since the unit before.
    had_gap: bool,
    /// Of the unit that was output last.
    last_timestamp: Option<i64>,
    outputs: VecDeque<Output>,
}

/// What a fragment belongs to that does not begin a NAL unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fragments {
    /// Nothing: no NAL unit is open.
    None,
    /// The NAL unit that begins at this place of the unit's bytes.
    Open(usize),
    /// A NAL unit that is not wanted.
    Ignored,
    /// A NAL unit whose beginning is missing.
    Missing,
}

/// The access unit that is being put together.
#[derive(Debug, Default)]
struct Building {
    data: Vec<u8>,
    timestamp: i64,
    slices: u32,
    has_first_slice: bool,
    keyframe: bool,
    marked: bool,
    damage: Option<Damage>,
    /// Where parameter sets and messages begin that came after the last slice. They are this
    /// picture's if another slice of it follows, and else the next one's.
    behind: Option<usize>,
}

impl Building {
    /// Whether picture data, or what must have been some, has come.
    fn has_picture(&self) -> bool {
        self.slices > 0 || self.damage.is_some()
    }

    /// Whether the NAL unit at `from` is one of those after the last slice.
    fn is_behind(&self, from: usize) -> bool {
        self.behind.is_some_and(|behind| from >= behind)
    }

    /// Drops the NAL unit at `from`, the last one.
    fn cut(&mut self, from: usize) {
        self.data.truncate(from);
        self.behind.take_if(|behind| *behind >= from);
    }
}

impl Assembler {
    /// `limit_bytes`: an access unit may not be larger.
    #[must_use]
    pub fn new(codec: NalCodec, limit_bytes: usize) -> Self {
        Self {
            codec,
            limit_bytes,
            unit: Building::default(),
            fragments: Fragments::None,
            fields: Fields::Unknown,
            markers: Markers::default(),
            pace: Pace::default(),
            lost_packets: 0,
            had_gap: false,
            last_timestamp: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes a packet.
    ///
    /// # Errors
    /// If the access unit becomes larger than the limit. What was put together of it is gone.
    pub fn push(&mut self, packet: Packet<'_>) -> Result<(), TooLarge> {
        if packet.lost_before > 0 || packet.restarts {
            self.gap(&packet);
        }
        let codec = self.codec;
        let mut take = |piece| self.piece(piece, packet.timestamp);
        if let Err(error) = payload::read(codec, packet.payload, &mut take) {
            self.unit = Building::default();
            self.fragments = Fragments::Ignored;
            return Err(error);
        }
        if packet.marker {
            self.markers.seen();
            self.close_nal();
            if self.unit.has_picture() {
                self.unit.marked = true;
                if self.markers.end_units() {
                    self.finish();
                }
            }
        }
        Ok(())
    }

    /// The next unit that is complete.
    pub fn pop(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether a unit waits for nothing but the proof that no more of it comes: its marker
    /// has come. [`Assembler::release`] gives it out after a silence.
    #[must_use]
    pub fn holds_marked(&self) -> bool {
        self.unit.marked && self.unit.has_picture()
    }

    /// The camera has been silent for longer than it takes to send a picture.
    pub fn release(&mut self) {
        if self.holds_marked() {
            self.markers.confirm(self.unit.keyframe);
            self.finish();
        }
    }

    /// The stream is over. A unit that may lack its end is given up: where markers are used
    /// it lacks one.
    pub fn end(&mut self) {
        let is_open = matches!(self.fragments, Fragments::Open(_));
        let is_whole = self.unit.marked || (!self.markers.are_used() && !is_open);
        if self.unit.slices > 0 && is_whole {
            self.finish();
        }
        self.unit = Building::default();
        self.fragments = Fragments::None;
    }

    /// Packets are missing before `packet`.
    fn gap(&mut self, packet: &Packet<'_>) {
        self.lost_packets = self.lost_packets.saturating_add(packet.lost_before);
        let same_unit = self.unit.timestamp == packet.timestamp;
        let unfinished = match self.fragments {
            // Half a parameter set helps nobody.
            Fragments::Open(from) if self.unit.is_behind(from) => {
                self.unit.cut(from);
                false
            }
            fragments => matches!(fragments, Fragments::Open(_)),
        };
        self.fragments = Fragments::Missing;
        if self.unit.has_picture() {
            let complete = self.unit.marked && !unfinished && !same_unit;
            if !complete {
                self.unit.damage.get_or_insert(Damage::Lost);
            }
            if !same_unit {
                self.finish();
            }
        } else if unfinished {
            // Half a parameter set helps nobody.
            self.unit.data.clear();
        }
        if !same_unit && packet.lost_before > 0 {
            let missing = self.pace.missing(packet.timestamp);
            self.pace.interrupt();
            self.dropped(Damage::Lost, missing.min(packet.lost_before));
        }
        self.had_gap = true;
    }

    fn piece(&mut self, piece: Piece<'_>, timestamp: i64) -> Result<(), TooLarge> {
        match piece {
            Piece::Whole(nal) => {
                self.close_nal();
                if self.codec == NalCodec::H264 && self.codec.kind(nal) == NalKind::Sps {
                    self.fields = fields(nal);
                }
                if self.begin(nal, timestamp) {
                    let from = self.append_nal(nal, &[])?;
                    self.inspect(from..self.unit.data.len());
                }
            }
            Piece::Start { header, rest } => {
                self.close_nal();
                let (head, length) = first_bytes(header, rest);
                if self.begin(&head[..length], timestamp) {
                    self.fragments = Fragments::Open(self.append_nal(header.bytes(), rest)?);
                } else {
                    self.fragments = Fragments::Ignored;
                }
            }
            Piece::Middle(data) => self.middle(data, timestamp)?,
            Piece::End => self.close_nal(),
            Piece::Broken => {
                self.close_nal();
                self.damaged(Damage::Corrupt, timestamp);
            }
        }
        Ok(())
    }

    fn middle(&mut self, data: &[u8], timestamp: i64) -> Result<(), TooLarge> {
        match self.fragments {
            // Nothing is missing between: it continues, even if the time stamp counts packets.
            Fragments::Open(_) => {
                self.reserve(data.len())?;
                self.unit.data.extend_from_slice(data);
            }
            Fragments::Ignored => {}
            Fragments::Missing => self.damaged(Damage::Lost, timestamp),
            // It began before the session.
            Fragments::None if self.last_timestamp.is_none() && !self.unit.has_picture() => {
                self.fragments = Fragments::Ignored;
            }
            Fragments::None => self.damaged(Damage::Corrupt, timestamp),
        }
        Ok(())
    }

    /// The unit at `timestamp` misses a part.
    fn damaged(&mut self, damage: Damage, timestamp: i64) {
        if self.is_over(timestamp) {
            return;
        }
        if self.unit.has_picture() && self.unit.timestamp != timestamp {
            self.finish();
        }
        self.unit.timestamp = timestamp;
        self.unit.damage.get_or_insert(damage);
    }

    /// Whether the unit at `timestamp` was given out or given up before.
    fn is_over(&self, timestamp: i64) -> bool {
        !self.unit.has_picture() && self.last_timestamp == Some(timestamp)
    }

    /// A NAL unit begins, of which `head` are the first bytes: finishes the access unit
    /// that it does not belong to. False if it is to be skipped.
    fn begin(&mut self, head: &[u8], timestamp: i64) -> bool {
        let kind = self.codec.kind(head);
        let first_slice = kind.is_slice() && is_first_slice(self.codec, head);
        if head[0] & 0x80 != 0 {
            // The forbidden bit: damaged on its way, or no NAL unit at all.
            if kind.is_slice() {
                self.damaged(Damage::Corrupt, timestamp);
            }
            return false;
        }
        if kind.is_slice() && !first_slice && self.is_over(timestamp) {
            // More of a picture that was given out at its marker.
            self.markers.refute();
            return false;
        }
        if self.is_boundary(kind, first_slice, head, timestamp) {
            if self.unit.marked {
                self.markers.confirm(self.unit.keyframe);
            }
            self.finish();
        } else if self.unit.marked && kind.is_slice() {
            self.markers.refute();
            self.unit.marked = false;
        }
        // What stands before the first slice may carry an older time: the slice's counts.
        if self.unit.slices == 0 {
            self.unit.timestamp = timestamp;
        }
        if is_leading(kind) && self.unit.slices > 0 {
            let at = self.unit.data.len();
            self.unit.behind.get_or_insert(at);
        }
        if kind.is_slice() {
            self.unit.behind = None;
            self.unit.slices += 1;
            self.unit.has_first_slice |= first_slice;
            self.unit.keyframe |= kind == NalKind::RandomAccessSlice;
        }
        true
    }

    /// H.264, section 7.4.1.2.3; H.265, section 7.4.2.4.4; but a time stamp that differs ends a
    /// picture, unless what carries it can only be more of that picture.
    fn is_boundary(&self, kind: NalKind, first_slice: bool, head: &[u8], timestamp: i64) -> bool {
        let unit = &self.unit;
        if !unit.has_picture() {
            return false;
        }
        if unit.timestamp != timestamp {
            // Some cameras count the slices of a picture in its time stamp.
            let more = kind.is_slice() && !first_slice;
            return !(more && unit.has_first_slice && !unit.marked && unit.damage.is_none());
        }
        match kind {
            NalKind::Delimiter => true,
            // Some cameras put messages between the slices of a picture: what follows decides.
            NalKind::Vps | NalKind::Sps | NalKind::Pps | NalKind::Sei => {
                unit.slices > 0 && unit.marked
            }
            // Two fields of a frame may share a time stamp, and each has a first slice.
            NalKind::Slice | NalKind::RandomAccessSlice => {
                let two_fields =
                    self.codec == NalCodec::H264 && !unit.marked && self.fields.may_have(head);
                first_slice && unit.slices > 0 && !two_fields
            }
            NalKind::Other => false,
        }
    }

    /// Appends a NAL unit; where it begins.
    fn append_nal(&mut self, first: &[u8], rest: &[u8]) -> Result<usize, TooLarge> {
        self.reserve(START_CODE.len() + first.len() + rest.len())?;
        let from = self.unit.data.len();
        self.unit.data.extend_from_slice(&START_CODE);
        self.unit.data.extend_from_slice(first);
        self.unit.data.extend_from_slice(rest);
        Ok(from)
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), TooLarge> {
        if self.unit.data.len() + bytes > self.limit_bytes {
            return Err(TooLarge {
                limit_bytes: self.limit_bytes,
            });
        }
        Ok(())
    }

    /// The open NAL unit is complete: by its last fragment, or because another begins. Some
    /// cameras never set the bit of the last fragment.
    fn close_nal(&mut self) {
        if let Fragments::Open(from) = self.fragments {
            self.inspect(from..self.unit.data.len());
        }
        self.fragments = Fragments::None;
    }

    /// Some cameras send several NAL units with start codes between them as one.
    fn inspect(&mut self, range: Range<usize>) {
        let nal = self.unit.data.get(range).unwrap_or_default();
        for code in StartCodes::new(nal).skip(1) {
            let inner = &nal[code.nal_at..];
            let kind = self.codec.kind(inner);
            if kind.is_slice() {
                self.unit.behind = None;
                self.unit.slices += 1;
                self.unit.has_first_slice |= is_first_slice(self.codec, inner);
                self.unit.keyframe |= kind == NalKind::RandomAccessSlice;
            }
        }
    }

    /// Gives the unit out, or counts it as dropped.
    fn finish(&mut self) {
        match std::mem::replace(&mut self.fragments, Fragments::None) {
            // A NAL unit without its end.
            Fragments::Open(from) if self.unit.is_behind(from) => self.unit.cut(from),
            Fragments::Open(_) => {
                self.unit.damage.get_or_insert(Damage::Corrupt);
            }
            _ => {}
        }
        let mut unit = std::mem::take(&mut self.unit);
        if !unit.has_picture() {
            return;
        }
        if let Some(behind) = unit.behind {
            self.unit.data = unit.data.split_off(behind);
            self.unit.timestamp = unit.timestamp;
        }
        self.last_timestamp = Some(unit.timestamp);
        self.pace.saw(unit.timestamp);
        let had_gap = std::mem::take(&mut self.had_gap);
        let damage = unit.damage.or_else(|| {
            let damage = if had_gap {
                Damage::Lost
            } else {
                Damage::Corrupt
            };
            (!unit.has_first_slice).then_some(damage)
        });
        match damage {
            Some(damage) => {
                // Whoever decodes must know that a reference is missing.
                self.lost_packets = self.lost_packets.max(1);
                self.dropped(damage, 1);
            }
            None => self.outputs.push_back(Output::Unit(RtpUnit {
                data: unit.data,
                timestamp: unit.timestamp,
                lost_packets: std::mem::take(&mut self.lost_packets),
            })),
        }
    }

    fn dropped(&mut self, damage: Damage, frames: u32) {
        if frames > 0 {
            self.outputs.push_back(Output::Dropped { damage, frames });
        }
    }
}

/// The first bytes of a fragmented NAL unit, and how many.
fn first_bytes(header: Header, rest: &[u8]) -> ([u8; HEAD_BYTES], usize) {
    let mut head = [0; HEAD_BYTES];
    let length = header.bytes().len();
    head[..length].copy_from_slice(header.bytes());
    let more = rest.len().min(HEAD_BYTES - length);
    head[length..length + more].copy_from_slice(&rest[..more]);
    (head, length + more)
}

/// Enough for a slice's header up to `field_pic_flag`.
const HEAD_BYTES: usize = 16;

/// Whether a NAL unit of this kind comes before the picture that it belongs to.
fn is_leading(kind: NalKind) -> bool {
    kind.is_parameter_set() || kind == NalKind::Sei
}

/// Whether an H.264 stream has pictures that are fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fields {
    /// No sequence parameter set has come in the stream.
    Unknown,
    Never,
    /// The bits of a slice's header between `pic_parameter_set_id` and `field_pic_flag`.
    Possible(u32),
}

impl Fields {
    /// Whether the slice that begins with `head` may be one of a field.
    fn may_have(self, head: &[u8]) -> bool {
        match self {
            Self::Unknown => true,
            Self::Never => false,
            Self::Possible(skip) => field_flag(head, skip).unwrap_or(true),
        }
    }
}

/// `field_pic_flag` (H.264, section 7.3.3), `skip` bits after `pic_parameter_set_id`.
fn field_flag(head: &[u8], skip: u32) -> Option<bool> {
    let head = payload_bytes(head, 1, HEAD_BYTES);
    let mut bits = Bits::new(&head);
    for _ in 0..3 {
        bits.read_ue()?; // first_mb_in_slice, slice_type, pic_parameter_set_id
    }
    bits.skip(usize::try_from(skip).ok()?);
    Some(bits.read(1)? == 1)
}

fn fields(sps: &[u8]) -> Fields {
    match interlace(sps) {
        Some(None) => Fields::Never,
        Some(Some(skip)) => Fields::Possible(skip),
        None => Fields::Unknown,
    }
}

/// Whether the slice that begins with `head` is the first of its picture:
/// `first_mb_in_slice` is 0 (H.264, section 7.3.3), `first_slice_segment_in_pic_flag`
/// is 1 (H.265, section 7.3.6.1).
fn is_first_slice(codec: NalCodec, head: &[u8]) -> bool {
    match codec {
        // Data partitions B and C follow their A.
        NalCodec::H264 if matches!(head.first().map(|byte| byte & 0x1f), Some(3 | 4)) => false,
        NalCodec::H264 => head.get(1).is_some_and(|byte| byte & 0x80 != 0),
        NalCodec::H265 => head.get(2).is_some_and(|byte| byte & 0x80 != 0),
    }
}

/// The camera's frame interval, by time stamps: it tells how many whole frames are missing.
#[derive(Debug, Default)]
struct Pace {
    last: Option<i64>,
    /// The smallest step forward of late, in ticks.
    interval: Option<i64>,
}

impl Pace {
    fn saw(&mut self, timestamp: i64) {
        if let Some(step) = self.last.map(|last| timestamp.saturating_sub(last))
            && step > 0
        {
            // Grows slowly, so that one short step does not count indefinitely.
            let known = self.interval.map_or(step, |known| {
                known.saturating_add(known / 16).saturating_add(1)
            });
            self.interval = Some(known.min(step));
        }
        self.last = Some(timestamp);
    }

    /// The step to the next frame says nothing: frames are missing.
    fn interrupt(&mut self) {
        self.last = None;
    }

    /// Whole frames between the last one and one at `timestamp`.
    fn missing(&self, timestamp: i64) -> u32 {
        let (Some(last), Some(interval)) = (self.last, self.interval) else {
            return 0;
        };
        let steps = (timestamp.saturating_sub(last).saturating_add(interval / 2)) / interval.max(1);
        u32::try_from(steps.saturating_sub(1)).unwrap_or(0)
    }
}

#[cfg(test)]
#[path = "assembler_tests.rs"]
mod tests;
