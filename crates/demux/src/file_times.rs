//! One time line for a file whose time stamps may jump, be missing, or be anything.

use ffmpeg_next::Rational;

/// Longest step between two access units that a container of recordings is believed: such files
/// have pauses, where nothing moved. Beyond it a time stamp is damaged.
const MAX_PAUSE_NANOS: i128 = 300 * NANOS;
/// The same for transport streams and others whose clocks may be reset at any time; the
/// `ffmpeg` command's `-dts_delta_threshold`.
const MAX_PAUSE_OF_STREAM_NANOS: i128 = 10 * NANOS;
/// Decoding times that go back by less are disorder, not a new time line, in nanoseconds.
const MIN_STEP_BACK_NANOS: i128 = NANOS;
/// A picture waits for at most so many others before it is presented.
const MAX_REORDER_FRAMES: i128 = 17;
/// Presentation is never further from decoding than this, in nanoseconds, or the time is damaged.
const MAX_DELAY_NANOS: i128 = 10 * NANOS;

const NANOS: i128 = 1_000_000_000;

/// How the container keeps time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// One time line from begin to end.
    File,
    /// A clock that may be reset at any time.
    Stream,
}

/// The times of one access unit, in nanoseconds since the file's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub pts_nanos: i64,
    pub dts_nanos: i64,
    /// The file's times jumped here: the access unit follows the one before it instead.
    pub jumped: bool,
}

/// What a packet says, in ticks of the time base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamps {
    pub pts: Option<i64>,
    pub dts: Option<i64>,
    /// 0 or less: not said.
    pub duration: i64,
    /// No access unit after it is presented before it.
    pub keyframe: bool,
    /// It is decoded and not shown: an edit list cuts it off.
    pub hidden: bool,
}

/// Places access units one after the other. All arithmetic is in 128 bits: no time stamp is too
/// large for it.
#[derive(Debug)]
pub(crate) struct Timeline {
    time_base: Rational,
    frame_nanos: i128,
    max_pause_nanos: i128,
    /// The container's presentation time of the first access unit that is shown, where it says so.
    start: Option<i128>,
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    /// From the container's presentation and decoding times to ours.
    pts_shift: i128,
    dts_shift: i128,
    /// The container's decoding time, or what stands for it.
    dts: i128,
    /// Presentation after decoding, as it was last believed.
    delay: i128,
    /// The latest places so far.
    max_placed_dts: i128,
    max_placed_pts: i128,
    step: i128,
    keyframe: bool,
}

impl Timeline {
    /// `frame_nanos`: the usual time between two access units.
    pub fn new(time_base: Rational, frame_nanos: i64, clock: Clock) -> Self {
        Self {
            time_base,
            frame_nanos: i128::from(frame_nanos.max(1)),
            max_pause_nanos: match clock {
                Clock::File => MAX_PAUSE_NANOS,
                Clock::Stream => MAX_PAUSE_OF_STREAM_NANOS,
            },
            start: None,
            last: None,
        }
    }

    /// What is hidden before this presentation time, in ticks, is decoded before the time line
    /// begins.
    pub fn starting_at(mut self, ticks: i64) -> Self {
        self.start = Some(wide_nanos(ticks, self.time_base));
        self
    }

    /// How long an access unit is shown, in nanoseconds.
    pub fn duration_nanos(&self, ticks: i64) -> i64 {
        narrow(self.step(ticks))
    }

    fn step(&self, ticks: i64) -> i128 {
        let said = wide_nanos(ticks, self.time_base);
        if said > 0 && said <= self.max_pause_nanos {
            said
        } else {
            self.frame_nanos
        }
    }

    /// The next access unit's place.
    pub fn place(&mut self, stamps: Stamps) -> Times {
        let step = self.step(stamps.duration);
        let in_nanos = |ticks: Option<i64>| ticks.map(|it| wide_nanos(it, self.time_base));
        let (pts, dts) = (in_nanos(stamps.pts), in_nanos(stamps.dts));
        let Some(last) = self.last else {
            let (pts, dts) = match (pts, dts) {
                (Some(pts), Some(dts)) => (pts, dts),
                (Some(one), None) | (None, Some(one)) => (one, one),
                (None, None) => (0, 0),
            };
            let delay = if (pts - dts).abs() <= self.max_delay() {
                pts - dts
            } else {
                0
            };
            // Time 0 is the first access unit that is shown.
            let cut = self.start.filter(|_| stamps.hidden);
            let cut = cut.map_or(0, |start| start - (dts + delay));
            let cut = if (0..=self.max_pause_nanos).contains(&cut) {
                cut
            } else {
                0
            };
            self.last = Some(Last {
                pts_shift: dts + delay + cut,
                dts_shift: dts + cut,
                dts,
                delay,
                max_placed_dts: -cut,
                max_placed_pts: -cut,
                step,
                keyframe: stamps.keyframe,
            });
            return Times {
                pts_nanos: 0,
                dts_nanos: narrow(-cut),
                jumped: delay != pts - dts,
            };
        };
        let (pts, dts, damaged) = self.believed(pts, dts, &last);
        let mut next = Last {
            dts,
            step,
            keyframe: stamps.keyframe,
            ..last
        };
        let went = dts - last.dts_shift - last.max_placed_dts;
        let goes_back = went < -(self.frame_nanos * MAX_REORDER_FRAMES).max(MIN_STEP_BACK_NANOS);
        // What comes after a keyframe is presented after all that came before it.
        let early = last.max_placed_pts - (pts - last.pts_shift);
        // Where each access unit is a keyframe nothing is reordered, and a little too early is
        // disorder: the next is right again.
        let is_disorder = last.keyframe
            && last.delay == 0
            && pts == dts
            && (1..MIN_STEP_BACK_NANOS).contains(&early);
        let overtakes = stamps.keyframe && early > 0 && !is_disorder;
        let jumped = goes_back || overtakes || went > self.max_pause_nanos;
        if jumped {
            next.dts_shift = dts - (last.max_placed_dts + last.step);
            next.pts_shift = last.pts_shift + (next.dts_shift - last.dts_shift);
            let too_early = last.max_placed_pts + last.step - (pts - next.pts_shift);
            if too_early > 0 {
                next.pts_shift -= too_early;
                next.dts_shift -= too_early;
            }
        }
        let (mut placed_dts, mut placed_pts) = (dts - next.dts_shift, pts - next.pts_shift);
        if stamps.keyframe && is_disorder && !jumped {
            placed_dts = placed_dts.max(last.max_placed_dts);
            placed_pts = placed_pts.max(last.max_placed_pts);
        }
        next.max_placed_dts = last.max_placed_dts.max(placed_dts);
        next.max_placed_pts = last.max_placed_pts.max(placed_pts);
        if !damaged {
            next.delay = pts - dts;
        }
        self.last = Some(next);
        Times {
            // What is hidden before time 0 has no time of its own.
            pts_nanos: narrow(if stamps.hidden {
                placed_pts.max(0)
            } else {
                placed_pts
            }),
            dts_nanos: narrow(placed_dts),
            jumped: jumped || damaged,
        }
    }

    /// Presentation and decoding time of a packet that may lack either, and whether they
    /// contradict each other.
    fn believed(&self, pts: Option<i128>, dts: Option<i128>, last: &Last) -> (i128, i128, bool) {
        match (pts, dts) {
            (Some(pts), Some(dts)) if (pts - dts).abs() <= self.max_delay() => (pts, dts, false),
            (Some(pts), Some(dts)) => {
                // The one that follows the packet before is right.
                let by_pts = pts - last.delay;
                let off = |at: i128| (at - last.dts - last.step).abs();
                if off(by_pts) < off(dts) {
                    (pts, by_pts, true)
                } else {
                    (dts + last.delay, dts, true)
                }
            }
            (Some(one), None) | (None, Some(one)) => (one, one, false),
            // A raw elementary stream: one after the other.
            (None, None) => {
                let next = last.dts + last.step;
                (next + last.delay, next, false)
            }
        }
    }

    fn max_delay(&self) -> i128 {
        (self.frame_nanos * MAX_REORDER_FRAMES).max(MAX_DELAY_NANOS)
    }
}

/// `ticks` of `time_base` seconds, rounded to the nearest nanosecond; below 2^125.
fn wide_nanos(ticks: i64, time_base: Rational) -> i128 {
    let denominator = i128::from(time_base.denominator().max(1));
    let product = i128::from(ticks) * i128::from(time_base.numerator()) * NANOS;
    (product + denominator / 2).div_euclid(denominator)
}

/// `ticks` of `time_base` seconds in nanoseconds, as near as 64 bits come.
pub(crate) fn nanos(ticks: i64, time_base: Rational) -> i64 {
    narrow(wide_nanos(ticks, time_base))
}

/// One frame of a stream of `rate`, in nanoseconds.
pub(crate) fn frame_nanos(rate: Rational) -> i64 {
    narrow(wide_nanos(1, rate.invert()))
}

fn narrow(nanos: i128) -> i64 {
    // Places are steps of at most five minutes each from 0: the ends are never met.
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: i64 = 1_000_000;

    /// In milliseconds, at 10 frames a second.
    fn line(clock: Clock) -> Timeline {
        Timeline::new(Rational::new(1, 1000), 100 * MS, clock)
    }

    fn stamps(pts: Option<i64>, dts: Option<i64>, keyframe: bool) -> Stamps {
        Stamps {
            pts,
            dts,
            duration: 100,
            keyframe,
            hidden: false,
        }
    }

    /// Presentation times in milliseconds, and the number of jumps.
    fn play(clock: Clock, packets: &[(Option<i64>, Option<i64>, bool)]) -> (Vec<i64>, usize) {
        let mut line = line(clock);
        let times: Vec<Times> = packets
            .iter()
            .map(|&(pts, dts, key)| line.place(stamps(pts, dts, key)))
            .collect();
        (
            times.iter().map(|it| it.pts_nanos / MS).collect(),
            times.iter().filter(|it| it.jumped).count(),
        )
    }

    #[test]
    fn ticks_are_rounded_to_the_nearest() {
        assert_eq!(wide_nanos(1, Rational::new(1, 90_000)), 11_111);
        assert_eq!(wide_nanos(-1, Rational::new(1, 90_000)), -11_111);
        assert_eq!(wide_nanos(30, Rational::new(1001, 30_000)), 1_001_000_000);
    }

    #[test]
    fn times_that_are_right_stay_as_they_are() {
        let packets = [
            (Some(1000), Some(800), true),
            (Some(1300), Some(900), false),
            (Some(1100), Some(1000), false),
            // A pause of four minutes is the file's own.
            (Some(241_200), Some(240_000), false),
        ];
        let (pts, jumps) = play(Clock::File, &packets);
        assert_eq!((pts, jumps), (vec![0, 300, 100, 240_200], 0));
    }

    #[test]
    fn a_clock_that_is_set_anew_goes_on_where_it_was() {
        // Two segments of a stream with B frames, each from the same time on.
        let segment = [
            (Some(1600), Some(1400), true),
            (Some(1800), Some(1500), false),
            (Some(1700), Some(1600), false),
        ];
        let (pts, jumps) = play(Clock::Stream, &[segment, segment].concat());
        assert_eq!((pts, jumps), (vec![0, 200, 100, 300, 500, 400], 1));
        // A second that lacks the reordering of the first is not presented within it.
        let plain = [(Some(50), Some(50), true), (Some(150), Some(150), false)];
        let (pts, jumps) = play(Clock::Stream, &[&segment[..2], &plain[..]].concat());
        assert_eq!((pts, jumps), (vec![0, 200, 300, 400], 1));
    }

    #[test]
    fn one_damaged_time_stamp_costs_nothing_else() {
        let mut packets: Vec<_> = (0..6).map(|n| (Some(n * 100), None, n == 0)).collect();
        packets[3].0 = Some(12_000_000);
        let (pts, jumps) = play(Clock::File, &packets);
        assert_eq!((pts, jumps), (vec![0, 100, 200, 300, 400, 500], 2));
        let mut packets: Vec<_> = (0..6)
            .map(|n| (Some(n * 100), Some(n * 100), n == 0))
            .collect();
        packets[2].0 = Some(i64::MIN);
        packets[4].1 = Some(i64::MAX);
        let (pts, jumps) = play(Clock::File, &packets);
        assert_eq!((pts, jumps), (vec![0, 100, 200, 300, 400, 500], 2));
    }

    #[test]
    fn equal_and_early_stamps_of_intra_only_files_do_not_drift() {
        let at = |ms: i64| (Some(ms), Some(ms), true);
        let (pts, jumps) = play(Clock::File, &[at(0), at(1), at(1), at(2), at(2), at(3)]);
        assert_eq!((pts, jumps), (vec![0, 1, 1, 2, 2, 3], 0));
        let early = [at(0), at(100), at(40), at(300), at(240), at(500)];
        let (pts, jumps) = play(Clock::File, &early);
        assert_eq!((pts, jumps), (vec![0, 100, 100, 300, 300, 500], 0));
        // A new time line is none of that, and neither is a short one of groups of pictures.
        let (pts, jumps) = play(Clock::Stream, &[at(2000), at(2100), at(0), at(100)]);
        assert_eq!((pts, jumps), (vec![0, 100, 200, 300], 1));
        let group = [at(0), (Some(100), Some(100), false)];
        let (pts, jumps) = play(Clock::Stream, &[group, group].concat());
        assert_eq!((pts, jumps), (vec![0, 100, 200, 300], 1));
    }

    #[test]
    fn what_an_edit_list_hides_shifts_nothing() {
        let mut line = line(Clock::File).starting_at(200);
        let mut place = |ms: i64, hidden: bool| {
            let times = line.place(Stamps {
                hidden,
                ..stamps(Some(ms), Some(ms), ms == 0)
            });
            (times.pts_nanos / MS, times.dts_nanos / MS)
        };
        let hidden = [place(0, true), place(100, true)];
        assert_eq!(hidden, [(0, -200), (0, -100)]);
        assert_eq!([place(200, false), place(300, false)], [(0, 0), (100, 100)]);
    }

    #[test]
    fn a_stream_without_times_follows_its_frame_rate() {
        let (pts, jumps) = play(Clock::Stream, &[(None, None, true), (None, None, false)]);
        assert_eq!((pts, jumps), (vec![0, 100], 0));
    }

    fn stamp() -> impl Strategy<Value = Option<i64>> {
        prop_oneof![
            Just(None),
            any::<i64>().prop_map(Some),
            prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(i64::MIN + 1)].prop_map(Some),
            (-1000_i64..1000).prop_map(Some),
        ]
    }

    proptest! {
        /// Whatever a file says, each access unit has its place soon after the one before.
        #[test]
        fn no_time_stamp_is_too_large(
            packets in proptest::collection::vec(
                (stamp(), stamp(), any::<i64>(), any::<bool>()), 0..60),
            base in (any::<i32>(), any::<i32>()),
            frame in any::<i64>(),
            clock in prop_oneof![Just(Clock::File), Just(Clock::Stream)],
        ) {
            // FFmpeg refuses time bases below zero.
            let base = Rational::new(base.0.saturating_abs(), base.1.saturating_abs());
            let mut line = Timeline::new(base, frame.min(i64::MAX / 100), clock);
            let mut last = 0_i128;
            for (pts, dts, duration, keyframe) in packets {
                let times = line.place(Stamps { pts, dts, duration, keyframe, hidden: keyframe });
                let dts = i128::from(times.dts_nanos);
                let most = 2 * MAX_PAUSE_NANOS
                    + 10 * MAX_DELAY_NANOS
                    + 200 * i128::from(frame.max(1));
                prop_assert!((dts - last).abs() <= most, "{last} {dts}");
                last = dts;
            }
        }
    }
}
