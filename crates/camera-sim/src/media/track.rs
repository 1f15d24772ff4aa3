//! The video track of a media file.

use ffmpeg_next::format::context::Input;
use ffmpeg_next::{Packet, Rational};

use crate::timeline::{FrameRate, RTP_CLOCK_HZ, Timing};

/// What is known of a video track before its packets are read.
pub(super) struct Track {
    pub(super) index: usize,
    pub(super) time_base: Rational,
    pub(super) rate: FrameRate,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) has_b_frames: bool,
}

/// Packets of one stream, up to the end of the file or to an unreadable place.
pub(super) fn packets(input: &mut Input, stream: usize) -> impl Iterator<Item = Packet> {
    input
        .packets()
        .filter_map(move |(of, packet)| (of.index() == stream).then_some(packet))
}

/// Times of frames in display order: the nominal rate where they keep to it, to within the larger
/// of a millisecond and the container's resolution, else as they are.
pub(super) fn timing(pts: &[i64], time_base: Rational, rate: FrameRate) -> Timing {
    let first = pts.first().copied().unwrap_or(0);
    let numerator = i128::from(time_base.numerator()) * i128::from(RTP_CLOCK_HZ);
    let denominator = i128::from(time_base.denominator().max(1));
    let ticks: Vec<u64> = pts
        .iter()
        .map(|&pts| (i128::from(pts) - i128::from(first)) * numerator)
        .map(|scaled| ((scaled + denominator / 2) / denominator).max(0) as u64)
        .collect();
    let constant = Timing::Constant(rate);
    let resolution = (numerator / denominator).max(90) as u64;
    let keeps_rate = ticks
        .iter()
        .enumerate()
        .all(|(n, &at)| at.abs_diff(constant.rtp_ticks(n as u64)) <= resolution);
    if keeps_rate {
        return constant;
    }
    let period_ticks = ticks.last().copied().unwrap_or(0) + constant.rtp_ticks(1);
    Timing::Variable {
        ticks,
        period_ticks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_of_matroska_are_a_constant_rate() {
        let rate = FrameRate::new(30_000, 1001).unwrap();
        let pts: Vec<i64> = (0..3000)
            .map(|n| (f64::from(n) * 1001.0 / 30.0).round() as i64)
            .collect();
        let found = timing(&pts, Rational::new(1, 1000), rate);
        assert_eq!(found, Timing::Constant(rate));
    }

    #[test]
    fn uneven_times_stay_as_they_are() {
        let rate = FrameRate::new(10, 1).unwrap();
        let found = timing(&[50, 150, 350], Rational::new(1, 1000), rate);
        let ticks = vec![0, 9000, 27_000];
        assert_eq!(
            found,
            Timing::Variable {
                ticks,
                period_ticks: 36_000
            }
        );
    }
}
