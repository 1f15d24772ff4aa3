use std::time::Duration;

use camweave_camera_client::FailureKind;

/// The longest wait after a wrong password: cameras lock an account after some five attempts,
/// for half an hour.
const UNAUTHORIZED_MAX: Duration = Duration::from_secs(15 * 60);
/// The first of those waits.
const UNAUTHORIZED_MIN: Duration = Duration::from_secs(6);
/// The first wait after more than is taken.
const TOO_LARGE_MIN: Duration = Duration::from_millis(1500);
/// The longest of those.
const TOO_LARGE_MAX: Duration = Duration::from_secs(60);

/// Waits between attempts. A camera that is away is tried soon and again and again: from `min`
/// doubling to `max`, each wait shortened by chance to between half and all of it, so that
/// cameras lost together do not return together. So is one that refuses: while it starts,
/// a camera answers that it has no such path, no video or no time yet. Only what harms if it is
/// tried often, a wrong password, and what costs more than it should wait longer each time.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    away: Wait,
    too_large: Wait,
    unauthorized: Wait,
}

#[derive(Debug, Clone)]
struct Wait {
    first: Duration,
    next: Duration,
    factor: u32,
    longest: Duration,
}

impl Wait {
    fn new(first: Duration, factor: u32, longest: Duration) -> Self {
        Self {
            first,
            next: first,
            factor,
            longest: longest.max(first),
        }
    }

    fn take(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * self.factor).min(self.longest);
        wait
    }

    fn reset(&mut self) {
        self.next = self.first;
    }
}

impl Backoff {
    pub fn new(min: Duration, max: Duration) -> Self {
        Self {
            away: Wait::new(min, 2, max),
            too_large: Wait::new(max.max(TOO_LARGE_MIN), 2, TOO_LARGE_MAX),
            unauthorized: Wait::new(max.max(UNAUTHORIZED_MIN), 4, UNAUTHORIZED_MAX),
        }
    }

    /// The next wait after `kind`; `share` is from 0 to 1, by chance.
    pub fn next(&mut self, kind: FailureKind, share: f64) -> Duration {
        match kind {
            FailureKind::Unauthorized => self.unauthorized.take(),
            FailureKind::TooLarge => self.too_large.take(),
            _ => {
                let wait = self.away.take();
                wait.mul_f64(0.5 + share.clamp(0.0, 1.0) / 2.0)
            }
        }
    }

    /// After a session that gave frames, and how long it lasted.
    pub fn played(&mut self, lasted: Duration) {
        self.unauthorized.reset();
        if lasted >= self.away.longest {
            self.away.reset();
        }
        if lasted >= TOO_LARGE_MAX {
            self.too_large.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLIS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn doubles_up_to_the_longest_and_begins_anew() {
        let mut backoff = Backoff::new(MILLIS(200), MILLIS(1000));
        let mut next = |share| backoff.next(FailureKind::Refused, share);
        let waits: Vec<_> = (0..5).map(|_| next(1.0)).collect();
        assert_eq!(waits, [200, 400, 800, 1000, 1000].map(MILLIS));
        backoff.played(MILLIS(900));
        assert_eq!(backoff.next(FailureKind::Ended, 1.0), MILLIS(1000));
        backoff.played(MILLIS(1000));
        assert_eq!(backoff.next(FailureKind::Ended, 0.0), MILLIS(100));
        assert_eq!(backoff.next(FailureKind::Ended, 0.5), MILLIS(300));
    }

    fn seconds(backoff: &mut Backoff, kind: FailureKind) -> Vec<f64> {
        (0..7)
            .map(|_| backoff.next(kind, 0.0).as_secs_f64())
            .collect()
    }

    #[test]
    fn a_wrong_password_is_tried_four_times_in_five_minutes() {
        let mut backoff = Backoff::new(MILLIS(200), MILLIS(700));
        let waits = seconds(&mut backoff, FailureKind::Unauthorized);
        assert_eq!(waits, [6.0, 24.0, 96.0, 384.0, 900.0, 900.0, 900.0]);
    }

    #[test]
    fn one_that_sends_too_much_waits_longer_each_time() {
        let mut backoff = Backoff::new(MILLIS(200), MILLIS(700));
        let kind = FailureKind::TooLarge;
        let waits = seconds(&mut backoff, kind);
        assert_eq!(waits, [1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 60.0]);
        backoff.played(Duration::from_secs(10));
        assert_eq!(backoff.next(kind, 0.0).as_secs(), 60);
        backoff.played(Duration::from_secs(60));
        assert_eq!(backoff.next(kind, 0.0), MILLIS(1500));
    }

    /// A camera that starts refuses for a minute or two, and is live 2 s after it does no longer.
    #[test]
    fn one_that_refuses_while_it_starts_is_tried_as_often_as_one_that_is_away() {
        for kind in [
            FailureKind::NotFound,
            FailureKind::NoVideo,
            FailureKind::Protocol,
            FailureKind::UnsupportedCodec,
            FailureKind::Transport,
        ] {
            let mut backoff = Backoff::new(MILLIS(200), MILLIS(700));
            let longest = (0..100).map(|_| backoff.next(kind, 1.0)).max();
            assert_eq!(longest, Some(MILLIS(700)), "{kind:?}");
        }
    }
}
