use camweave_message::CapturedClock;

const NANOS: i128 = 1_000_000_000;
/// Seconds from 1900, where NTP begins, to 1970 (RFC 5905, figure 4).
const UNIX_EPOCH_NTP_SECONDS: u32 = 2_208_988_800;
/// A camera whose clock is further off than this has none worth the name: many
/// send their uptime (RFC 3550, section 6.4.1, allows it), or begin in 1970.
const MAX_CLOCK_OFFSET_NANOS: i64 = 24 * 3600 * 1_000_000_000;

/// A report whose clock and timestamp place a frame further than this from its arrival, beyond what
/// the report itself was from its own, belongs to other timestamps: some cameras always
/// report the timestamp 0, or that of another stream.
const MAX_REPORT_ERROR_NANOS: i64 = 10 * 1_000_000_000;

/// A step forward that is longer than the wall clock's by more than this is a jump.
const MAX_STEP_FORWARD_NANOS: i64 = 10 * 1_000_000_000;
/// A step back of more than this is a jump: with B frames, times step back by a few frames.
const MAX_STEP_BACK_NANOS: i64 = 2_000_000_000;
/// B frames step back by fewer frame intervals.
const MAX_STEP_BACK_INTERVALS: i64 = 17;

/// Places RTP timestamps in time.
#[derive(Debug)]
pub struct Timeline {
    clock_hz: i64,
    /// The timestamp at which `pts_nanos` is `origin_nanos`.
    origin: Option<i64>,
    origin_nanos: i64,
    last: Option<Last>,
    /// The shortest step of late, either way.
    interval_nanos: i64,
    report: Option<Report>,
}

/// The camera's clock.
#[derive(Debug, Clone, Copy)]
struct Report {
    unix_nanos: i64,
    /// The RTP timestamp of the same instant.
    rtp: i64,
    arrival_unix_nanos: i64,
}

/// The frame before.
#[derive(Debug, Clone, Copy)]
struct Last {
    rtp: i64,
    pts_nanos: i64,
    arrival_unix_nanos: i64,
}

/// When a picture is shown and when it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Since the first frame that was placed.
    pub pts_nanos: i64,
    /// By [`Times::captured_clock`].
    pub captured_unix_nanos: i64,
    /// What tells when it was captured.
    pub captured_clock: CapturedClock,
}

impl Timeline {
    /// For timestamps of so many ticks per second.
    #[must_use]
    pub fn new(clock_hz: u32) -> Self {
        Self {
            clock_hz: i64::from(clock_hz.max(1)),
            origin: None,
            origin_nanos: 0,
            last: None,
            interval_nanos: 0,
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
        self.report = (ntp != 0 && offset <= MAX_CLOCK_OFFSET_NANOS).then_some(Report {
            unix_nanos,
            rtp,
            arrival_unix_nanos,
        });
    }

    /// The times of the frame with the unwrapped RTP timestamp `rtp`, and whether it jumped:
    /// then its times go on from the frame before by the wall clock, and the sender report
    /// counts no longer if it is older than the jump. Times are relative to the first frame
    /// that was placed.
    pub fn place(&mut self, rtp: i64, arrival_unix_nanos: i64) -> (Times, bool) {
        let jumped = self.jumps(rtp, arrival_unix_nanos);
        if let Some(last) = self.last.filter(|_| jumped) {
            let since = arrival_unix_nanos.saturating_sub(last.arrival_unix_nanos);
            self.origin = Some(rtp);
            // At least a millisecond, so that no two frames share a time.
            self.origin_nanos = last.pts_nanos.saturating_add(since.max(1_000_000));
            let report = self.report;
            self.report = report.filter(|report| {
                self.nanos(rtp, report.rtp).saturating_abs() <= MAX_STEP_FORWARD_NANOS
            });
        }
        let origin = *self.origin.get_or_insert(rtp);
        let mut pts_nanos = self.origin_nanos.saturating_add(self.nanos(rtp, origin));
        if let Some(last) = self.last.filter(|last| !jumped && last.rtp == rtp) {
            // A timestamp that stands still tells no time: the arrival does.
            let since = arrival_unix_nanos.saturating_sub(last.arrival_unix_nanos);
            pts_nanos = last.pts_nanos.saturating_add(since.max(1_000_000));
        }
        self.last = Some(Last {
            rtp,
            pts_nanos,
            arrival_unix_nanos,
        });
        let (captured_unix_nanos, captured_clock) = match self.captured(rtp, arrival_unix_nanos) {
            Some(captured) => (captured, CapturedClock::SenderReport),
            None => (arrival_unix_nanos, CapturedClock::Arrival),
        };
        let times = Times {
            pts_nanos,
            captured_unix_nanos,
            captured_clock,
        };
        (times, jumped)
    }

    /// The time by the camera's clock, where it has one that goes with these timestamps.
    fn captured(&self, rtp: i64, arrival_unix_nanos: i64) -> Option<i64> {
        let report = self.report?;
        let captured = report
            .unix_nanos
            .saturating_add(self.nanos(rtp, report.rtp));
        let offset = captured.saturating_sub(arrival_unix_nanos);
        let report_offset = report.unix_nanos.saturating_sub(report.arrival_unix_nanos);
        let error = offset.saturating_sub(report_offset).saturating_abs();
        (error <= MAX_REPORT_ERROR_NANOS).then_some(captured)
    }

    fn jumps(&mut self, rtp: i64, arrival_unix_nanos: i64) -> bool {
        let Some(last) = self.last else {
            return false;
        };
        let step = self.nanos(rtp, last.rtp);
        let elapsed = arrival_unix_nanos.saturating_sub(last.arrival_unix_nanos);
        let forward = elapsed.max(0).saturating_add(MAX_STEP_FORWARD_NANOS);
        let back =
            MAX_STEP_BACK_NANOS.max(self.interval_nanos.saturating_mul(MAX_STEP_BACK_INTERVALS));
        if step > forward || step < -back {
            return true;
        }
        if step != 0 {
            let known = if self.interval_nanos == 0 {
                i64::MAX
            } else {
                self.interval_nanos + self.interval_nanos / 16
            };
            self.interval_nanos = step.abs().min(known);
        }
        false
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
        let place = |timeline: &mut Timeline, rtp| timeline.place(rtp, UNIX + 77).0;
        assert_eq!(
            place(&mut timeline, 1000),
            Times {
                pts_nanos: 0,
                captured_unix_nanos: UNIX + 77,
                captured_clock: CapturedClock::Arrival
            }
        );
        timeline.sender_report(NTP, 4000, UNIX + 5);
        let times = place(&mut timeline, 4000 + 9000);
        assert_eq!(times.captured_clock, CapturedClock::SenderReport);
        assert_eq!(times.captured_unix_nanos, UNIX + 100_000_000);
        assert_eq!(times.pts_nanos, 133_333_333);
        // A frame before the report, and before the first frame (a leading picture).
        let times = place(&mut timeline, -2000);
        assert_eq!(times.captured_unix_nanos, UNIX - 66_666_667);
        assert_eq!(times.pts_nanos, -33_333_333);
    }

    #[test]
    fn a_tick_is_exact_over_days() {
        let mut timeline = Timeline::new(90_000);
        timeline.sender_report(NTP, 0, UNIX);
        let ticks = 90_000 * 86_400 * 30 + 1;
        assert_eq!(
            timeline
                .place(ticks, UNIX + 2_592_000_000_000_000)
                .0
                .captured_unix_nanos
                - UNIX,
            2_592_000_000_011_111
        );
    }

    #[test]
    fn a_report_of_other_time_stamps_is_not_believed() {
        let mut timeline = Timeline::new(90_000);
        timeline.place(900_000_000, UNIX);
        for (report, clock) in [
            (0, CapturedClock::Arrival),
            (900_000_000, CapturedClock::SenderReport),
            (1_800_000_000, CapturedClock::Arrival),
        ] {
            timeline.sender_report(NTP, report, UNIX);
            let (times, _) = timeline.place(900_090_000, UNIX + 1_000_000_000);
            assert_eq!(times.captured_clock, clock, "{report}");
            assert_eq!(times.captured_unix_nanos, UNIX + 1_000_000_000);
        }
        // A clock that is an hour off is off for each frame alike.
        timeline.sender_report(NTP + (3600 << 32), 900_000_000, UNIX);
        let (times, _) = timeline.place(900_180_000, UNIX + 2_000_000_000);
        assert_eq!(times.captured_clock, CapturedClock::SenderReport);
    }

    #[test]
    fn a_clock_that_is_none_is_not_believed() {
        for ntp in [0, 1000 << 32, NTP + (172_800 << 32)] {
            let mut timeline = Timeline::new(90_000);
            timeline.sender_report(ntp, 0, UNIX);
            assert_eq!(
                timeline.place(0, UNIX).0.captured_clock,
                CapturedClock::Arrival,
                "{ntp:#x}"
            );
        }
    }

    /// Frames of 1/3 s; from the 15th on, timestamps are off by `jump` seconds.
    fn after_a_jump(jump: i64) -> (Vec<Times>, usize) {
        let mut timeline = Timeline::new(90_000);
        timeline.sender_report(NTP, 0, UNIX);
        let mut jumps = 0;
        let times = (0..40)
            .map(|frame| {
                let nanos = frame * 333_333_333;
                let off = if frame < 15 { 0 } else { jump * 90_000 };
                if frame == 30 {
                    let ntp = NTP + (10 << 32);
                    timeline.sender_report(ntp, 900_000 + off, UNIX + 10_000_000_000);
                }
                let (times, jumped) = timeline.place(frame * 30_000 + off, UNIX + nanos);
                jumps += usize::from(jumped);
                times
            })
            .collect();
        (times, jumps)
    }

    #[test]
    fn a_jump_is_told_and_bends_no_time() {
        for jump in [0, -30, 3600, -7 * 3600] {
            let (times, jumps) = after_a_jump(jump);
            assert_eq!(jumps, usize::from(jump != 0), "{jump}");
            for (frame, times) in times.iter().enumerate() {
                let nanos = frame as i64 * 333_333_333;
                assert!(
                    (times.pts_nanos - nanos).abs() < 1000,
                    "{jump} {frame} {times:?}"
                );
                let captured = times.captured_unix_nanos - UNIX;
                assert!((captured - nanos).abs() < 1000, "{jump} {frame} {times:?}");
                let arrival = jump != 0 && (15..30).contains(&frame);
                assert_eq!(times.captured_clock == CapturedClock::Arrival, arrival);
            }
        }
    }

    #[test]
    fn a_report_of_the_new_clock_may_come_before_its_frames() {
        let mut timeline = Timeline::new(90_000);
        timeline.place(0, UNIX);
        timeline.sender_report(NTP + (1 << 32), 9_000_000, UNIX + 1_000_000_000);
        let (times, jumped) = timeline.place(9_000_000, UNIX + 1_000_000_000);
        assert!(jumped);
        assert_eq!(times.captured_clock, CapturedClock::SenderReport);
        assert_eq!(times.pts_nanos, 1_000_000_000);
    }

    #[test]
    fn pauses_and_b_frames_are_no_jumps() {
        let mut timeline = Timeline::new(90_000);
        let mut jumped = |rtp, arrival: i64| timeline.place(rtp, UNIX + arrival * 1_000_000_000).1;
        for rtp in [0, 120_000, 30_000, 60_000, 240_000, 150_000] {
            assert!(!jumped(rtp, 0), "{rtp}");
        }
        // A stalled network, a burst behind it, and a frame in a minute.
        assert!(!jumped(180_000, 30));
        assert!(!jumped(210_000, 30));
        assert!(!jumped(210_000 + 60 * 90_000, 90));
    }

    #[test]
    fn time_stamps_that_stand_still_go_on_by_the_arrival() {
        let mut timeline = Timeline::new(90_000);
        for frame in 0..100 {
            let (times, jumped) = timeline.place(5000, UNIX + frame * 40_000_000);
            assert_eq!((times.pts_nanos, jumped), (frame * 40_000_000, false));
        }
        // Two frames that share a time do not shift the rest.
        let mut timeline = Timeline::new(90_000);
        for frame in 0..100_i64 {
            let rtp = if frame == 50 { 49 } else { frame } * 3600;
            let (times, _) = timeline.place(rtp, UNIX + frame * 40_000_000);
            assert_eq!(times.pts_nanos, frame * 40_000_000);
        }
    }

    #[test]
    fn every_frame_jumps() {
        let mut timeline = Timeline::new(90_000);
        let mut last = -1;
        for frame in 0..1000_i64 {
            let rtp = frame * -0x7fff_ffff;
            let (times, jumped) = timeline.place(rtp, UNIX + frame * 20_000_000);
            assert_eq!(jumped, frame > 0);
            assert!(times.pts_nanos > last && times.pts_nanos < 21_000_000_000);
            last = times.pts_nanos;
        }
    }

    #[test]
    fn the_ntp_era_of_2036() {
        // 2036-02-07 06:28:16 UTC is second 0 of era 1.
        assert_eq!(unix_nanos(0), 2_085_978_496_000_000_000);
        assert_eq!(unix_nanos(NTP), UNIX);
    }
}
