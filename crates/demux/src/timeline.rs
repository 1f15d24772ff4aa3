//! Presentation and capture times of a live source, checked.

/// Times that run away from the arrivals by more than this have jumped: a camera whose clock was
/// set, a stream that was spliced.
const MAX_JUMP_NANOS: i64 = 10_000_000_000;
/// A sender's clock that is further off than this when a session begins is none worth the name.
const MAX_CLOCK_OFFSET_NANOS: i64 = 24 * 3600 * 1_000_000_000;
/// A sender's clock of which only the beginning is known is given up once the presentation times
/// have run away from the arrivals by this much.
const MAX_DRIFT_NANOS: i64 = 1_000_000_000;

/// When an access unit is presented and when it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub pts_nanos: i64,
    pub sender_unix_nanos: Option<i64>,
    /// The stream's times have jumped here.
    pub jumped: bool,
}

/// Turns a demuxer's times into those of a session.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    last: Option<Last>,
    /// Presentation time of the session less that of the stream.
    offset: i128,
    /// The sender's clock less the arrival at its first access unit; `None` once it is given up.
    clock: Option<i64>,
    clock_is_lost: bool,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    pts_nanos: i64,
    arrival_nanos: i64,
    has_pts: bool,
}

impl Timeline {
    /// `pts_nanos`: as the stream has it. `duration_nanos`: of one picture, where it is known.
    /// `arrival_nanos`: of a clock that only goes forward. `start_unix_nanos`: the sender's wall
    /// clock at the stream's time 0.
    pub fn place(
        &mut self,
        pts_nanos: Option<i64>,
        duration_nanos: i64,
        arrival_nanos: i64,
        start_unix_nanos: Option<i64>,
        arrival_unix_nanos: i64,
    ) -> Times {
        let (placed, jumped) = self.present(pts_nanos, duration_nanos, arrival_nanos);
        let sender_unix_nanos = match (start_unix_nanos, pts_nanos) {
            (Some(start), Some(pts)) if !jumped => {
                self.sender(start.saturating_add(pts), arrival_unix_nanos)
            }
            _ => {
                // Times that jumped no longer belong to the clock of the beginning.
                self.clock_is_lost |= jumped;
                None
            }
        };
        self.last = Some(Last {
            pts_nanos: placed,
            arrival_nanos,
            has_pts: pts_nanos.is_some() || self.last.is_some_and(|last| last.has_pts),
        });
        Times {
            pts_nanos: placed,
            sender_unix_nanos,
            jumped,
        }
    }

    fn present(&mut self, pts: Option<i64>, duration: i64, arrival: i64) -> (i64, bool) {
        let Some(last) = self.last else {
            self.offset = -i128::from(pts.unwrap_or(0));
            return (0, false);
        };
        let elapsed = arrival.saturating_sub(last.arrival_nanos).max(0);
        let by_arrival = last.pts_nanos.saturating_add(elapsed);
        let Some(pts) = pts else {
            // Now and then a picture without a time follows the one before it. A source may call
            // its pictures years long.
            let step = if last.has_pts { duration } else { elapsed };
            let placed = last.pts_nanos.saturating_add(step);
            let is_near = !is_jump(i128::from(placed), by_arrival);
            return (if is_near { placed } else { by_arrival }, false);
        };
        let placed = i128::from(pts) + self.offset;
        if is_jump(placed, by_arrival) {
            self.offset = i128::from(by_arrival) - i128::from(pts);
            return (by_arrival, true);
        }
        (i64::try_from(placed).unwrap_or(by_arrival), false)
    }

    fn sender(&mut self, sender_unix_nanos: i64, arrival_unix_nanos: i64) -> Option<i64> {
        if self.clock_is_lost {
            return None;
        }
        let offset = sender_unix_nanos.saturating_sub(arrival_unix_nanos);
        let first = *self.clock.get_or_insert(offset);
        self.clock_is_lost = first.saturating_abs() > MAX_CLOCK_OFFSET_NANOS
            || offset.saturating_sub(first).saturating_abs() > MAX_DRIFT_NANOS;
        (!self.clock_is_lost).then_some(sender_unix_nanos)
    }
}

fn is_jump(placed: i128, by_arrival: i64) -> bool {
    (placed - i128::from(by_arrival)).abs() > i128::from(MAX_JUMP_NANOS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: i64 = 1_000_000;
    const HOUR: i64 = 3_600_000 * MILLI;

    fn pts(timeline: &mut Timeline, pts: Option<i64>, arrival: i64) -> (i64, bool) {
        let times = timeline.place(pts, 40 * MILLI, arrival, None, 0);
        (times.pts_nanos, times.jumped)
    }

    #[test]
    fn times_begin_at_0_and_jumps_go_on_by_arrival() {
        let mut line = Timeline::default();
        assert_eq!(pts(&mut line, Some(7 * HOUR), 0), (0, false));
        let next = Some(7 * HOUR + 40 * MILLI);
        assert_eq!(pts(&mut line, next, 50 * MILLI), (40 * MILLI, false));
        // An order of B frames is no jump.
        let before = Some(7 * HOUR + 20 * MILLI);
        assert_eq!(pts(&mut line, before, 60 * MILLI), (20 * MILLI, false));
        for wild in [i64::MAX, i64::MIN, 0, 3] {
            let mut line = Timeline::default();
            pts(&mut line, Some(7 * HOUR), 0);
            assert_eq!(
                pts(&mut line, Some(wild), 30 * MILLI),
                (30 * MILLI, true),
                "{wild}"
            );
            let next = Some(wild.saturating_add(1));
            assert!(!pts(&mut line, next, 70 * MILLI).1);
        }
    }

    #[test]
    fn without_times_the_arrival_counts() {
        let mut line = Timeline::default();
        assert_eq!(pts(&mut line, None, 5), (0, false));
        assert_eq!(pts(&mut line, None, 70 * MILLI + 5), (70 * MILLI, false));
        // Where only some have none, they follow the one before.
        let mut line = Timeline::default();
        pts(&mut line, Some(0), 0);
        assert_eq!(pts(&mut line, None, 1), (40 * MILLI, false));
    }

    #[test]
    fn pictures_that_a_source_calls_years_long_follow_the_arrival() {
        for years in [i64::MAX, i64::MIN, 68 * 365 * 24 * HOUR] {
            let mut line = Timeline::default();
            line.place(Some(0), years, 0, None, 0);
            for picture in 1..=3 {
                let arrival = picture * 40 * MILLI;
                let times = line.place(None, years, arrival, None, 0);
                assert_eq!((times.pts_nanos, times.jumped), (arrival, false), "{years}");
            }
            // The stream's own times still hold.
            assert_eq!(
                pts(&mut line, Some(200 * MILLI), 160 * MILLI),
                (200 * MILLI, false)
            );
        }
    }

    #[test]
    fn the_senders_clock_is_believed_while_it_goes_with_ours() {
        let place = |line: &mut Timeline, start, pts, arrival| {
            line.place(Some(pts), 0, arrival, Some(start), arrival)
                .sender_unix_nanos
        };
        let mut line = Timeline::default();
        assert_eq!(place(&mut line, 5, 0, 50), Some(5));
        assert_eq!(
            place(&mut line, 5, 40 * MILLI, 60 * MILLI),
            Some(5 + 40 * MILLI)
        );
        assert_eq!(place(&mut line, 5, 4 * MILLI, 2000 * MILLI), None, "drift");
        assert_eq!(place(&mut line, 5, 2000 * MILLI, 2000 * MILLI), None);
        let mut line = Timeline::default();
        assert_eq!(place(&mut line, 0, 0, 25 * HOUR), None, "no clock at all");
    }
}
