use std::io;
use std::path::{Path, PathBuf};

use camweave_bitstream::BitstreamError;
use camweave_message::Codec;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;
use ffmpeg_next::codec::packet::side_data;
use ffmpeg_next::format::stream::Disposition;
use ffmpeg_next::{Packet, Rational};
use thiserror::Error;

use crate::convert::Converter;
use crate::extradata::extradata;

const NANOS: i128 = 1_000_000_000;
/// Damaged packets in a row after which the rest of the file is given up.
const MAX_ERRORS: u32 = 64;
/// Formats whose index leads back to the first unit, by FFmpeg's names.
const SEEKABLE: [&str; 2] = ["mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"];
/// Where a file says nothing of its frame rate.
const DEFAULT_FRAME_NANOS: i64 = 40_000_000;

/// Why a file cannot be played: one line that names it.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system does not open it.
    #[error("cannot open the file '{}': {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// FFmpeg does not know it as a media file.
    #[error("'{}' is not a media file that FFmpeg can read: {reason}", path.display())]
    NotMedia {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It has sound, or pictures of an album, and no video.
    #[error("'{}' has no video stream (format {format})", path.display())]
    NoVideo {
        /// The file.
        path: PathBuf,
        /// FFmpeg's name of the format.
        format: String,
    },
    /// The codec is none that camweave decodes.
    #[error("'{}' holds {codec} video, expected h264, h265 (hevc), vp9, av1, mjpeg or mpeg4", path.display())]
    Codec {
        /// The file.
        path: PathBuf,
        /// FFmpeg's name of the codec.
        codec: String,
    },
    /// The stream's header contradicts itself.
    #[error("'{}' has a damaged header: {source}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: BitstreamError,
    },
    /// There is no frame in it.
    #[error("'{}' holds no readable frame: {reason}", path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// One access unit of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadUnit {
    /// As in messages: Annex B with parameter sets before each keyframe, ...
    pub data: Vec<u8>,
    /// Whether decoding can begin here.
    pub keyframe: bool,
    /// Since the file's first unit.
    pub pts_nanos: i64,
    /// When the decoder needs it, since the file's first unit.
    pub dts_nanos: i64,
    /// How long its picture is shown.
    pub duration_nanos: i64,
}

/// What a read gives.
#[derive(Debug)]
pub enum Read {
    /// An access unit.
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
    stream: usize,
    /// The codec of its video.
    pub codec: Codec,
    converter: Converter,
    time_base: Rational,
    frame_nanos: i64,
    /// The first unit's presentation and decoding time in `time_base`.
    origin: Option<(i64, i64)>,
    /// The first unit that was read, to know it again.
    first: Option<First>,
    /// Read, and not given out yet.
    ahead: Option<Read>,
    /// Decoding time of the next unit, for files that give no times.
    next_dts_nanos: i64,
    damage: Option<String>,
}

impl Reader {
    /// Opens a file and chooses its video stream.
    ///
    /// # Errors
    /// Why it cannot be played.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let owned = || path.to_owned();
        let open = |source| FileError::Open {
            path: owned(),
            source,
        };
        if std::fs::metadata(path).map_err(open)?.is_dir() {
            return Err(open(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        std::fs::File::open(path).map_err(open)?;
        let input = ffmpeg::format::input(path).map_err(|error| FileError::NotMedia {
            path: owned(),
            reason: error.to_string(),
        })?;
        let format = input.format().name().to_owned();
        if format == "tty" {
            // FFmpeg renders any text as a picture.
            return Err(FileError::NotMedia {
                path: owned(),
                reason: "it is text".to_owned(),
            });
        }
        let best = input.streams().best(ffmpeg::media::Type::Video);
        let stream = best
            .filter(|stream| !stream.disposition().contains(Disposition::ATTACHED_PIC))
            .ok_or_else(|| FileError::NoVideo {
                path: owned(),
                format,
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
        let frame_nanos = [stream.avg_frame_rate(), stream.rate()]
            .into_iter()
            .find(|rate| rate.numerator() > 0 && rate.denominator() > 0)
            .map_or(DEFAULT_FRAME_NANOS, |rate| nanos(1, rate.invert()));
        let (index, time_base) = (stream.index(), stream.time_base());
        Ok(Self {
            input,
            stream: index,
            codec,
            converter,
            time_base,
            frame_nanos,
            origin: None,
            first: None,
            ahead: None,
            next_dts_nanos: 0,
            damage: None,
        })
    }

    /// Goes back to the first unit, which costs far less than to open the file again; whether that
    /// worked. Formats without an index are not tried.
    pub fn rewind(&mut self) -> bool {
        let name = self.input.format().name().to_owned();
        if !SEEKABLE.contains(&name.as_str()) {
            return false;
        }
        let parameters = self.input.stream(self.stream).map(|it| it.parameters());
        let converter = parameters.and_then(|it| Converter::new(self.codec, &extradata(&it)).ok());
        let (Some(converter), Some(first)) = (converter, self.first) else {
            return false;
        };
        if self.input.seek(0, ..).is_err() {
            return false;
        }
        self.converter = converter;
        self.next_dts_nanos = 0;
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

    fn demux(&mut self) -> Read {
        let mut errors = 0;
        let mut packet = Packet::empty();
        loop {
            match packet.read(&mut self.input) {
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
                return self.unit(&packet);
            }
        }
    }

    fn unit(&mut self, packet: &Packet) -> Read {
        let (pts_nanos, dts_nanos) = self.times(packet);
        let duration_nanos = match packet.duration() {
            ticks if ticks > 0 => nanos(ticks, self.time_base),
            _ => self.frame_nanos,
        };
        self.next_dts_nanos = dts_nanos + duration_nanos;
        if packet.is_corrupt() {
            self.damage
                .get_or_insert_with(|| "a frame is cut off".to_owned());
        }
        let header = packet
            .side_data()
            .find(|data| data.kind() == side_data::Type::NewExtraData);
        let header = header.map_or(Ok(()), |data| self.converter.update(data.data()));
        let data = packet.data().unwrap_or_default();
        match header.and_then(|()| self.converter.convert(data, packet.is_key())) {
            Ok((data, keyframe)) => Read::Unit(ReadUnit {
                data,
                keyframe,
                pts_nanos,
                dts_nanos,
                duration_nanos,
            }),
            Err(error) => {
                self.damage.get_or_insert_with(|| error.to_string());
                Read::Damaged(error.to_string())
            }
        }
    }

    /// Presentation and decoding time since the first unit. A raw elementary stream may
    /// have neither: then units follow each other at the stream's frame rate.
    fn times(&mut self, packet: &Packet) -> (i64, i64) {
        let (pts, dts) = match (packet.pts(), packet.dts()) {
            (Some(pts), Some(dts)) => (pts, dts),
            (Some(pts), None) => (pts, pts),
            (None, Some(dts)) => (dts, dts),
            (None, None) => return (self.next_dts_nanos, self.next_dts_nanos),
        };
        let (first_pts, first_dts) = *self.origin.get_or_insert((pts, dts));
        (
            nanos(pts.saturating_sub(first_pts), self.time_base),
            nanos(dts.saturating_sub(first_dts), self.time_base),
        )
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

/// `ticks` of `time_base` seconds, rounded to the nearest nanosecond.
pub(crate) fn nanos(ticks: i64, time_base: Rational) -> i64 {
    let denominator = i128::from(time_base.denominator().max(1));
    let product = i128::from(ticks) * i128::from(time_base.numerator()) * NANOS;
    i64::try_from((product + denominator / 2).div_euclid(denominator)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_rounded_to_the_nearest() {
        assert_eq!(nanos(1, Rational::new(1, 90_000)), 11_111);
        assert_eq!(nanos(-1, Rational::new(1, 90_000)), -11_111);
        assert_eq!(nanos(30, Rational::new(1001, 30_000)), 1_001_000_000);
    }
}
