use std::num::NonZeroU32;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt16Type, UInt32Type};
use arrow_array::{Array, BinaryArray, BooleanArray, StructArray};
use arrow_buffer::Buffer;
use camweave_vision::Orientation;

use crate::areas::{AreaColumns, write_areas};
use crate::columns::{Columns, Reader};
use crate::identity::{write_identity, write_traces};
use crate::limits::MAX_UNIT_BYTES;
use crate::received::read_rows;
use crate::{Areas, FrameId, MessageError, Received, Row, Selection, Trace};

/// The codec of an encoded unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264 (ITU-T H.264), Annex B byte stream.
    H264,
    /// H.265 (ITU-T H.265), Annex B byte stream.
    H265,
    /// VP9: one superframe per unit.
    Vp9,
    /// AV1: one temporal unit (low-overhead OBU stream) per unit.
    Av1,
    /// Motion JPEG: one JPEG picture (ISO/IEC 10918-1) per unit, each of them a keyframe.
    Mjpeg,
    /// MPEG-4 part 2 (ISO/IEC 14496-2): one VOP per unit, with the video object layer's
    /// headers in front of each intra-coded one.
    Mpeg4,
}

impl Codec {
    /// The name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
            Self::Mjpeg => "mjpeg",
            Self::Mpeg4 => "mpeg4",
        }
    }
}

impl std::str::FromStr for Codec {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "h264" => Ok(Self::H264),
            "h265" => Ok(Self::H265),
            "vp9" => Ok(Self::Vp9),
            "av1" => Ok(Self::Av1),
            "mjpeg" => Ok(Self::Mjpeg),
            "mpeg4" => Ok(Self::Mpeg4),
            _ => Err("one of 'h264', 'h265', 'vp9', 'av1', 'mjpeg', 'mpeg4'"),
        }
    }
}

/// One access unit (one coded picture), with parameter sets before every keyframe.
///
/// A unit whose [`Unit::data`] is empty ends its session: the decoder outputs the pictures that it
/// still holds back for reordering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Whose unit, and when.
    pub id: FrameId,
    /// The stages passed so far.
    pub trace: Trace,
    /// The codec.
    pub codec: Codec,
    /// Whether decoding can begin here (IDR, CRA, BLA, a VP9/AV1 key frame, any JPEG picture, or an
    /// intra-coded VOP of MPEG-4).
    pub keyframe: bool,
    /// Packets that the network lost before this unit, since the unit before it.
    pub lost_packets: u32,
    /// How its picture is to be turned before it is shown or looked at.
    pub orientation: Orientation,
    /// Which pictures of its camera go on to the detector.
    pub selection: Selection,
    /// Only those of them go on of which so many parts per million have changed; `None`: whatever
    /// has changed.
    pub motion: Option<NonZeroU32>,
    /// Which parts of the frames are looked at.
    pub areas: Areas,
    /// The coded bytes; cloning shares them.
    pub data: Buffer,
}

impl Unit {
    /// The most that [`Unit::motion`] may be: the whole picture.
    pub const MAX_MOTION_PPM: u32 = 1_000_000;
}

/// A part of a message's bytes. A part that is small beside the whole is copied: it may wait for
/// a decoder, and would keep the whole message in memory.
fn part(whole: &Buffer, offset: usize, length: usize) -> Buffer {
    let slice = whole.slice_with_length(offset, length);
    if whole.len() > LARGE_MESSAGE_BYTES && length < whole.len() / 8 {
        return Buffer::from_slice_ref(slice.as_slice());
    }
    slice
}

/// A message of more coded bytes is large.
const LARGE_MESSAGE_BYTES: usize = 1 << 20;

/// The coded bytes of all rows in one buffer, which is allocated once: it may have megabytes.
fn coded_bytes(rows: &[Unit]) -> BinaryArray {
    let bytes = rows.iter().map(|row| row.data.len()).sum();
    let mut column = BinaryBuilder::with_capacity(rows.len(), bytes);
    for row in rows {
        column.append_value(row.data.as_slice());
    }
    column.finish()
}

impl Row for Unit {
    const SCHEMA: &'static str = "camweave.units/1";

    fn to_arrow(rows: &[Self]) -> StructArray {
        let mut columns = Columns::with_schema(Self::SCHEMA, rows.len());
        write_identity(&mut columns, rows.iter().map(|row| &row.id));
        columns.strings("codec", rows.iter().map(|row| row.codec.as_str()));
        columns.push(
            "keyframe",
            false,
            BooleanArray::from(rows.iter().map(|row| row.keyframe).collect::<Vec<_>>()),
        );
        columns.numbers::<UInt32Type>("lost_packets", rows.iter().map(|row| row.lost_packets));
        columns.numbers::<UInt16Type>("rotation", rows.iter().map(|row| row.orientation.degrees()));
        columns.push(
            "mirrored",
            false,
            BooleanArray::from(
                rows.iter()
                    .map(|row| row.orientation.mirrored())
                    .collect::<Vec<_>>(),
            ),
        );
        let selections = rows.iter().map(|row| row.selection.to_nanos());
        columns.numbers::<Int64Type>("detect_every_nanos", selections);
        let motion = rows.iter().map(|row| row.motion.map_or(0, NonZeroU32::get));
        columns.numbers::<UInt32Type>("motion_area_ppm", motion);
        write_areas(&mut columns, rows.iter().map(|row| &row.areas));
        columns.push("data", false, coded_bytes(rows));
        write_traces(&mut columns, &rows.iter().map(|row| &row.trace));
        columns.finish()
    }

    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError> {
        let reader = Reader::open(Self::SCHEMA, array)?;
        let codec = reader.strings("codec")?;
        let keyframe = reader.typed("keyframe", "Boolean", |column| column.as_boolean_opt())?;
        let lost = reader.numbers::<UInt32Type>("lost_packets")?;
        // Senders that know of no turned pictures do not have these columns.
        let rotation = reader.optional("rotation", Reader::numbers::<UInt16Type>)?;
        let mirrored = reader.optional("mirrored", |reader, field| {
            reader.typed(field, "Boolean", |column| column.as_boolean_opt())
        })?;
        // Nor those that know of no selection this one.
        let detect = reader.optional("detect_every_nanos", Reader::numbers::<Int64Type>)?;
        let motion = reader.optional("motion_area_ppm", Reader::numbers::<UInt32Type>)?;
        let areas = AreaColumns::open(&reader)?;
        let data = reader.typed("data", "Binary", |column| column.as_binary_opt::<i32>())?;
        let bytes = |row| data.value_length(row).max(0) as usize;
        read_rows(
            &reader,
            |row| bytes(row) > 0,
            |row, id, trace| {
                if bytes(row) > MAX_UNIT_BYTES {
                    let value = format!("{} bytes", bytes(row));
                    let expected = format!("at most {MAX_UNIT_BYTES} bytes");
                    return Err(reader.value("data", row, value, expected));
                }
                let offset = data.value_offsets()[row].max(0) as usize;
                Ok(Self {
                    id,
                    trace,
                    codec: reader.parsed("codec", row, codec.value(row))?,
                    keyframe: keyframe.value(row),
                    lost_packets: lost.value(row),
                    orientation: orientation(
                        &reader,
                        row,
                        rotation.map_or(0, |column| column.value(row)),
                        mirrored.is_some_and(|column| column.value(row)),
                    )?,
                    selection: selection(&reader, row, detect.map_or(0, |it| it.value(row)))?,
                    motion: motion_area(&reader, row, motion.map_or(0, |it| it.value(row)))?,
                    areas: areas.get(row)?,
                    data: part(data.values(), offset, bytes(row)),
                })
            },
        )
    }

    fn id(&self) -> &FrameId {
        &self.id
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }

    fn trace_mut(&mut self) -> &mut Trace {
        &mut self.trace
    }

    fn bytes(&self) -> usize {
        self.data.len() + self.areas.ignored.bytes()
    }

    fn is_frame(&self) -> bool {
        !self.data.is_empty()
    }

    fn is_entry_point(&self) -> bool {
        self.keyframe || self.data.is_empty()
    }
}

fn selection(reader: &Reader<'_>, row: usize, nanos: i64) -> Result<Selection, MessageError> {
    let expected = format!("-1 to {}", Selection::MAX_NANOS);
    Selection::from_nanos(nanos)
        .ok_or_else(|| reader.value("detect_every_nanos", row, nanos.to_string(), expected))
}

fn motion_area(
    reader: &Reader<'_>,
    row: usize,
    ppm: u32,
) -> Result<Option<NonZeroU32>, MessageError> {
    if ppm > Unit::MAX_MOTION_PPM {
        let expected = format!("0 to {}", Unit::MAX_MOTION_PPM);
        return Err(reader.value("motion_area_ppm", row, ppm.to_string(), expected));
    }
    Ok(NonZeroU32::new(ppm))
}

fn orientation(
    reader: &Reader<'_>,
    row: usize,
    degrees: u16,
    mirrored: bool,
) -> Result<Orientation, MessageError> {
    Orientation::new(degrees, mirrored)
        .ok_or_else(|| reader.value("rotation", row, degrees.to_string(), "0, 90, 180 or 270"))
}
