//! The default tracker: buffered IoU in two rounds, a rule for covered objects, and gaps that end in
//! certainty or in a new id.
//!
//! Sources: Yang et al., "Hard to Track Objects with Irregular Motions and Similar Appearances? Make
//! It Easier by Buffering the Matching Space", WACV 2023 (C-BIoU); Hashempoor et al., "FastTracker",
//! arXiv 2508.14370 (covered objects); Zhang et al., "ByteTrack", ECCV 2022 (weak boxes).

use camweave_vision::Detection;
use camweave_vision::metrics::assignment::{Pair, assign_pairs};

use crate::follow::{Follow, FollowConfig, is_sound};
use crate::motion::{Measured, Motion};
use crate::votes::Votes;

/// Tracks of a camera for each box that a frame may have; beyond them the longest unseen are given up.
const TRACKS_PER_BOX: usize = 4;

/// How much larger boxes are on each side, of their size, in the two rounds of certain tracks.
const BUFFERS: [f32; 2] = [0.1, 0.3];
/// The same for each unit of doubt of the prediction.
const BUFFER_PER_DOUBT: f32 = 1.0;
/// A track is certain if it was seen in the last so many seconds, ...
const CERTAIN_SECONDS: f32 = 0.4;
/// ... and the standard deviation of its place is at most this, of its size.
const CERTAIN_DOUBT: f32 = 0.35;
/// How well a box of another class fits, where one of the same class fits by 1.
const OTHER_CLASS: f32 = 0.2;
/// The same after a gap, where the place says less.
const OTHER_CLASS_AFTER_GAP: f32 = 0.04;
/// New objects that come unseen, per second, area of a box and unit of logarithmic width and height.
const NEW_PER_SECOND: f32 = 0.005;
/// The time in which an object comes unseen between two frames however near, such as from behind
/// another, seconds.
const UNSEEN_SECONDS: f32 = 0.05;
/// After a gap a track continues if it explains the box by at least this share.
const LEAST_SHARE: f32 = 0.6;
/// Squared Mahalanobis distance, in four coordinates, beyond which a box is none of the track's.
const MOST_DISTANCE: f32 = 40.0;
/// A track is covered if at least this share of its box is inside another.
const COVERED: f32 = 0.7;

struct Track {
    number: u64,
    motion: Motion,
    votes: Votes,
    /// Seconds since its last box.
    unseen: f32,
    /// Of these, the seconds in which another object covered it.
    covered: f32,
    is_covered: bool,
    /// The box of this frame.
    found: Option<usize>,
    is_given_up: bool,
}

/// A box of the frame.
struct Candidate {
    index: usize,
    measured: Measured,
    centre_x: f32,
    is_taken: bool,
}

/// The default tracker, for one camera.
pub(crate) struct BufferedTracker {
    config: FollowConfig,
    tracks: Vec<Track>,
    last_number: u64,
}

impl BufferedTracker {
    /// A tracker that has seen nothing.
    pub fn new(config: FollowConfig) -> Self {
        Self {
            config,
            tracks: Vec::new(),
            last_number: 0,
        }
    }

    fn predict(&mut self, seconds: f32) {
        for track in &mut self.tracks {
            track.motion.predict(seconds, track.is_covered);
            track.unseen += seconds;
            track.found = None;
            if track.is_covered {
                track.covered += seconds;
            }
        }
        let memory = self.config.memory_seconds;
        // Covered time counts half, so that a track ends whatever stands in front of it.
        self.tracks.retain(|track| {
            track.unseen - 0.5 * track.covered <= memory && track.motion.is_finite()
        });
    }

    /// Pairs of tracks that are sure of their place with free boxes, by buffered IoU.
    fn match_near(
        &mut self,
        boxes: &[Detection],
        candidates: &mut [Candidate],
        is_strong: bool,
        buffer: Option<f32>,
    ) {
        let config = self.config;
        let min_iou = if is_strong {
            config.min_iou
        } else {
            config.min_iou_low
        };
        let widest = candidates
            .iter()
            .map(|it| boxes[it.index].bbox[2] - boxes[it.index].bbox[0])
            .fold(0.0, f32::max);
        let mut pairs = Vec::new();
        for (row, track) in self.tracks.iter().enumerate() {
            let doubt = track.motion.doubt();
            let is_sure = track.unseen <= CERTAIN_SECONDS && doubt <= CERTAIN_DOUBT;
            if track.found.is_some() || !is_sure {
                continue;
            }
            let buffer = buffer.map_or(0.0, |buffer| buffer + BUFFER_PER_DOUBT * doubt);
            let place = track.motion.bbox();
            let reach = (0.5 + buffer) * (place[2] - place[0] + widest);
            let middle = (place[0] + place[2]) * 0.5;
            let from = candidates.partition_point(|it| it.centre_x < middle - reach);
            let place = buffered(place, buffer);
            for (column, it) in candidates.iter().enumerate().skip(from) {
                if it.centre_x > middle + reach {
                    break;
                }
                let item = &boxes[it.index];
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
            self.found(row, &mut candidates[column], boxes);
        }
    }

    /// After a gap: a track continues with a free box only where neither another track nor a new
    /// object explains it; where one might, the track is given up.
    ///
    /// `seconds` is the time in which an object may have come unseen: that between two frames.
    fn match_after_gap(&mut self, boxes: &[Detection], candidates: &mut [Candidate], seconds: f32) {
        let new = NEW_PER_SECOND * (seconds + UNSEEN_SECONDS);
        let mut likely: Vec<(usize, usize, f32)> = Vec::new();
        let mut by_row = vec![0.0; self.tracks.len()];
        let mut by_column = vec![0.0; candidates.len()];
        for (row, track) in self.tracks.iter().enumerate() {
            if track.found.is_some() {
                continue;
            }
            let [left, right] = track.motion.within(MOST_DISTANCE);
            let from = candidates.partition_point(|it| it.centre_x < left);
            for (column, it) in candidates.iter().enumerate().skip(from) {
                if it.centre_x > right {
                    break;
                }
                let item = &boxes[it.index];
                if it.is_taken || item.score < self.config.high_score {
                    continue;
                }
                let fit = track.motion.fit(&it.measured);
                if fit.distance > MOST_DISTANCE {
                    continue;
                }
                let fits = fits(track.votes.share(item.class_id), OTHER_CLASS_AFTER_GAP);
                let odds = fits * fit.log_density.exp() / new;
                by_row[row] += odds;
                by_column[column] += odds;
                likely.push((row, column, odds));
            }
        }
        let pairs: Vec<Pair> = likely
            .iter()
            .filter(|(_, _, odds)| *odds > 1.0)
            .map(|&(row, column, odds)| Pair {
                row,
                column,
                weight: weight(odds.ln()),
            })
            .collect();
        for (row, column) in assign_pairs(&pairs) {
            // By rows, and in a row by columns, as they were found.
            let at = likely.binary_search_by_key(&(row, column), |it| (it.0, it.1));
            let odds = at.map_or(0.0, |at| likely[at].2);
            let all = 1.0 + by_row[row] + by_column[column] - odds;
            if odds >= LEAST_SHARE * all {
                self.found(row, &mut candidates[column], boxes);
            }
        }
        for pair in pairs {
            let track = &mut self.tracks[pair.row];
            if track.found.is_none() && !candidates[pair.column].is_taken {
                track.is_given_up = true;
            }
        }
    }

    fn found(&mut self, row: usize, candidate: &mut Candidate, boxes: &[Detection]) {
        let track = &mut self.tracks[row];
        let item = &boxes[candidate.index];
        candidate.is_taken = true;
        track.found = Some(candidate.index);
        track.motion.correct(&candidate.measured);
        track.votes.add(item.class_id, item.score, track.unseen);
        (track.unseen, track.covered, track.is_covered) = (0.0, 0.0, false);
    }

    /// Finds the tracks that another object of this frame covers.
    fn find_covered(&mut self, boxes: &[Detection]) {
        let seen: Vec<[f32; 4]> = self
            .tracks
            .iter()
            .filter_map(|track| Some(boxes[track.found?].bbox))
            .collect();
        for track in self.tracks.iter_mut().filter(|track| track.found.is_none()) {
            let place = track.motion.bbox();
            track.is_covered = seen.iter().any(|other| covers(*other, place) > COVERED);
            if track.is_covered {
                track.motion.hold_size();
            }
        }
    }

    fn begin(&mut self, boxes: &[Detection], candidates: &[Candidate]) {
        for it in candidates.iter().filter(|it| !it.is_taken) {
            let item = &boxes[it.index];
            if item.score < self.config.new_track_score {
                continue;
            }
            self.last_number += 1;
            self.tracks.push(Track {
                number: self.last_number,
                motion: Motion::new(&it.measured),
                votes: Votes::of(item.class_id, item.score),
                unseen: 0.0,
                covered: 0.0,
                is_covered: false,
                found: Some(it.index),
                is_given_up: false,
            });
        }
        let most = TRACKS_PER_BOX * self.config.max_boxes;
        if self.tracks.len() > most {
            self.tracks.sort_by(|a, b| a.unseen.total_cmp(&b.unseen));
            self.tracks.truncate(most);
        }
    }
}

impl Follow for BufferedTracker {
    fn update(&mut self, elapsed_seconds: f64, boxes: &[Detection]) -> Vec<Option<u64>> {
        let seconds = elapsed_seconds.clamp(0.0, 1e6) as f32;
        self.predict(seconds);
        let mut candidates: Vec<Candidate> = boxes
            .iter()
            .enumerate()
            .filter(|(_, item)| is_sound(item))
            .map(|(index, item)| Candidate {
                index,
                measured: Measured::of(item.bbox),
                centre_x: (item.bbox[0] + item.bbox[2]) * 0.5,
                is_taken: false,
            })
            .collect();
        candidates.sort_by(|a, b| a.centre_x.total_cmp(&b.centre_x));
        for buffer in BUFFERS {
            self.match_near(boxes, &mut candidates, true, Some(buffer));
        }
        self.match_near(boxes, &mut candidates, false, None);
        self.match_after_gap(boxes, &mut candidates, seconds);
        self.tracks.retain(|track| !track.is_given_up);
        self.find_covered(boxes);
        self.begin(boxes, &candidates);
        let mut numbers = vec![None; boxes.len()];
        for track in &self.tracks {
            if let Some(index) = track.found {
                numbers[index] = Some(track.number);
            }
        }
        numbers
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
    ((f64::from(of) * 1e6).round() as i64).max(1)
}

/// A box that is larger by `buffer` times its size on each side.
fn buffered([x1, y1, x2, y2]: [f32; 4], buffer: f32) -> [f32; 4] {
    let (wide, high) = ((x2 - x1) * buffer, (y2 - y1) * buffer);
    [x1 - wide, y1 - high, x2 + wide, y2 + high]
}

/// The share of `covered` that lies inside `cover`.
fn covers(cover: [f32; 4], covered: [f32; 4]) -> f32 {
    let side = |axis: usize| {
        (cover[axis + 2].min(covered[axis + 2]) - cover[axis].max(covered[axis])).max(0.0)
    };
    let area = (covered[2] - covered[0]) * (covered[3] - covered[1]);
    if area > 0.0 {
        side(0) * side(1) / area
    } else {
        0.0
    }
}
