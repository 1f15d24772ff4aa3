//! What is known of the tracks of one camera, and which of them are to be looked at again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use camweave_model::Answer;

use crate::opinion::{Opinion, Verdict};
use crate::settings::AskSettings;

/// Rows between two looks for tracks that are over.
const FORGET_EVERY: u64 = 64;
/// After a failure a track is not asked about for so much capture time: most failures last.
const REST_NANOS: i64 = 2_000_000_000;

/// Capture times, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    retry: i64,
    interval: i64,
    memory: i64,
    certain: f32,
}

impl Times {
    pub fn new(settings: &AskSettings) -> Self {
        let nanos = |millis: u32| i64::from(millis) * 1_000_000;
        Self {
            retry: nanos(settings.retry_ms).min(nanos(settings.interval_ms)),
            interval: nanos(settings.interval_ms),
            memory: nanos(settings.memory_ms),
            certain: settings.certain as f32,
        }
    }
}

/// One track.
#[derive(Debug, Default)]
pub(crate) struct Track {
    opinion: Option<Opinion>,
    verdict: Option<Verdict>,
    /// Whether the model is asked about it now.
    is_asked: bool,
    seen_nanos: i64,
    asked_nanos: i64,
    /// When the last question has failed, if it has.
    failed_nanos: Option<i64>,
    /// From one look to the next.
    interval: i64,
}

impl Track {
    /// Whether it is to be looked at in a frame of this time.
    pub fn is_due(&self, nanos: i64) -> bool {
        let since = nanos.saturating_sub(self.asked_nanos);
        // A clock that was set back says nothing of when it was.
        let rests = |failed: i64| (0..REST_NANOS).contains(&nanos.saturating_sub(failed));
        !self.is_asked
            && !self.failed_nanos.is_some_and(rests)
            && (self.opinion.is_none() || since >= self.interval || since < 0)
    }

    /// Whether the model has never said anything of it.
    pub fn is_unknown(&self) -> bool {
        self.opinion.is_none()
    }

    /// The model is asked about it.
    pub fn ask(&mut self) {
        self.is_asked = true;
    }

    /// There is no answer to the last question.
    pub fn give_up(&mut self) {
        self.is_asked = false;
    }

    /// The question about a frame of this time has failed, and the next one may as well.
    pub fn fail(&mut self, nanos: i64) {
        self.is_asked = false;
        self.failed_nanos = Some(nanos);
    }

    /// The answer to the question about a frame of this time.
    pub fn answer(&mut self, answer: &Answer, weight: f32, nanos: i64, times: &Times) {
        self.is_asked = false;
        self.failed_nanos = None;
        match &mut self.opinion {
            Some(opinion) => opinion.add(answer, weight, nanos),
            None => self.opinion = Some(Opinion::of(answer, weight, nanos)),
        }
        self.verdict = self.opinion.as_ref().and_then(Opinion::verdict);
        self.asked_nanos = nanos;
        let is_doubtful =
            matches!(&self.verdict, Some(Verdict::Class { lead, .. }) if *lead < times.certain);
        self.interval = if is_doubtful {
            let next = if self.interval < times.interval {
                self.interval.saturating_mul(2)
            } else {
                0
            };
            next.clamp(times.retry, times.interval)
        } else {
            times.interval
        };
    }

    /// What the model thinks of it.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }
}

/// The tracks of one camera, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    tracks: HashMap<u64, Track>,
    rows: u64,
    last_row: Option<Instant>,
}

impl Tracks {
    /// A frame of this time has come now: forgets tracks that have not been seen for too long.
    pub fn begin(&mut self, nanos: i64, now: Instant, times: &Times) {
        self.rows += 1;
        self.last_row = Some(now);
        if self.rows.is_multiple_of(FORGET_EVERY) {
            self.tracks
                .retain(|_, it| nanos.abs_diff(it.seen_nanos) <= times.memory.unsigned_abs());
        }
    }

    /// A track that is seen at this time.
    pub fn see(&mut self, id: u64, nanos: i64, times: &Times) -> &mut Track {
        let track = self.tracks.entry(id).or_default();
        let is_new = track.is_unknown() && !track.is_asked;
        if !is_new && nanos.abs_diff(track.seen_nanos) > times.memory.unsigned_abs() {
            *track = Track::default();
        }
        track.seen_nanos = nanos;
        track
    }

    pub fn get(&self, id: u64) -> Option<&Track> {
        self.tracks.get(&id)
    }

    pub fn get_mut(&mut self, id: u64) -> Option<&mut Track> {
        self.tracks.get_mut(&id)
    }

    /// Whether no frame has come for so long.
    pub fn is_over(&self, now: Instant, memory: Duration) -> bool {
        let is_long = |last: Instant| now.saturating_duration_since(last) > memory;
        self.last_row.is_none_or(is_long)
    }

    pub fn len(&self) -> usize {
        self.tracks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: i64 = 1_000_000;

    fn times() -> Times {
        Times::new(&AskSettings {
            certain: 0.5,
            retry_ms: 200,
            interval_ms: 2000,
            memory_ms: 10_000,
            ..AskSettings::default()
        })
    }

    #[test]
    fn a_track_is_asked_at_first_sight_then_while_doubtful_and_then_seldom() {
        let (times, mut tracks) = (times(), Tracks::default());
        let doubtful = Answer::Classes(vec![0.5, 0.4]);
        let sure = Answer::Classes(vec![0.95, 0.05]);
        let mut asked = Vec::new();
        for at in (0..12_000).step_by(100) {
            let nanos = at * MILLI;
            tracks.begin(nanos, Instant::now(), &times);
            let track = tracks.see(7, nanos, &times);
            if track.is_due(nanos) {
                track.ask();
                assert!(!track.is_due(nanos), "one question at a time");
                let answer = if at < 2500 { &doubtful } else { &sure };
                track.answer(answer, 1.0, nanos, &times);
                asked.push(at);
            }
        }
        // 200, 400, 800, 1600 ms in doubt, then each 2 s; the votes of the first have to be outvoted.
        assert_eq!(asked[..5], [0, 200, 600, 1400, 3000]);
        let last: Vec<i64> = asked.windows(2).map(|it| it[1] - it[0]).collect();
        assert_eq!(last[last.len() - 2..], [2000, 2000], "{asked:?}");
    }

    #[test]
    fn a_question_without_an_answer_is_asked_again() {
        let (times, mut tracks) = (times(), Tracks::default());
        let track = tracks.see(7, 0, &times);
        track.ask();
        track.give_up();
        assert!(track.is_due(0) && track.verdict().is_none());
    }

    #[test]
    fn after_a_failure_a_track_rests() {
        let (times, mut tracks) = (times(), Tracks::default());
        let track = tracks.see(7, 0, &times);
        track.ask();
        track.fail(100 * MILLI);
        for (at, is_due) in [(100, false), (2099, false), (2100, true), (50, true)] {
            assert_eq!(track.is_due(at * MILLI), is_due, "{at} ms");
        }
        track.answer(&Answer::Classes(vec![0.5, 0.4]), 1.0, 2100 * MILLI, &times);
        assert!(track.is_due(2300 * MILLI), "doubtful, as any other");
    }

    #[test]
    fn a_clock_that_goes_back_does_not_silence_a_track() {
        let (times, mut tracks) = (times(), Tracks::default());
        let track = tracks.see(7, 5000 * MILLI, &times);
        track.answer(&Answer::Classes(vec![1.0]), 1.0, 5000 * MILLI, &times);
        assert!(!track.is_due(5100 * MILLI));
        assert!(track.is_due(4900 * MILLI));
    }

    #[test]
    fn tracks_that_are_over_are_forgotten() {
        let (times, mut tracks) = (times(), Tracks::default());
        for id in 0..1000 {
            tracks.see(id, 0, &times);
        }
        for row in 0..FORGET_EVERY as i64 {
            tracks.begin((10_001 + row) * MILLI, Instant::now(), &times);
        }
        assert_eq!(tracks.len(), 0);
    }
}
