//! From the values of a place to its best class and the score of it.

use super::exp::exp;
use super::{Activation, HeadFormat, Scores};

/// Classes at and above this are not exact in `f32`.
const CLASS_LIMIT: f32 = 16_777_216.0;

/// How the scores of a head are read.
pub(super) struct Scoring {
    format: HeadFormat,
    confidence: f32,
}

impl Scoring {
    pub fn new(format: &HeadFormat, confidence: f32) -> Self {
        Self {
            format: *format,
            confidence,
        }
    }

    /// What a value of a class must be greater than, so that it may pass.
    pub fn floor(&self) -> f32 {
        match (self.format.scores, self.format.activation) {
            (Scores::PerClass { .. }, Activation::None) => self.confidence,
            _ => f32::NEG_INFINITY,
        }
    }

    /// The score of a place and its class, if it passes; `at` gives the place's scores.
    pub fn best(&self, at: impl Fn(usize) -> f32) -> Option<(f32, u32)> {
        if self.format.scores == Scores::Labelled {
            let class = at(1);
            let is_class = (0.0..CLASS_LIMIT).contains(&class);
            let score = is_class.then(|| self.score(at(0), at))??;
            return Some((score, class as u32));
        }
        // Most places of such a head end here.
        self.objectness(&at)?;
        let (mut best, mut best_class) = (self.floor(), None);
        for (class, index) in (0..).zip(self.format.class_scores()) {
            let value = at(index);
            if value > best && value <= f32::MAX {
                (best, best_class) = (value, Some(class));
            }
        }
        let class = best_class?;
        Some((self.score(best, at)?, class))
    }

    /// The score of a place whose best class has this value, if it passes.
    #[inline]
    pub fn score(&self, value: f32, at: impl Fn(usize) -> f32) -> Option<f32> {
        let score = match (self.format.activation, self.format.scores) {
            (Activation::Softmax, Scores::PerClass { values, .. }) => {
                softmax(value, (0..values as usize).map(&at))
            }
            _ => self.activated(value),
        };
        let score = score * self.objectness(at)?;
        (score > self.confidence && score <= f32::MAX).then_some(score)
    }

    /// How sure the network is that there is an object, if that passes; 1 where it does not say.
    #[inline]
    fn objectness(&self, at: impl Fn(usize) -> f32) -> Option<f32> {
        match self.format.scores {
            Scores::Objectness { .. } => {
                Some(self.activated(at(0))).filter(|&score| score > self.confidence)
            }
            Scores::PerClass { .. } | Scores::Labelled => Some(1.0),
        }
    }

    fn activated(&self, value: f32) -> f32 {
        match self.format.activation {
            Activation::None | Activation::Softmax => value,
            Activation::Sigmoid if value.is_finite() => 1.0 / (1.0 + exp(-value)),
            Activation::Sigmoid => f32::NAN,
            Activation::Percent => value / 100.0,
        }
    }
}

/// The part of `value` in all; not a number where one of all is infinite or not a number.
fn softmax(value: f32, all: impl Iterator<Item = f32> + Clone) -> f32 {
    let greatest = all.clone().fold(f32::NEG_INFINITY, |greatest, value| {
        if value > greatest { value } else { greatest }
    });
    let sum = all.fold(0.0, |sum, value| sum + exp(value - greatest));
    exp(value - greatest) / sum
}
