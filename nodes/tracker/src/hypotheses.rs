//! Whether an object that came into sight is one that was lost: hypotheses, each of which gains or
//! loses with every further box, and how probable they are together.
//!
//! Sources: Reid, "An Algorithm for Tracking Multiple Targets", IEEE TAC 1979 (deferred decisions);
//! Williams and Lau, "Approximate evaluation of marginal association probabilities with belief
//! propagation", IEEE TAES 2014.

use crate::motion::{Measured, Motion, Step};

/// Objects that were lost and come into sight again, per second.
const REAPPEAR_PER_SECOND: f32 = 1.0;
/// New objects that come into sight, per second, area of a box and unit of logarithmic width and
/// height.
const NEW_PER_SECOND: f32 = 0.01;
/// Frames are taken to be at least so far apart, seconds.
const LEAST_SECONDS: f32 = 0.01;
/// An object changes its velocity once in so many seconds.
const CHANGE_SECONDS: f32 = 12.0;
/// Squared Mahalanobis distance, in four coordinates, beyond which a box is none of the track's.
const MOST_DISTANCE: f32 = 40.0;
/// Hypotheses less likely than this, in comparison with a new object, are left out.
const LEAST_ODDS: f32 = 1e-3;
/// Bounds of the logarithm of odds, so that sums of odds are exact enough.
const MOST_LOG_ODDS: f32 = 18.0;
/// Rounds in which the probabilities settle; they do so exponentially.
const ROUNDS: usize = 12;

/// That a tentative track continues a lost one.
#[derive(Debug, Clone)]
pub(crate) struct Hypothesis {
    /// The number of the lost track.
    pub number: u64,
    /// Its motion with the boxes of the tentative one.
    motion: Motion,
    /// Logarithm of the odds against a new object that it went on as it was.
    steady: f32,
    /// That it changed its velocity while it was not seen: then the boxes after the first say
    /// nothing more.
    changed: f32,
}

impl Hypothesis {
    /// Of a lost track and the first box of a tentative one, if there is anything in it.
    ///
    /// `exists` is the probability that the object is still there, `fits` how well it fits by its
    /// class, and `step` the time since the frame before, in which a new object may have come.
    pub fn new(
        (number, motion): (u64, &Motion),
        (exists, unseen): (f32, f32),
        first: &Measured,
        fits: f32,
        step: &Step,
    ) -> Option<Self> {
        let steady = motion.fit(first);
        let changed = motion.fit_if_changed(first, unseen);
        if steady.distance > MOST_DISTANCE && changed.distance > MOST_DISTANCE {
            return None;
        }
        let seconds = step.seconds.max(LEAST_SECONDS);
        let seen = exists * (1.0 - (-REAPPEAR_PER_SECOND * seconds).exp());
        let odds = fits * seen / ((1.0 - seen) * NEW_PER_SECOND * seconds);
        let change = 1.0 - (-unseen / CHANGE_SECONDS).exp();
        let mut found = Self {
            number,
            motion: *motion,
            steady: (odds * (1.0 - change)).ln() + steady.log_density(),
            changed: (odds * change).ln() + changed.log_density(),
        };
        found.motion.correct(first);
        (found.odds() >= LEAST_ODDS).then_some(found)
    }

    pub fn predict(&mut self, step: &Step) {
        self.motion.predict(step);
    }

    /// Takes a further box, of which the tentative track's own prediction has this density.
    pub fn correct(&mut self, measured: &Measured, log_density: f32) {
        self.steady += self.motion.fit(measured).log_density() - log_density;
        self.motion.correct(measured);
    }

    /// Odds against a new object.
    pub fn odds(&self) -> f32 {
        let odds = |log: f32| log.clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS).exp();
        odds(self.steady) + odds(self.changed)
    }

    /// The motion that the object has if this is true; `own` is that of the tentative track alone.
    pub fn motion(&self, own: &Motion) -> Motion {
        if self.steady >= self.changed {
            self.motion
        } else {
            *own
        }
    }
}

/// A hypothesis in the graph of all: indices of the lost track and of the tentative one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    pub lost: usize,
    pub tentative: usize,
    pub odds: f32,
}

/// The probability of each hypothesis, given that a lost track is continued by one tentative track
/// at most, and a tentative track continues one lost track at most.
pub(crate) fn probabilities(edges: &[Edge]) -> Vec<f32> {
    let rows = edges.iter().map(|it| it.lost + 1).max().unwrap_or(0);
    let columns = edges.iter().map(|it| it.tentative + 1).max().unwrap_or(0);
    // For each hypothesis, how free its tentative track is of the other ones.
    let mut free = vec![1.0_f64; edges.len()];
    let mut weights = vec![0.0; edges.len()];
    let by_row = |free: &[f64]| {
        let mut sums = vec![1.0; rows];
        for (edge, free) in edges.iter().zip(free) {
            sums[edge.lost] += f64::from(edge.odds) * free;
        }
        sums
    };
    for _ in 0..ROUNDS {
        let sums = by_row(&free);
        let mut of_column = vec![1.0; columns];
        for ((edge, free), weight) in edges.iter().zip(&free).zip(&mut weights) {
            let odds = f64::from(edge.odds);
            *weight = odds / (sums[edge.lost] - odds * free).max(1.0);
            of_column[edge.tentative] += *weight;
        }
        for ((edge, free), weight) in edges.iter().zip(&mut free).zip(&weights) {
            *free = 1.0 / (of_column[edge.tentative] - weight).max(1.0);
        }
    }
    let sums = by_row(&free);
    let all = edges.iter().zip(&free);
    all.map(|(edge, free)| (f64::from(edge.odds) * free / sums[edge.lost]) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge((lost, tentative): (usize, usize), odds: f32) -> Edge {
        Edge {
            lost,
            tentative,
            odds,
        }
    }

    /// By enumeration of all ways to pair tracks.
    fn exact(edges: &[Edge]) -> Vec<f32> {
        let mut sums = vec![0.0; edges.len()];
        let mut all = 0.0;
        for chosen in 0_u32..1 << edges.len() {
            let pairs: Vec<usize> = (0..edges.len())
                .filter(|it| chosen >> it & 1 == 1)
                .collect();
            let is_once = |of: fn(&Edge) -> usize| {
                let mut ends: Vec<_> = pairs.iter().map(|&it| of(&edges[it])).collect();
                ends.sort_unstable();
                ends.windows(2).all(|pair| pair[0] != pair[1])
            };
            if is_once(|it| it.lost) && is_once(|it| it.tentative) {
                let weight: f64 = pairs.iter().map(|&it| f64::from(edges[it].odds)).product();
                all += weight;
                pairs.iter().for_each(|&it| sums[it] += weight);
            }
        }
        sums.into_iter().map(|sum| (sum / all) as f32).collect()
    }

    fn check(edges: &[Edge], tolerance: f32) {
        for (found, expected) in probabilities(edges).iter().zip(exact(edges)) {
            assert!(
                (found - expected).abs() < tolerance,
                "{found}, expected {expected} of {edges:?}"
            );
        }
    }

    #[test]
    fn trees_of_hypotheses_are_exact() {
        check(&[edge((0, 0), 4.0)], 1e-6);
        check(&[edge((0, 0), 4.0), edge((0, 1), 0.5)], 1e-6);
        // Who is certainly another leaves a doubtful one free.
        check(
            &[edge((0, 0), 100.0), edge((0, 1), 60.0), edge((1, 1), 1e6)],
            1e-4,
        );
    }

    #[test]
    fn circles_of_hypotheses_are_nearly_exact() {
        let square = [
            edge((0, 0), 30.0),
            edge((0, 1), 2.0),
            edge((1, 0), 1.0),
            edge((1, 1), 50.0),
        ];
        check(&square, 0.03);
        check(&square.map(|it| Edge { odds: 3.0, ..it }), 0.06);
    }

    #[test]
    fn extreme_odds_stay_numbers() {
        let most = MOST_LOG_ODDS.exp();
        let all: Vec<Edge> = (0..16)
            .map(|at| {
                edge(
                    (at / 4, at % 4),
                    if at % 5 == 0 { most } else { 1.0 / most },
                )
            })
            .collect();
        for (at, found) in probabilities(&all).into_iter().enumerate() {
            let expected = f32::from(u8::from(at % 5 == 0));
            assert!((found - expected).abs() < 1e-3, "{at}: {found}");
        }
        assert!(probabilities(&[]).is_empty());
    }
}
