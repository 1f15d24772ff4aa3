//! Which frames of a session go on to the detector.

use camweave_message::Selection;

/// Timestamps of cameras jitter by a few milliseconds: a frame that comes so much before its time
/// is taken for it.
const MAX_SLACK_NANOS: i64 = 10_000_000;

/// Chooses one frame of each interval. The intervals are a grid of presentation times, so that the
/// rate is kept whatever the camera's own is, until a pause or a jump of the times.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    /// The session, in Unix nanoseconds of its start.
    session: i64,
    /// From when on the next frame is chosen.
    due: Option<i64>,
}

impl Selector {
    /// Another session has times of its own. A decoder that is restarted within one keeps the grid.
    pub fn enter(&mut self, session_unix_nanos: i64) {
        if self.session != session_unix_nanos {
            *self = Self {
                session: session_unix_nanos,
                due: None,
            };
        }
    }

    /// Whether a frame goes on. Asked once for each, in presentation order.
    pub fn chooses(&mut self, selection: Selection, pts_nanos: i64) -> bool {
        let interval = match selection {
            Selection::All | Selection::Off => {
                self.due = None;
                return selection == Selection::All;
            }
            Selection::Every(nanos) => i64::try_from(nanos.get()).unwrap_or(Selection::MAX_NANOS),
        };
        if self.is_early(interval, pts_nanos) {
            return false;
        }
        let next = match self.due {
            Some(due) if pts_nanos.abs_diff(due) < interval.unsigned_abs() => due + interval,
            _ => pts_nanos.saturating_add(interval),
        };
        self.due = Some(next);
        true
    }

    /// Whether a frame will not be chosen, whatever is chosen before it.
    pub fn is_out(&self, selection: Selection, pts_nanos: i64) -> bool {
        match selection {
            Selection::All => false,
            Selection::Off => true,
            Selection::Every(nanos) => {
                let interval = i64::try_from(nanos.get()).unwrap_or(Selection::MAX_NANOS);
                self.is_early(interval, pts_nanos)
            }
        }
    }

    fn is_early(&self, interval: i64, pts_nanos: i64) -> bool {
        let slack = (interval / 10).min(MAX_SLACK_NANOS);
        // Further ahead than that is nothing: the camera's times went back.
        self.due.is_some_and(|due| {
            (slack + 1..=interval + slack).contains(&due.saturating_sub(pts_nanos))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    const MS: i64 = 1_000_000;

    fn every(millis: u64) -> Selection {
        Selection::Every(NonZeroU64::new(millis * 1_000_000).expect("not 0"))
    }

    fn chosen(selection: Selection, times: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut selector = Selector::default();
        let times = times.into_iter();
        times
            .filter(|millis| selector.chooses(selection, millis * MS))
            .collect()
    }

    #[test]
    fn one_picture_of_each_interval_is_chosen() {
        let at_25 = || (0..25).map(|frame| 40 * frame);
        assert_eq!(chosen(every(200), at_25()), [0, 200, 400, 600, 800]);
        // The rate is kept where the camera's is no multiple of it.
        let at_30 = (0..3000).map(|frame| frame * 100 / 3);
        assert_eq!(chosen(every(125), at_30).len(), 800);
        // A rate above the camera's chooses all.
        assert_eq!(chosen(every(20), at_25()).len(), 25);
        assert_eq!(chosen(Selection::All, at_25()).len(), 25);
        assert!(chosen(Selection::Off, at_25()).is_empty());
    }

    #[test]
    fn jitter_pauses_and_jumps_cost_no_more_than_an_interval() {
        let jitter = [0, 41, 79, 121, 159, 199, 241, 280, 321, 359, 399];
        assert_eq!(chosen(every(200), jitter), [0, 199, 399]);
        // After a pause there is another grid; times that go back are taken as they are.
        let pause = [0, 40, 5000, 5040, 5200, 100, 140, 300];
        assert_eq!(chosen(every(200), pause), [0, 5000, 5200, 100, 300]);
    }

    #[test]
    fn a_session_has_its_own_grid_and_keeps_it() {
        let mut selector = Selector::default();
        let chooses = |selector: &mut Selector, session: i64, millis: i64| {
            selector.enter(session);
            selector.chooses(every(200), millis * MS)
        };
        assert!(chooses(&mut selector, 1, 0));
        assert!(!chooses(&mut selector, 1, 40), "the same session");
        assert!(chooses(&mut selector, 2, 40), "another session");
        assert!(!chooses(&mut selector, 2, 80));
    }

    #[test]
    fn what_is_out_is_not_chosen() {
        let mut selector = Selector::default();
        let selection = every(200);
        assert!(!selector.is_out(selection, 0), "nothing is known yet");
        for frame in 0..200 {
            let pts = frame * 33 * MS;
            let is_out = selector.is_out(selection, pts);
            assert_eq!(selector.chooses(selection, pts), !is_out, "{frame}");
        }
        assert!(selector.is_out(Selection::Off, 0) && !selector.is_out(Selection::All, 0));
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let most = (1_i64 << 62) - 1;
        let mut selector = Selector::default();
        for pts in [most, -most, most, 0, -most] {
            selector.is_out(every(86_400_000), pts);
            selector.chooses(every(86_400_000), pts);
        }
    }
}
