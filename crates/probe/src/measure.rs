//! Figures of a stream, from its access units in the order in which they came.

use camweave_message::CapturedClock;

const NANOS: f64 = 1e9;
/// Of the middle interval: frames that are further apart or closer together than this are not evenly
/// spaced.
const UNEVEN: f64 = 0.25;
/// Intervals that must be known before they are judged.
const ENOUGH: usize = 10;

/// One access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub pts_nanos: i64,
    pub bytes: usize,
    pub keyframe: bool,
    pub lost_packets: u32,
    pub arrival_unix_nanos: i64,
    pub captured_unix_nanos: i64,
    pub captured_clock: CapturedClock,
}

/// What capture times are taken from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clock {
    /// The camera's own, by its RTCP sender reports.
    SenderReport {
        /// The arrival of a frame after its capture by that clock, in seconds, where it is shortest:
        /// the way here, and what the camera's clock is off.
        offset_seconds: f64,
    },
    /// None of its own: the arrival of each frame.
    Arrival,
}

/// How far keyframes are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeyframeInterval {
    /// In frames: the longest seen.
    pub frames: usize,
    /// In seconds.
    pub seconds: f64,
}

/// What a camera sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Frames that came.
    pub frames: usize,
    /// Seconds of presentation time from the first to the last.
    pub seconds: f64,
    /// Frames per second of presentation time; `None`: fewer than two came.
    pub frame_rate: Option<f64>,
    /// Whether the frames are unevenly spaced.
    pub is_uneven: bool,
    /// `None`: fewer than two keyframes came.
    pub keyframe_interval: Option<KeyframeInterval>,
    /// Frames until the first keyframe came, after which a decoder can begin; `None`: none came.
    pub first_keyframe: Option<usize>,
    /// Bits per second of presentation time.
    pub bit_rate: Option<f64>,
    /// The largest access unit, in bytes.
    pub largest_bytes: usize,
    /// Whether frames come in another order than they are shown in: B frames.
    pub is_reordered: bool,
    /// What capture times are taken from.
    pub clock: Clock,
    /// Packets that did not arrive.
    pub lost_packets: u64,
    /// Frames that came and could not be used.
    pub unusable: u64,
    /// How often the timestamps jumped.
    pub timestamp_jumps: u64,
}

/// Figures of what came.
pub(crate) fn measure(seen: &[Seen], unusable: u64, timestamp_jumps: u64) -> Stream {
    let mut shown: Vec<i64> = seen.iter().map(|it| it.pts_nanos).collect();
    let is_reordered = !shown.is_sorted();
    shown.sort_unstable();
    let span = match (shown.first(), shown.last()) {
        (Some(first), Some(last)) => last.saturating_sub(*first) as f64 / NANOS,
        _ => 0.0,
    };
    let mut intervals: Vec<i64> = shown.windows(2).map(|pair| pair[1] - pair[0]).collect();
    intervals.sort_unstable();
    let rate = |count: f64| (span > 0.0).then(|| count / span);
    // The last frame's own time is not known: what it weighs is left out with it.
    let bytes: usize = seen.iter().map(|it| it.bytes).sum();
    let last = seen.last().map_or(0, |it| it.bytes);
    let keyframes: Vec<usize> = (0..seen.len()).filter(|&at| seen[at].keyframe).collect();
    let between = keyframes.windows(2).map(|pair| KeyframeInterval {
        frames: pair[1] - pair[0],
        seconds: (seen[pair[1]].pts_nanos - seen[pair[0]].pts_nanos) as f64 / NANOS,
    });
    Stream {
        frames: seen.len(),
        seconds: span,
        frame_rate: rate(intervals.len() as f64),
        is_uneven: is_uneven(&intervals),
        keyframe_interval: between.max_by_key(|it| it.frames),
        first_keyframe: keyframes.first().copied(),
        bit_rate: rate((bytes - last) as f64 * 8.0),
        largest_bytes: seen.iter().map(|it| it.bytes).max().unwrap_or(0),
        is_reordered,
        clock: clock(seen),
        lost_packets: seen.iter().map(|it| u64::from(it.lost_packets)).sum(),
        unusable,
        timestamp_jumps,
    }
}

/// Whether more than one in ten intervals differs much from the middle one.
fn is_uneven(sorted: &[i64]) -> bool {
    if sorted.len() < ENOUGH {
        return false;
    }
    let middle = sorted[sorted.len() / 2] as f64;
    let differs = |nanos: &&i64| (**nanos as f64 - middle).abs() > middle * UNEVEN;
    sorted.iter().filter(differs).count() * 10 > sorted.len()
}

fn clock(seen: &[Seen]) -> Clock {
    let reported = seen
        .iter()
        .filter(|it| it.captured_clock == CapturedClock::SenderReport);
    let offsets = reported.map(|it| it.arrival_unix_nanos - it.captured_unix_nanos);
    match offsets.min_by_key(|nanos| nanos.unsigned_abs()) {
        Some(nanos) => Clock::SenderReport {
            offset_seconds: nanos as f64 / NANOS,
        },
        None => Clock::Arrival,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(millis: &[i64], keyframes: &[usize]) -> Vec<Seen> {
        let all = millis.iter().enumerate();
        all.map(|(at, millis)| Seen {
            pts_nanos: millis * 1_000_000,
            bytes: 1000,
            keyframe: keyframes.contains(&at),
            lost_packets: 0,
            arrival_unix_nanos: 0,
            captured_unix_nanos: 0,
            captured_clock: CapturedClock::Arrival,
        })
        .collect()
    }

    #[test]
    fn rates_and_intervals() {
        let millis: Vec<i64> = (0..51).map(|frame| frame * 40).collect();
        let stream = measure(&seen(&millis, &[5, 15, 40]), 0, 0);
        assert_eq!(stream.frame_rate, Some(25.0));
        assert_eq!(stream.bit_rate, Some(200_000.0));
        let interval = KeyframeInterval {
            frames: 25,
            seconds: 1.0,
        };
        assert_eq!(stream.keyframe_interval, Some(interval));
        assert_eq!(stream.first_keyframe, Some(5));
        assert!(!stream.is_uneven && !stream.is_reordered);
        assert_eq!(stream.clock, Clock::Arrival);
    }

    #[test]
    fn b_frames_uneven_frames_and_too_few() {
        let order = [0, 120, 40, 80, 240, 160, 200, 360, 280, 320, 400, 440, 480];
        let stream = measure(&seen(&order, &[0]), 0, 0);
        assert!(stream.is_reordered && !stream.is_uneven);
        assert_eq!(stream.frame_rate, Some(25.0));
        assert_eq!(stream.keyframe_interval, None);
        let uneven: Vec<i64> = (0..30).map(|frame| frame * 40 + (frame % 3) * 25).collect();
        assert!(measure(&seen(&uneven, &[0]), 0, 0).is_uneven);
        for few in [&[][..], &[7][..]] {
            let stream = measure(&seen(few, &[]), 0, 0);
            assert_eq!((stream.frame_rate, stream.bit_rate), (None, None));
            assert_eq!(stream.first_keyframe, None);
        }
    }

    #[test]
    fn the_offset_of_the_cameras_clock() {
        let mut frames = seen(&[0, 40, 80], &[0]);
        for (frame, late) in frames.iter_mut().zip([300, 120, 500]) {
            frame.captured_clock = CapturedClock::SenderReport;
            frame.arrival_unix_nanos = frame.captured_unix_nanos + late * 1_000_000;
        }
        frames[0].captured_clock = CapturedClock::Arrival;
        let offset_seconds = 0.12;
        let clock = measure(&frames, 0, 0).clock;
        assert_eq!(clock, Clock::SenderReport { offset_seconds });
    }
}
