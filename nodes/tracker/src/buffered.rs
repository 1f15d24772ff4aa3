//! The default tracker: buffered IoU in two rounds, a rule for covered objects, and deferred
//! decisions on who is who after a gap.
//!
//! Sources: Yang et al., "Hard to Track Objects with Irregular Motions and Similar Appearances? Make
//! It Easier by Buffering the Matching Space", WACV 2023 (C-BIoU); Hashempoor et al., "FastTracker",
//! arXiv 2508.14370 (covered objects); Zhang et al., "ByteTrack", ECCV 2022 (weak boxes).

use std::collections::HashMap;

use camweave_vision::Detection;
use camweave_vision::metrics::assignment::{Pair, assign_pairs};

use crate::candidates::{Candidate, Candidates, buffered, covers};
use crate::follow::{Follow, FollowConfig, Followed};
use crate::hypotheses::{Edge, Hypothesis, probabilities};
use crate::motion::{Motion, Step};
use crate::track::Track;
use crate::votes::Votes;

/// Tracks of a camera for each box that a frame may have; beyond them the longest unseen are given up.
const TRACKS_PER_BOX: usize = 4;
/// Lost tracks that a tentative one may continue: those that fit best.
const MOST_HYPOTHESES: usize = 8;

/// How much larger boxes are on each side, of their size, in the two rounds of certain tracks.
const BUFFERS: [f32; 2] = [0.0, 0.2];
/// The same for each unit of doubt of the prediction.
const BUFFER_PER_DOUBT: f32 = 0.5;
/// A track is certain if it was seen in the last so many seconds, ...
const CERTAIN_SECONDS: f32 = 0.4;
/// ... and the standard deviation of its place is at most this, of its size.
const CERTAIN_DOUBT: f32 = 0.35;
/// How well a box of another class fits, where one of the same class fits by 1.
const OTHER_CLASS: f32 = 0.2;
/// The same after a gap, where the place says less.
const OTHER_CLASS_AFTER_GAP: f32 = 0.04;
/// A tentative track is decided on as soon as one explanation has this probability, ...
const SURE: f32 = 0.95;
/// ... and at the latest when the next frame would find it older than this, seconds, or too
/// uncertain to be matched, ...
const DECIDE_SECONDS: f32 = 0.3;
/// ... when it continues a lost track of this probability, and otherwise is new.
const PROBABLE: f32 = 0.6;
/// Lost tracks whose object is less probably still there are given up.
const LEAST_EXISTENCE: f32 = 0.1;
/// A track is covered if at least this share of its box is inside another.
const COVERED: f32 = 0.7;

/// The default tracker, for one camera.
pub(crate) struct BufferedTracker {
    config: FollowConfig,
    tracks: Vec<Track>,
    last_number: u64,
    candidates: Candidates,
    memory: Memory,
    /// The times between the last frames, seconds; the oldest first.
    intervals: [f32; INTERVALS],
}

/// So many times between frames are remembered: a camera that sends in bunches, or is looked at when
/// something moves, has long and short ones.
const INTERVALS: usize = 8;

/// Memory that is used again.
#[derive(Default)]
struct Memory {
    pairs: Vec<Pair>,
    near: Vec<usize>,
}

impl BufferedTracker {
    /// A tracker that has seen nothing.
    pub fn new(config: FollowConfig) -> Self {
        Self {
            config,
            tracks: Vec::new(),
            last_number: 0,
            candidates: Candidates::default(),
            memory: Memory::default(),
            intervals: [0.0; INTERVALS],
        }
    }

    /// How long it may take until the next frame comes, seconds. A single gap says nothing of that, so
    /// the longest of the times is left out.
    fn next_interval(&self) -> f32 {
        let (mut longest, mut second) = (0.0_f32, 0.0_f32);
        for &interval in &self.intervals {
            second = second.max(interval.min(longest));
            longest = longest.max(interval);
        }
        second
    }

    fn predict(&mut self, step: &Step) {
        for track in &mut self.tracks {
            track.motion.predict(step);
            track.place = track.motion.bbox();
            for hypothesis in &mut track.hypotheses {
                hypothesis.predict(step);
            }
            track.unseen += step.seconds;
            track.age += step.seconds;
            track.found = None;
            if track.is_covered {
                track.covered += step.seconds;
            }
        }
        let memory = self.config.memory_seconds;
        self.tracks.retain(|track| {
            let kept = if track.is_tentative() {
                CERTAIN_SECONDS
            } else {
                memory
            };
            track.forgotten_seconds() <= kept && track.motion.is_finite()
        });
    }

    /// Pairs of tracks that are sure of their place with free boxes, by buffered IoU.
    fn match_near(&mut self, candidates: &mut Candidates, is_strong: bool, buffer: Option<f32>) {
        let config = self.config;
        let min_iou = if is_strong {
            config.min_iou
        } else {
            config.min_iou_low
        };
        let Memory {
            mut pairs,
            mut near,
        } = std::mem::take(&mut self.memory);
        pairs.clear();
        for (row, track) in self.tracks.iter().enumerate() {
            if track.found.is_some() || track.unseen > CERTAIN_SECONDS {
                continue;
            }
            let doubt = track.motion.doubt();
            if doubt > CERTAIN_DOUBT {
                continue;
            }
            let buffer = buffer.map_or(0.0, |buffer| buffer + BUFFER_PER_DOUBT * doubt);
            let place = buffered(track.place, buffer);
            for &column in candidates.near(track.place, buffer, &mut near) {
                let it = &candidates.all[column];
                let item = &it.item;
                if it.is_taken || (item.score >= config.high_score) != is_strong {
                    continue;
                }
                let overlap = camweave_vision::iou(place, buffered(item.bbox, buffer));
                if overlap == 0.0 {
                    continue;
                }
                let fits = fits(track.votes.share(item.class_id), OTHER_CLASS);
                if overlap * fits >= min_iou {
                    pairs.push(Pair {
                        row,
                        column,
                        weight: weight(overlap * fits),
                    });
                }
            }
        }
        for (row, column) in assign_pairs(&pairs) {
            self.found(row, &mut candidates.all[column]);
        }
        self.memory = Memory { pairs, near };
    }

    fn found(&mut self, row: usize, candidate: &mut Candidate) {
        let track = &mut self.tracks[row];
        let item = &candidate.item;
        candidate.is_taken = true;
        track.found = Some(candidate.index);
        if !track.hypotheses.is_empty() {
            let density = track.motion.fit(&candidate.measured).log_density();
            for hypothesis in &mut track.hypotheses {
                hypothesis.correct(&candidate.measured, density);
            }
        }
        track.motion.correct(&candidate.measured);
        track.votes.add(item.class_id, item.score, track.unseen);
        track.highest_score = track.highest_score.max(item.score);
        track.exists = 1.0;
        (track.unseen, track.covered, track.is_covered) = (0.0, 0.0, false);
    }

    /// Boxes that continue no track that is certain: each begins a tentative one.
    fn begin(&mut self, candidates: &mut Candidates, step: &Step) {
        let known = self.tracks.len();
        for it in candidates.all.iter_mut().filter(|it| !it.is_taken) {
            let item = it.item;
            if item.score < self.config.high_score {
                continue;
            }
            let lost = self.tracks[..known].iter();
            let mut hypotheses: Vec<Hypothesis> = lost
                .filter(|track| track.found.is_none())
                .filter_map(|track| self.hypothesis(track, it, item.class_id, step))
                .collect();
            if hypotheses.is_empty() && item.score < self.config.new_track_score {
                continue;
            }
            if hypotheses.len() > MOST_HYPOTHESES {
                hypotheses.sort_by(|a, b| b.odds().total_cmp(&a.odds()));
                hypotheses.truncate(MOST_HYPOTHESES);
            }
            it.is_taken = true;
            self.tracks.push(Track {
                number: None,
                motion: Motion::new(&it.measured),
                place: item.bbox,
                votes: Votes::of(item.class_id, item.score),
                unseen: 0.0,
                covered: 0.0,
                is_covered: false,
                exists: 1.0,
                found: Some(it.index),
                is_over: false,
                age: 0.0,
                highest_score: item.score,
                hypotheses,
            });
        }
    }

    fn hypothesis(
        &self,
        lost: &Track,
        first: &Candidate,
        class_id: u32,
        step: &Step,
    ) -> Option<Hypothesis> {
        let memory = self.config.memory_seconds.max(f32::MIN_POSITIVE);
        let exists = lost.exists * (1.0 - lost.forgotten_seconds() / memory).max(0.0);
        let fits = fits(lost.votes.share(class_id), OTHER_CLASS_AFTER_GAP);
        Hypothesis::new(
            (lost.number?, &lost.motion),
            (exists, lost.unseen),
            &first.measured,
            fits,
            step,
        )
    }

    /// Decides which tentative tracks continue lost ones and which are new, as far as it is certain
    /// or must not wait any longer.
    fn decide(&mut self) {
        if !self.tracks.iter().any(Track::is_tentative) {
            return;
        }
        let numbered = self.tracks.iter().enumerate();
        let lost: HashMap<u64, usize> = numbered
            .filter(|(_, track)| track.found.is_none())
            .filter_map(|(index, track)| Some((track.number?, index)))
            .collect();
        let mut edges = Vec::new();
        for (tentative, track) in self.tracks.iter_mut().enumerate() {
            // One that was found meanwhile is not lost.
            track.hypotheses.retain(|it| lost.contains_key(&it.number));
            edges.extend(track.hypotheses.iter().map(|it| Edge {
                lost: lost[&it.number],
                tentative,
                odds: it.odds(),
            }));
        }
        let probabilities = probabilities(&edges);
        let interval = self.next_interval();
        let mut edge = 0;
        for index in 0..self.tracks.len() {
            let track = &self.tracks[index];
            let first = edge;
            edge += track.hypotheses.len();
            if track.number.is_some() || track.found.is_none() {
                continue;
            }
            let own = &probabilities[first..edge];
            let best = (0..own.len()).max_by(|&a, &b| own[a].total_cmp(&own[b]));
            let is_last =
                track.age + interval > DECIDE_SECONDS || !Self::is_sure_after(track, interval);
            let enough = if is_last { PROBABLE } else { SURE };
            if let Some(best) = best.filter(|&best| own[best] >= enough) {
                self.continue_lost(edges[first + best].lost, index, best);
            } else if is_last || own.iter().sum::<f32>() <= 1.0 - SURE {
                let is_new = self.number(index);
                if is_new {
                    for (edge, probability) in edges[first..edge].iter().zip(own) {
                        self.tracks[edge.lost].exists *= 1.0 - probability;
                    }
                }
            }
        }
    }

    /// Whether a track that has a box now can be matched as a certain one after `seconds`.
    fn is_sure_after(track: &Track, seconds: f32) -> bool {
        let mut motion = track.motion;
        motion.predict(&Step::new(seconds));
        seconds <= CERTAIN_SECONDS && motion.doubt() <= CERTAIN_DOUBT
    }

    /// A tentative track turns out to be a lost one.
    fn continue_lost(&mut self, lost: usize, tentative: usize, hypothesis: usize) {
        let newer = &mut self.tracks[tentative];
        newer.is_over = true;
        let found = newer.found.take();
        let motion = newer.hypotheses[hypothesis].motion(&newer.motion);
        let votes = std::mem::take(&mut newer.votes);
        let track = &mut self.tracks[lost];
        track.votes.merge(&votes, track.unseen);
        (track.found, track.motion, track.exists) = (found, motion, 1.0);
        (track.unseen, track.covered, track.is_covered) = (0.0, 0.0, false);
    }

    /// A tentative track continues no lost one; it is a new object if it is strong enough for one.
    fn number(&mut self, tentative: usize) -> bool {
        let track = &mut self.tracks[tentative];
        track.hypotheses = Vec::new();
        let is_new = track.highest_score >= self.config.new_track_score;
        if is_new {
            self.last_number += 1;
            track.number = Some(self.last_number);
        }
        is_new
    }

    /// Finds the tracks that another object of this frame covers.
    fn find_covered(&mut self, candidates: &Candidates) {
        for track in self.tracks.iter_mut().filter(|track| track.found.is_none()) {
            let place = track.place;
            let near = candidates.near(place, 0.0, &mut self.memory.near);
            track.is_covered = near.iter().any(|&at| {
                let other = &candidates.all[at];
                other.is_taken && covers(other.item.bbox, place) > COVERED
            });
            if track.is_covered {
                track.motion.hold_size();
            }
        }
    }

    fn give_up(&mut self) {
        self.tracks
            .retain(|track| !track.is_over && track.exists >= LEAST_EXISTENCE);
        let most = TRACKS_PER_BOX * self.config.max_boxes;
        if self.tracks.len() > most {
            self.tracks.sort_by(|a, b| a.unseen.total_cmp(&b.unseen));
            self.tracks.truncate(most);
        }
    }
}

impl Follow for BufferedTracker {
    fn update(&mut self, elapsed_seconds: f64, boxes: &[Detection]) -> Vec<Option<Followed>> {
        let step = Step::new(elapsed_seconds.clamp(0.0, 1e6) as f32);
        self.predict(&step);
        self.intervals.rotate_left(1);
        self.intervals[INTERVALS - 1] = step.seconds;
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.fill(boxes);
        for buffer in BUFFERS {
            self.match_near(&mut candidates, true, Some(buffer));
        }
        self.match_near(&mut candidates, false, None);
        self.begin(&mut candidates, &step);
        self.decide();
        self.find_covered(&candidates);
        self.candidates = candidates;
        self.give_up();
        let mut followed = vec![None; boxes.len()];
        for track in &self.tracks {
            if let (Some(index), Some(number)) = (track.found, track.number) {
                followed[index] = Some(Followed {
                    number,
                    class_id: track.votes.elected(),
                });
            }
        }
        followed
    }

    fn memory_seconds(&self) -> f64 {
        2.0 * f64::from(self.config.memory_seconds)
    }
}

/// How well a box fits by its class, of which a share of the track's votes was.
fn fits(share: f32, other_class: f32) -> f32 {
    other_class + (1.0 - other_class) * share
}

/// A weight for the assignment: weights are integers above zero.
fn weight(of: f32) -> i64 {
    // Rounds: what is cut off is above zero.
    ((f64::from(of) * 1e6 + 0.5) as i64).max(1)
}

#[cfg(test)]
#[path = "buffered_tests.rs"]
mod tests;
