//! A track of the default tracker.

use crate::hypotheses::Hypothesis;
use crate::motion::Motion;
use crate::votes::Votes;

/// One object that is followed.
pub(crate) struct Track {
    /// None while it is tentative: it may be one that was lost.
    pub number: Option<u64>,
    pub motion: Motion,
    /// The predicted box of this frame.
    pub place: [f32; 4],
    pub votes: Votes,
    /// Seconds since its last box.
    pub unseen: f32,
    /// Of these, the seconds in which another object covered it.
    pub covered: f32,
    pub is_covered: bool,
    /// The probability that no other track has taken over its object.
    pub exists: f32,
    /// The box of this frame.
    pub found: Option<usize>,
    pub is_over: bool,
    /// Of a tentative track: seconds since its first box, its highest score, and the lost tracks
    /// that it may continue.
    pub age: f32,
    pub highest_score: f32,
    pub hypotheses: Vec<Hypothesis>,
}

impl Track {
    /// Seconds that count against its memory. Covered time counts half, so that a track ends
    /// whatever stands in front of it.
    pub fn forgotten_seconds(&self) -> f32 {
        self.unseen - 0.5 * self.covered
    }

    pub fn is_tentative(&self) -> bool {
        self.number.is_none()
    }
}
