//! What is unusual about a camera, and what that means for the pipeline.

use std::fmt;

use camweave_message::Codec;

use crate::measure::{Clock, Stream};

/// Seconds between keyframes up to which nothing is said.
const KEYFRAMES_SECONDS: f64 = 4.0;
/// The camera's clock may be off so much, in seconds.
const CLOCK_SECONDS: f64 = 2.0;
/// Bytes of an access unit up to which nothing is said.
const LARGE_BYTES: usize = 1 << 20;
/// Bits per second up to which nothing is said.
const HIGH_BIT_RATE: f64 = 16e6;
/// Pixels up to which nothing is said: 2560x1440.
const MANY_PIXELS: u64 = 2560 * 1440;

/// Something unusual. It prints as a sentence with what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Remark {
    /// FFmpeg's client has it, for this reason.
    OtherClient(String),
    /// Another codec than H.264.
    Codec(Codec),
    /// B frames.
    Reordered,
    /// Long between keyframes; `None`: longer than it was looked at.
    Keyframes(Option<f64>),
    /// No keyframe came at all.
    NoKeyframe,
    /// Unevenly spaced frames.
    Uneven,
    /// No clock of its own.
    NoClock,
    /// Its clock is off by so many seconds.
    ClockOff(f64),
    /// Its timestamps jumped so often.
    Jumps(u64),
    /// So many bytes in one access unit.
    Large(usize),
    /// So many bits per second.
    BitRate(f64),
    /// So many pixels.
    Size(u32, u32),
    /// So many packets were lost.
    Lost(u64),
    /// So many frames could not be used.
    Unusable(u64),
}

impl fmt::Display for Remark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherClient(why) => {
                write!(out, "FFmpeg's client has it, not the RTSP client: {why}")
            }
            Self::Codec(codec @ Codec::H265) => write!(
                out,
                "{} needs about twice the time of H.264 to decode on a CPU, and not every browser shows it",
                codec.as_str()
            ),
            Self::Codec(codec @ (Codec::Mjpeg | Codec::Mpeg4)) => write!(
                out,
                "{} is decoded by sw-decode alone, not on a GPU: set the camera to H.264 if it can",
                codec.as_str()
            ),
            Self::Codec(codec) => write!(
                out,
                "{} is unusual for a camera, and not every GPU decodes it",
                codec.as_str()
            ),
            Self::Reordered => write!(
                out,
                "it sends B frames, which delay each frame: switch them off, or choose the baseline profile"
            ),
            Self::Keyframes(Some(seconds)) => write!(
                out,
                "{seconds:.1} s between keyframes: after a loss or a start nothing can be decoded for so long; set 1 to 2 s"
            ),
            Self::Keyframes(None) => write!(
                out,
                "a second keyframe did not come while it was watched: after a loss or a start nothing can be decoded until one comes; set 1 to 2 s, and switch 'smart' codecs off"
            ),
            Self::NoKeyframe => write!(
                out,
                "no keyframe came while it was watched: nothing can be decoded until one comes"
            ),
            Self::Uneven => write!(
                out,
                "its frames are unevenly spaced: a variable frame rate, or a camera under load"
            ),
            Self::NoClock => write!(
                out,
                "it sends no clock (RTCP sender reports): capture times are those of arrival"
            ),
            Self::ClockOff(seconds) => write!(
                out,
                "its clock is off by {seconds:.1} s: set its time server (NTP)"
            ),
            Self::Jumps(count) => write!(out, "its timestamps jumped {count} times"),
            Self::Large(bytes) => write!(
                out,
                "an access unit of {} KiB: the network carries it in a burst; lower its bit rate or resolution",
                bytes >> 10
            ),
            Self::BitRate(bits) => write!(
                out,
                "{:.0} Mbit/s: a second stream of the camera with a lower bit rate is enough for detection",
                bits / 1e6
            ),
            Self::Size(width, height) => write!(
                out,
                "{width}x{height} pixels cost much time to decode: a second stream of the camera with fewer is enough for most models"
            ),
            Self::Lost(count) => write!(
                out,
                "{count} packets did not arrive: check the network; 'transport: tcp' loses none"
            ),
            Self::Unusable(count) => write!(out, "{count} frames could not be used"),
        }
    }
}

/// What is unusual, the most important first.
pub(crate) fn remarks(
    codec: Codec,
    size: Option<(u32, u32)>,
    why_client: Option<&str>,
    stream: &Stream,
) -> Vec<Remark> {
    let interval = stream.keyframe_interval;
    let pixels = size.map_or(0, |(width, height)| u64::from(width) * u64::from(height));
    let has_groups = matches!(codec, Codec::H264 | Codec::H265);
    let all = [
        why_client.map(|why| Remark::OtherClient(why.to_owned())),
        (stream.lost_packets > 0).then_some(Remark::Lost(stream.lost_packets)),
        (stream.unusable > 0).then_some(Remark::Unusable(stream.unusable)),
        (stream.first_keyframe.is_none()).then_some(Remark::NoKeyframe),
        (has_groups && stream.first_keyframe.is_some() && interval.is_none())
            .then_some(Remark::Keyframes(None)),
        interval
            .filter(|it| it.seconds > KEYFRAMES_SECONDS)
            .map(|it| Remark::Keyframes(Some(it.seconds))),
        (codec != Codec::H264).then_some(Remark::Codec(codec)),
        stream.is_reordered.then_some(Remark::Reordered),
        stream.is_uneven.then_some(Remark::Uneven),
        match stream.clock {
            Clock::Arrival => Some(Remark::NoClock),
            Clock::SenderReport { offset_seconds } => {
                (offset_seconds.abs() > CLOCK_SECONDS).then_some(Remark::ClockOff(offset_seconds))
            }
        },
        (stream.timestamp_jumps > 0).then_some(Remark::Jumps(stream.timestamp_jumps)),
        (stream.largest_bytes > LARGE_BYTES).then_some(Remark::Large(stream.largest_bytes)),
        stream
            .bit_rate
            .filter(|bits| *bits > HIGH_BIT_RATE)
            .map(Remark::BitRate),
        size.filter(|_| pixels > MANY_PIXELS)
            .map(|(width, height)| Remark::Size(width, height)),
    ];
    all.into_iter().flatten().collect()
}
