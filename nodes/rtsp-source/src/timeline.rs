use camweave_message::CapturedClock;

const NANOS: i128 = 1_000_000_000;
/// Seconds from 1900, where NTP begins, to 1970 (RFC 5905, figure 4).
const UNIX_EPOCH_NTP_SECONDS: u32 = 2_208_988_800;
/// A camera whose clock is further off than this has none worth the name: many
/// send their uptime (RFC 3550, section 6.4.1, allows it), or begin in 1970.
const MAX_CLOCK_OFFSET_NANOS: i64 = 24 * 3600 * 1_000_000_000;

/// Places RTP timestamps in time.
#[derive(Debug)]
pub(crate) struct Timeline {
    clock_hz: i64,
    first: Option<i64>,
    /// Unix nanoseconds and the RTP timestamp of the same instant.
    report: Option<(i64, i64)>,
}

/// When a picture is shown and when it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub pts_nanos: i64,
    pub captured_unix_nanos: i64,
    pub captured_clock: CapturedClock,
}

impl Timeline {
    pub fn new(clock_hz: u32) -> Self {
        Self {
            clock_hz: i64::from(clock_hz.max(1)),
            first: None,
            report: None,
        }
    }

    /// Takes a sender report (RFC 3550, section 6.4.1). `ntp`: 32.32 fixed-point seconds
    /// since 1900; `rtp`: the unwrapped RTP timestamp of the same instant.
    pub fn sender_report(&mut self, ntp: u64, rtp: i64, arrival_unix_nanos: i64) {
        let unix_nanos = unix_nanos(ntp);
        let offset = unix_nanos
            .saturating_sub(arrival_unix_nanos)
            .saturating_abs();
        self.report = (ntp != 0 && offset <= MAX_CLOCK_OFFSET_NANOS).then_some((unix_nanos, rtp));
    }

    /// The times of the frame with the unwrapped RTP timestamp `rtp`. Times are relative
    /// to the first frame that was placed.
    pub fn place(&mut self, rtp: i64, arrival_unix_nanos: i64) -> Times {
        let first = *self.first.get_or_insert(rtp);
        let (captured_unix_nanos, captured_clock) = match self.report {
            Some((unix_nanos, at)) => (
                unix_nanos.saturating_add(self.nanos(rtp, at)),
                CapturedClock::SenderReport,
            ),
            None => (arrival_unix_nanos, CapturedClock::Arrival),
        };
        Times {
            pts_nanos: self.nanos(rtp, first),
            captured_unix_nanos,
            captured_clock,
        }
    }

    /// Nanoseconds from timestamp `from` to timestamp `to`, rounded to the nearest.
    fn nanos(&self, to: i64, from: i64) -> i64 {
        let ticks = (i128::from(to) - i128::from(from)) * NANOS;
        let hz = i128::from(self.clock_hz);
        i64::try_from((ticks + hz / 2).div_euclid(hz)).unwrap_or(i64::MAX)
    }
}

/// Valid from 1970 to 2106.
fn unix_nanos(ntp: u64) -> i64 {
    let seconds = ((ntp >> 32) as u32).wrapping_sub(UNIX_EPOCH_NTP_SECONDS);
    let fraction = ntp & 0xffff_ffff;
    let nanos = (fraction * 1_000_000_000 + (1 << 31)) >> 32;
    i64::from(seconds) * 1_000_000_000 + i64::try_from(nanos).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-02 03:04:05.25 UTC.
    const UNIX: i64 = 1_704_164_645_250_000_000;
    const NTP: u64 = (1_704_164_645 + 2_208_988_800) << 32 | 1 << 30;

    #[test]
    fn capture_times_follow_the_latest_report() {
        let mut timeline = Timeline::new(90_000);
        assert_eq!(
            timeline.place(1000, 77),
            Times {
                pts_nanos: 0,
                captured_unix_nanos: 77,
                captured_clock: CapturedClock::Arrival
            }
        );
        timeline.sender_report(NTP, 4000, UNIX + 5);
        let times = timeline.place(4000 + 9000, 0);
        assert_eq!(times.captured_clock, CapturedClock::SenderReport);
        assert_eq!(times.captured_unix_nanos, UNIX + 100_000_000);
        assert_eq!(times.pts_nanos, 133_333_333);
        // A frame before the report, and before the first frame (a leading picture).
        let times = timeline.place(-2000, 0);
        assert_eq!(times.captured_unix_nanos, UNIX - 66_666_667);
        assert_eq!(times.pts_nanos, -33_333_333);
    }

    #[test]
    fn a_tick_is_exact_over_days() {
        let mut timeline = Timeline::new(90_000);
        timeline.sender_report(NTP, 0, UNIX);
        let ticks = 90_000 * 86_400 * 30 + 1;
        assert_eq!(
            timeline.place(ticks, 0).captured_unix_nanos - UNIX,
            2_592_000_000_011_111
        );
    }

    #[test]
    fn a_clock_that_is_none_is_not_believed() {
        for ntp in [0, 1000 << 32, NTP + (172_800 << 32)] {
            let mut timeline = Timeline::new(90_000);
            timeline.sender_report(ntp, 0, UNIX);
            assert_eq!(
                timeline.place(0, UNIX).captured_clock,
                CapturedClock::Arrival,
                "{ntp:#x}"
            );
        }
    }

    #[test]
    fn the_ntp_era_of_2036() {
        // 2036-02-07 06:28:16 UTC is second 0 of era 1.
        assert_eq!(unix_nanos(0), 2_085_978_496_000_000_000);
        assert_eq!(unix_nanos(NTP), UNIX);
    }
}
