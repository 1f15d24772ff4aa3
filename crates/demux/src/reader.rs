//! Access units of a media file, one after the other.

use std::path::Path;
use std::time::{Duration, Instant};

use camweave_message::{Codec, Orientation};
use ffmpeg_next as ffmpeg;
use ffmpeg_next::Packet;
use ffmpeg_next::codec::Id;
use ffmpeg_next::codec::packet::side_data;
use ffmpeg_next::format::stream::{Disposition, Stream};

use crate::convert::Converter;
use crate::extradata::extradata;
use crate::file_error::FileError;
use crate::file_times::{Clock, Stamps, Timeline, frame_nanos};
use crate::interrupt::Interrupt;
use crate::read_unit::ReadUnit;
use crate::reorder::Reorder;
use crate::{input, open};

/// Damaged packets in a row after which the rest of the file is given up.
const MAX_ERRORS: u32 = 64;
/// A unit is looked for so long: a hole or foreign data of gigabytes may be between two units.
const MAX_SEARCH: Duration = Duration::from_secs(2);
/// Searches in a row without a unit after which the rest of the file is given up.
const MAX_SEARCHES: u32 = 3;
/// Formats whose index leads back to the first unit, by FFmpeg's names.
const SEEKABLE: [&str; 2] = ["mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"];
/// Formats whose clock may be reset at any time (those with FFmpeg's `AVFMT_TS_DISCONT`).
const STREAMS: [&str; 4] = ["mpegts", "mpeg", "asf", "rm"];
/// Formats that give no presentation times, or take them from the order of coding.
const WITHOUT_PRESENTATION_TIMES: [&str; 4] = ["avi", "h264", "hevc", "m4v"];
/// Where a file says nothing of its frame rate, or nothing that can be.
const DEFAULT_FRAME_NANOS: i64 = 40_000_000;
/// Frames are so long, in nanoseconds: up to 1,000 a second, and one in 10 seconds.
const FRAME_NANOS: std::ops::RangeInclusive<i64> = 1_000_000..=10_000_000_000;

/// What a read gives.
#[derive(Debug)]
pub enum Read {
    /// The next unit in decoding order.
    Unit(ReadUnit),
    /// A unit that is there but damaged or cut off.
    Damaged(String),
    /// The end; the text says why it came too early.
    End(Option<String>),
}

/// What one unit is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct First {
    bytes: usize,
    pts_nanos: i64,
    dts_nanos: i64,
}

impl First {
    fn of(unit: &ReadUnit) -> Self {
        Self {
            bytes: unit.data.len(),
            pts_nanos: unit.pts_nanos,
            dts_nanos: unit.dts_nanos,
        }
    }
}

/// Demuxes one file.
pub struct Reader {
    input: ffmpeg::format::context::Input,
    interrupt: Interrupt,
    /// Searches in a row that found no unit in time.
    searches: u32,
    stream: usize,
    /// What the file holds.
    pub codec: Codec,
    /// How its pictures are to be turned. `None`: its display matrix does more than to turn by
    /// quarters and to mirror.
    pub orientation: Option<Orientation>,
    converter: Converter,
    timeline: Timeline,
    /// For files whose pictures get their presentation times by order.
    reorder: Option<Reorder>,
    /// The container's presentation times are looked at.
    has_presentation_times: bool,
    /// The first unit that was read, to know it again.
    first: Option<First>,
    /// Read, and not given out yet.
    ahead: Option<Read>,
    jumps: u64,
    damage: Option<String>,
}

impl Reader {
    /// Opens a file, and no other.
    ///
    /// # Errors
    /// What it is, if it is no media file with video that the pipeline decodes.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Self::open_with(path, Interrupt::default())
    }

    /// Opens a file whose reading `interrupt` ends. Its deadline is set here for each call.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_with(path: &Path, interrupt: Interrupt) -> Result<Self, FileError> {
        let owned = || path.to_owned();
        let input = open::open(path, &interrupt)?;
        let format = input.format().name().to_owned();
        let best = input.streams().best(ffmpeg::media::Type::Video);
        let stream = best
            .filter(|stream| !stream.disposition().contains(Disposition::ATTACHED_PIC))
            .ok_or_else(|| FileError::NoVideo {
                path: owned(),
                format: format.clone(),
            })?;
        let parameters = stream.parameters();
        let id = parameters.id();
        let codec = codec_of(id).ok_or_else(|| FileError::Codec {
            path: owned(),
            codec: id.name().to_owned(),
        })?;
        let converter =
            Converter::new(codec, &extradata(&parameters)).map_err(|source| FileError::Header {
                path: owned(),
                source,
            })?;
        let has_presentation_times = !WITHOUT_PRESENTATION_TIMES.contains(&format.as_str());
        let (index, orientation) = (stream.index(), orientation(&stream));
        let timeline = timeline(&stream, &format);
        Ok(Self {
            input,
            interrupt,
            searches: 0,
            stream: index,
            codec,
            orientation,
            converter,
            timeline,
            reorder: (!has_presentation_times)
                .then(|| Reorder::new(codec))
                .flatten(),
            has_presentation_times,
            first: None,
            ahead: None,
            jumps: 0,
            damage: None,
        })
    }

    /// Goes back to the first unit, which costs far less than to open the file again; whether that
    /// worked. Formats without an index are not tried.
    pub fn rewind(&mut self) -> bool {
        let format = self.input.format().name().to_owned();
        if !SEEKABLE.contains(&format.as_str()) {
            return false;
        }
        let Some(stream) = self.input.stream(self.stream) else {
            return false;
        };
        let converter = Converter::new(self.codec, &extradata(&stream.parameters()));
        let timeline = timeline(&stream, &format);
        let (Ok(converter), Some(first)) = (converter, self.first) else {
            return false;
        };
        self.begin_search();
        if self.input.seek(0, ..).is_err() {
            return false;
        }
        self.converter = converter;
        self.timeline = timeline;
        self.reorder = self.reorder.take().and_then(|_| Reorder::new(self.codec));
        let unit = self.demux();
        let is_first = matches!(&unit, Read::Unit(unit) if First::of(unit) == first);
        self.ahead = Some(unit);
        is_first
    }

    /// The next unit.
    pub fn read(&mut self) -> Read {
        let read = self.ahead.take().unwrap_or_else(|| self.demux());
        if let Read::Unit(unit) = &read {
            self.first.get_or_insert_with(|| First::of(unit));
        }
        read
    }

    /// How often the file's times jumped since the last call.
    pub fn take_jumps(&mut self) -> u64 {
        std::mem::take(&mut self.jumps)
    }

    fn demux(&mut self) -> Read {
        loop {
            if let Some(unit) = self.reorder.as_mut().and_then(Reorder::pop) {
                return Read::Unit(unit);
            }
            match (self.packet(), &mut self.reorder) {
                (Read::Unit(unit), Some(reorder)) => reorder.push(unit),
                (Read::End(problem), Some(reorder)) => {
                    reorder.place_all();
                    let Some(unit) = reorder.pop() else {
                        return Read::End(problem);
                    };
                    // The end is met again after the units that waited.
                    self.damage = problem;
                    return Read::Unit(unit);
                }
                (read, _) => return read,
            }
        }
    }

    fn begin_search(&self) {
        let deadline = Instant::now() + MAX_SEARCH;
        self.interrupt.set_deadline(Some(deadline));
    }

    fn packet(&mut self) -> Read {
        let mut errors = 0;
        let mut packet = Packet::empty();
        self.begin_search();
        loop {
            let read = packet.read(&mut self.input);
            if self.interrupt.is_stopped() {
                return Read::End(self.damage.take());
            }
            // Packets of other streams come in time, but are none of ours.
            if self.interrupt.is_late() && !(read.is_ok() && packet.stream() == self.stream) {
                return self.late();
            }
            match read {
                Ok(()) => {}
                Err(ffmpeg::Error::Eof) => return Read::End(self.damage.take()),
                Err(error) => {
                    self.damage.get_or_insert_with(|| error.to_string());
                    errors += 1;
                    if errors > MAX_ERRORS {
                        return Read::End(self.damage.take());
                    }
                    continue;
                }
            }
            if packet.stream() == self.stream && packet.size() > 0 {
                self.searches = 0;
                return self.unit(&packet);
            }
        }
    }

    /// A search that took too long: something is missing here. The next goes on behind it.
    fn late(&mut self) -> Read {
        self.searches += 1;
        let reason = format!("no frame was found within {} s", MAX_SEARCH.as_secs());
        self.damage.get_or_insert_with(|| reason.clone());
        if self.searches >= MAX_SEARCHES {
            return Read::End(self.damage.take());
        }
        input::resume(&mut self.input);
        Read::Damaged(reason)
    }

    fn unit(&mut self, packet: &Packet) -> Read {
        if packet.is_corrupt() {
            self.damage
                .get_or_insert_with(|| "a frame is truncated".to_owned());
        }
        let header = packet
            .side_data()
            .find(|data| data.kind() == side_data::Type::NewExtraData);
        let header = header.map_or(Ok(()), |data| self.converter.update(data.data()));
        let data = packet.data().unwrap_or_default();
        let converted = header.and_then(|()| self.converter.convert(data, packet.is_key()));
        // A unit that is not fit to be sent has its time all the same.
        let times = self.timeline.place(Stamps {
            pts: packet.pts().filter(|_| self.has_presentation_times),
            dts: packet.dts(),
            duration: packet.duration(),
            keyframe: converted
                .as_ref()
                .map_or(packet.is_key(), |(_, keyframe)| *keyframe),
            hidden: input::is_hidden(packet),
        });
        self.jumps += u64::from(times.jumped);
        match converted {
            Ok((data, keyframe)) => Read::Unit(ReadUnit {
                data,
                keyframe,
                pts_nanos: times.pts_nanos,
                dts_nanos: times.dts_nanos,
                duration_nanos: self.timeline.duration_nanos(packet.duration()),
            }),
            Err(error) => {
                self.damage.get_or_insert_with(|| error.to_string());
                Read::Damaged(error.to_string())
            }
        }
    }
}

/// The codecs that camweave decodes, by FFmpeg's.
pub(crate) fn codec_of(id: Id) -> Option<Codec> {
    match id {
        Id::H264 => Some(Codec::H264),
        Id::HEVC => Some(Codec::H265),
        Id::VP9 => Some(Codec::Vp9),
        Id::AV1 => Some(Codec::Av1),
        Id::MJPEG => Some(Codec::Mjpeg),
        Id::MPEG4 => Some(Codec::Mpeg4),
        _ => None,
    }
}

fn timeline(stream: &Stream<'_>, format: &str) -> Timeline {
    let frame = [stream.avg_frame_rate(), stream.rate()]
        .into_iter()
        .filter(|rate| rate.numerator() > 0 && rate.denominator() > 0)
        .map(frame_nanos)
        .find(|nanos| FRAME_NANOS.contains(nanos))
        .unwrap_or(DEFAULT_FRAME_NANOS);
    let clock = if STREAMS.contains(&format) {
        Clock::Stream
    } else {
        Clock::File
    };
    let timeline = Timeline::new(stream.time_base(), frame, clock);
    match stream.start_time() {
        ffmpeg::ffi::AV_NOPTS_VALUE => timeline,
        start => timeline.starting_at(start),
    }
}

/// How the stream's pictures are to be turned, by its display matrix.
fn orientation(stream: &Stream<'_>) -> Option<Orientation> {
    let Some(matrix) = stream
        .side_data()
        .find(|data| data.kind() == side_data::Type::DisplayMatrix)
    else {
        return Some(Orientation::UPRIGHT);
    };
    let mut numbers = [0; 9];
    for (number, bytes) in numbers.iter_mut().zip(matrix.data().as_chunks::<4>().0) {
        *number = i32::from_ne_bytes(*bytes);
    }
    Orientation::from_matrix(&numbers)
}
