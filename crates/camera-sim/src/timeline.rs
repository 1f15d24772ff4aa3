//! When each frame of a camera is captured, in exact arithmetic.

use crate::SimError;

/// Ticks a second of the RTP clock for video (RFC 6184, 8.1; RFC 7798, 7.1).
pub const RTP_CLOCK_HZ: u64 = 90_000;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Frames per second as an exact fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    numerator: u32,
    denominator: u32,
}

impl FrameRate {
    /// A rate of `numerator / denominator` frames per second, from 0.1 to 240.
    pub fn new(numerator: u32, denominator: u32) -> Result<Self, SimError> {
        let rate = Self {
            numerator,
            denominator,
        };
        if denominator == 0 || !(0.1..=240.0).contains(&rate.as_f64()) {
            return Err(SimError::BadFrameRate {
                value: format!("{numerator}/{denominator}"),
            });
        }
        Ok(rate)
    }

    /// Parses `25`, `29.97` or `30000/1001`.
    ///
    /// The usual television rates are meant exactly: 23.976, 29.97 and 59.94 become n/1001.
    pub fn parse(text: &str) -> Result<Self, SimError> {
        let bad = || SimError::BadFrameRate {
            value: text.to_owned(),
        };
        if let Some((numerator, denominator)) = text.split_once('/') {
            let numerator = numerator.trim().parse().map_err(|_| bad())?;
            let denominator = denominator.trim().parse().map_err(|_| bad())?;
            return Self::new(numerator, denominator).map_err(|_| bad());
        }
        let value: f64 = text.trim().parse().map_err(|_| bad())?;
        if !(0.1..=240.0).contains(&value) {
            return Err(bad());
        }
        let television = (value * 1.001).round();
        if value.fract() != 0.0 && (television / 1.001 - value).abs() < 0.005 {
            return Self::new(television as u32 * 1000, 1001).map_err(|_| bad());
        }
        Self::new((value * 1000.0).round() as u32, 1000).map_err(|_| bad())
    }

    /// Frames per second, rounded to the nearest double.
    pub fn as_f64(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }

    /// Numerator and denominator of frames per second.
    pub fn fraction(self) -> (u32, u32) {
        (self.numerator, self.denominator)
    }

    /// Frames in a time, rounded to the nearest.
    pub fn frames_in(self, seconds: f64) -> u64 {
        (seconds * self.as_f64()).round().max(0.0) as u64
    }

    /// Capture time of frame `n` after frame 0, in `units` a second, rounded to the nearest.
    fn offset(self, n: u64, units: u128) -> u64 {
        let numerator = u128::from(self.numerator);
        let scaled = u128::from(n) * u128::from(self.denominator) * units;
        ((scaled + numerator / 2) / numerator) as u64
    }
}

/// Capture times of a clip's frames, in display order, for any number of repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timing {
    /// Frame n is captured n/rate after frame 0.
    Constant(FrameRate),
    /// As the media file says.
    Variable {
        /// Capture time of each frame of the clip after frame 0, in RTP ticks, ascending from 0.
        ticks: Vec<u64>,
        /// RTP ticks from frame 0 to frame 0 of the next repetition.
        period_ticks: u64,
    },
}

impl Timing {
    /// Nanoseconds from the capture of frame 0 to that of frame `n`.
    pub fn capture_nanos(&self, n: u64) -> u64 {
        match self {
            Self::Constant(rate) => rate.offset(n, NANOS_PER_SECOND),
            Self::Variable { .. } => {
                (u128::from(self.rtp_ticks(n)) * NANOS_PER_SECOND / u128::from(RTP_CLOCK_HZ)) as u64
            }
        }
    }

    /// Ticks of the RTP clock from the capture of frame 0 to that of frame `n`.
    pub fn rtp_ticks(&self, n: u64) -> u64 {
        match self {
            Self::Constant(rate) => rate.offset(n, u128::from(RTP_CLOCK_HZ)),
            Self::Variable {
                ticks,
                period_ticks,
            } => {
                let length = ticks.len().max(1) as u64;
                let within = ticks.get((n % length) as usize).copied().unwrap_or(0);
                (n / length) * period_ticks + within
            }
        }
    }
}

/// RTP ticks that have passed after `nanos`, and the nanoseconds at which the last one did.
///
/// A sender report about that instant says both clocks without rounding either.
pub fn whole_ticks(nanos: u64) -> (u64, u64) {
    let ticks = u128::from(nanos) * u128::from(RTP_CLOCK_HZ) / NANOS_PER_SECOND;
    let at = (ticks * NANOS_PER_SECOND).div_ceil(u128::from(RTP_CLOCK_HZ));
    (ticks as u64, at as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parses_the_usual_rates() {
        let fraction = |text| FrameRate::parse(text).map(FrameRate::fraction).ok();
        assert_eq!(fraction("25"), Some((25_000, 1000)));
        assert_eq!(fraction("29.97"), Some((30_000, 1001)));
        assert_eq!(fraction("23.976"), Some((24_000, 1001)));
        assert_eq!(fraction("12.5"), Some((12_500, 1000)));
        assert_eq!(fraction("30000/1001"), Some((30_000, 1001)));
        for bad in ["", "0", "-1", "nan", "1e9", "1/0", "0/1", "x/1", "inf"] {
            let error = FrameRate::parse(bad).expect_err(bad).to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }

    #[test]
    fn hours_do_not_drift() {
        let rate = FrameRate::new(30_000, 1001).unwrap();
        let timing = Timing::Constant(rate);
        assert_eq!(timing.capture_nanos(30_000), 1_001_000_000_000);
        assert_eq!(timing.rtp_ticks(30_000), 1001 * 90_000);
        assert_eq!(rate.frames_in(1001.0), 30_000);
    }

    #[test]
    fn repetitions_go_on_in_time() {
        let timing = Timing::Variable {
            ticks: vec![0, 100, 900],
            period_ticks: 1000,
        };
        let ticks: Vec<_> = (0..7).map(|n| timing.rtp_ticks(n)).collect();
        assert_eq!(ticks, [0, 100, 900, 1000, 1100, 1900, 2000]);
        assert_eq!(timing.capture_nanos(6), 2000 * 1_000_000_000 / 90_000);
    }

    proptest! {
        #[test]
        fn whole_ticks_are_never_ahead(nanos in 0..u64::MAX / 2) {
            let (ticks, at) = whole_ticks(nanos);
            prop_assert!(at <= nanos && nanos - at <= 11_112);
            prop_assert_eq!(whole_ticks(at).0, ticks);
        }
    }
}
