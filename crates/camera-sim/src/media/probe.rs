//! Opens a media file and chooses how it becomes a clip.

use std::path::Path;

use ffmpeg_next::codec::Id;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::{Rational, media};

use crate::SimError;
use crate::clip::{Clip, ClipFormat, RawUnit};
use crate::encode::{self, Encoding};
use crate::media::configuration::Configuration;
use crate::media::track::{Track, packets, timing};
use crate::media::{extradata, transcode};
use crate::nal::Codec;
use crate::timeline::{FrameRate, Timing};

/// A file is read up to this many encoded bytes: the clip stays in memory.
const MAX_CLIP_BYTES: usize = 512 << 20;

/// Loads the best video track of a media file.
///
/// H.264 and H.265 pass through untouched. Everything else, and streams without presentation times
/// whose pictures are not in display order, is encoded with `encoding` as H.264.
pub fn load(path: &Path, encoding: &Encoding) -> Result<Clip, SimError> {
    let mut input = open(path)?;
    let unusable = |reason: String| SimError::MediaUnusable {
        path: path.to_owned(),
        reason,
    };
    let stream = input
        .streams()
        .best(media::Type::Video)
        .ok_or_else(|| SimError::NoVideo {
            path: path.to_owned(),
        })?;
    let parameters = stream.parameters();
    let codec = match parameters.id() {
        Id::H264 => Some(Codec::H264),
        Id::HEVC => Some(Codec::H265),
        _ => None,
    };
    let rate = frame_rate(stream.avg_frame_rate())
        .or_else(|| frame_rate(stream.rate()))
        .ok_or_else(|| unusable(format!("frame rate {:?} is unknown", stream.rate())))?;
    let extradata = extradata::copy_extradata(&parameters);
    let (index, time_base) = (stream.index(), stream.time_base());
    let name = format!("{:?}", parameters.id());
    let decoder = ffmpeg_next::codec::Context::from_parameters(parameters)
        .and_then(|context| context.decoder().video())
        .map_err(|error| unusable(format!("no decoder for its video codec {name}: {error}")))?;
    let track = Track {
        index,
        time_base,
        rate,
        width: decoder.width(),
        height: decoder.height(),
        has_b_frames: decoder.has_b_frames(),
    };
    if let Some(codec) = codec {
        let configuration = Configuration::parse(codec, &extradata).map_err(unusable)?;
        let passed = pass_through(&mut input, &track, codec, &configuration).map_err(unusable)?;
        if let Some(clip) = passed {
            return Ok(clip);
        }
        tracing::info!(?path, "no presentation times in decode order: re-encoding");
        input = open(path)?;
    }
    transcode::transcode(&mut input, &track, decoder, encoding, path)
}

fn open(path: &Path) -> Result<Input, SimError> {
    encode::prepare_ffmpeg();
    let unreadable = |source| SimError::MediaUnreadable {
        path: path.to_owned(),
        source,
    };
    // Before it is opened: a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    if !metadata.is_file() {
        return Err(unreadable(std::io::Error::other(
            "it is a pipe, device or socket, expected a regular file",
        )));
    }
    std::fs::File::open(path).map_err(unreadable)?;
    if path.to_str().is_none_or(|text| text.contains('\0')) {
        return Err(unreadable(std::io::Error::other(
            "FFmpeg needs a name in UTF-8",
        )));
    }
    ffmpeg_next::format::input(path).map_err(|source| SimError::NotMedia {
        path: path.to_owned(),
        source,
    })
}

fn frame_rate(rate: Rational) -> Option<FrameRate> {
    let numerator = u32::try_from(rate.numerator()).ok()?;
    let denominator = u32::try_from(rate.denominator()).ok()?;
    FrameRate::new(numerator, denominator).ok()
}

/// `None` where the packets lack presentation times and are not in display order.
fn pass_through(
    input: &mut Input,
    track: &Track,
    codec: Codec,
    configuration: &Configuration,
) -> Result<Option<Clip>, String> {
    let mut raw = Vec::new();
    let mut bytes = 0;
    let mut timeless = false;
    for packet in packets(input, track.index) {
        if raw.is_empty() && !packet.is_key() {
            continue;
        }
        let data = packet.data().unwrap_or_default();
        bytes += data.len();
        if bytes > MAX_CLIP_BYTES {
            raw.truncate(last_keyframe(&raw));
            let frames = raw.len();
            tracing::warn!(
                frames,
                "the file is large: only its first frames are played"
            );
            break;
        }
        timeless |= packet.pts().is_none();
        raw.push(RawUnit {
            nals: configuration.split(data)?,
            keyframe: packet.is_key(),
            pts: packet.pts().unwrap_or(0),
        });
    }
    if timeless {
        if track.has_b_frames {
            return Ok(None);
        }
        for (n, unit) in raw.iter_mut().enumerate() {
            unit.pts = n as i64;
        }
    }
    let timing = if timeless {
        Timing::Constant(track.rate)
    } else {
        let mut pts: Vec<i64> = raw.iter().map(|unit| unit.pts).collect();
        pts.sort_unstable();
        timing(&pts, track.time_base, track.rate)
    };
    let format = ClipFormat {
        codec,
        width: track.width,
        height: track.height,
        fps: track.rate.as_f64(),
    };
    Clip::new(format, raw, &configuration.parameter_sets, timing).map(Some)
}

fn last_keyframe(raw: &[RawUnit]) -> usize {
    raw.iter()
        .rposition(|unit| unit.keyframe)
        .unwrap_or(0)
        .max(1)
}
