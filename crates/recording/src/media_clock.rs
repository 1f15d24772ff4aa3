//! When the frames of one clip are decoded and presented.
//!
//! Presentation times follow the camera's time line, with its gaps: a clip is as long as what it shows
//! took. Decode times are not known of a camera. They are dense, and no frame is decoded after it is
//! presented, as long as frames are reordered by no more than `lead`.

/// Units of a clip's times in a second.
pub(crate) const TIMESCALE: u32 = 1_000_000;

const NANOS_PER_UNIT: i64 = 1000;
/// Times that are further away than a month are none of a clip.
const MOST: i64 = 31 * 86_400 * TIMESCALE as i64;

/// A frame's times in the clip, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub decode: u64,
    pub presentation: u64,
}

impl Times {
    /// As a sample has it.
    pub fn composition_offset(self) -> i32 {
        let offset = self.presentation.cast_signed() - self.decode.cast_signed();
        offset.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }
}

/// One clip's, in microseconds.
#[derive(Debug)]
pub(crate) struct MediaClock {
    /// What the clip begins with, on the camera's time line, in nanoseconds.
    origin: i64,
    /// Presentation times are behind decode times by so much.
    lead: i64,
    /// From one frame to the next.
    pub step: i64,
    newest: i64,
    decoded: Option<i64>,
}

impl MediaClock {
    /// `lead_nanos`: by how much frames are reordered at most; 0: they are presented in decoding order.
    pub fn new(origin: i64, lead_nanos: i64, step_nanos: i64) -> Self {
        Self {
            origin,
            lead: (lead_nanos / NANOS_PER_UNIT).clamp(0, MOST),
            step: (step_nanos / NANOS_PER_UNIT).clamp(1, i64::from(TIMESCALE)),
            newest: 0,
            decoded: None,
        }
    }

    /// When something at `line` is presented, in seconds of the clip; below 0 before it.
    pub fn seconds(&self, line: i64) -> f64 {
        self.presentation(line) as f64 / f64::from(TIMESCALE)
    }

    fn presentation(&self, line: i64) -> i64 {
        let since = line.saturating_sub(self.origin) / NANOS_PER_UNIT;
        since.clamp(-MOST, MOST) + self.lead
    }

    /// The times of the next frame in decoding order.
    pub fn next(&mut self, line: i64) -> Times {
        let presentation = self.presentation(line).max(0);
        self.newest = self.newest.max(presentation);
        // No frame that comes now is presented before this.
        let latest = self.newest - self.lead;
        let decode = match self.decoded {
            None => (presentation - self.lead).max(0),
            Some(last) => {
                let is_gap = latest - last > self.lead + 2 * self.step;
                let even = last + self.step;
                let next = if self.lead == 0 || is_gap {
                    latest
                } else {
                    even.min(latest)
                };
                next.max(last + 1)
            }
        };
        self.decoded = Some(decode);
        Times {
            decode: decode.unsigned_abs(),
            presentation: presentation.unsigned_abs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STEP: i64 = 40_000_000;

    fn place(lead: i64, lines: &[i64]) -> Vec<Times> {
        let mut clock = MediaClock::new(lines[0], lead, STEP);
        lines.iter().map(|line| clock.next(*line)).collect()
    }

    fn check(times: &[Times]) {
        assert!(
            times.is_sorted_by(|a, b| a.decode < b.decode),
            "decode times go back: {times:?}"
        );
        let late = times.iter().find(|it| it.decode > it.presentation);
        assert_eq!(late, None, "presented before it is decoded: {times:?}");
    }

    #[test]
    fn frames_in_order_are_decoded_when_they_are_presented() {
        let lines = [7, 0, 1, 2, 30, 31].map(|it| 7_000 + it * STEP);
        let times = place(0, &lines[1..]);
        let expected = [0, 40_000, 80_000, 1_200_000, 1_240_000];
        assert_eq!(
            times.iter().map(|it| it.decode).collect::<Vec<_>>(),
            expected
        );
        assert!(times.iter().all(|it| it.composition_offset() == 0));
    }

    #[test]
    fn reordered_frames_are_decoded_evenly_before_they_are_presented() {
        let order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8];
        let lines = order.map(|it| it * STEP);
        let times = place(2 * STEP + 1_000_000, &lines);
        check(&times);
        let decode: Vec<u64> = times.iter().map(|it| it.decode).collect();
        assert_eq!(decode, (0..10).map(|it| it * 40_000).collect::<Vec<_>>());
        let first = times[0].presentation;
        for (time, place) in times.iter().zip(order) {
            assert_eq!(time.presentation - first, place as u64 * 40_000);
        }
    }

    proptest! {
        /// Groups of up to four B frames, gaps of seconds, and rates that differ from the usual one.
        #[test]
        fn no_frame_is_decoded_late_or_out_of_order(
            groups in proptest::collection::vec((0_usize..5, 1_i64..200, 0_i64..5000), 1..40),
        ) {
            let (mut lines, mut at) = (Vec::new(), 0_i64);
            let mut lead = 0;
            for (between, step, gap) in groups {
                let (step, gap) = (step * 1_000_000, gap * 1_000_000);
                at += gap;
                let anchor = at + step * between as i64;
                lines.push(anchor);
                lines.extend((0..between as i64).map(|it| at + it * step));
                lead = lead.max(step * between as i64 + 1_000_000);
                at = anchor + step;
            }
            lines[0] = lines[0].max(0);
            let mut clock = MediaClock::new(0, lead, STEP);
            let times: Vec<Times> = lines.iter().map(|line| clock.next(*line)).collect();
            check(&times);
        }
    }
}
