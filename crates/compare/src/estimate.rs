//! How far two graphs are apart.
//!
//! Each run gives one value: frames of one run are not independent of one another (a slow moment
//! of the machine slows many), so a thousand frames are no thousand observations. The values are
//! fitted by least squares with
//!
//! `value = mean + difference * (0 for A, 1 for B) + trend * (place in the order)`
//!
//! The trend takes out a machine that gets warmer or busier over time; the order A B B A keeps
//! it apart from the difference. It is fitted from six runs on; with fewer there is nothing to
//! fit it from. The interval is Student's t with the degrees of freedom that are left, so few
//! runs give wide intervals. No bootstrap: of three or four runs there is nothing to resample,
//! and its intervals would be too narrow.
//!
//! Graphs that went in slices of the same moments share a place. Then the mean of each place is
//! taken out in place of a trend, which leaves the differences of pairs (a paired t test for two
//! graphs): a machine's speed at that moment is none of theirs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The probability that an interval covers the true value.
pub const CONFIDENCE: f64 = 0.95;
/// Runs of both graphs from which on a trend is fitted.
const RUNS_FOR_A_TREND: usize = 6;

/// A value of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Whether it is of B.
    pub is_b: bool,
    /// Its place in the order of runs; the same for what was measured at the same time.
    pub place: usize,
    /// The value; on the scale that is to be compared, such as a logarithm.
    pub value: f64,
}

/// B less A.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The difference.
    pub difference: f64,
    /// Its standard error, once there are runs enough.
    pub error: Option<f64>,
    /// Degrees of freedom.
    pub freedom: usize,
}

impl Estimate {
    /// Fits the model; `None` without a run of each.
    #[must_use]
    pub fn fit(observations: &[Observation]) -> Option<Self> {
        let of_b = observations.iter().filter(|it| it.is_b).count();
        let all = observations.len();
        if of_b == 0 || of_b == all || observations.iter().any(|it| !it.value.is_finite()) {
            return None;
        }
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        for observation in observations {
            *places.entry(observation.place).or_default() += 1;
        }
        let paired = places.len() < all;
        let centred = |value: &dyn Fn(&Observation) -> f64| {
            let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
            for observation in observations {
                *sums.entry(observation.place).or_default() += value(observation);
            }
            let mean = sums.values().sum::<f64>() / all as f64;
            observations
                .iter()
                .map(|it| {
                    let of_place = sums[&it.place] / places[&it.place] as f64;
                    value(it) - if paired { of_place } else { mean }
                })
                .collect::<Vec<_>>()
        };
        let trend = centred(&|it| it.place as f64);
        let has_trend = !paired && all >= RUNS_FOR_A_TREND;
        let free_of_trend = |values: Vec<f64>| {
            if has_trend {
                without(&values, &trend)
            } else {
                values
            }
        };
        let side = free_of_trend(centred(&|it| f64::from(u8::from(it.is_b))));
        let value = free_of_trend(centred(&|it| it.value));
        let length = dot(&side, &side);
        // Zero if all runs of A came before those of B, so that the trend explains all, or if no
        // place has both.
        if length < 1e-9 {
            return None;
        }
        let difference = dot(&side, &value) / length;
        let rest = without(&value, &side);
        let means = if paired { places.len() } else { 1 };
        let freedom = all - 1 - means - usize::from(has_trend);
        let error = (freedom > 0).then(|| (dot(&rest, &rest) / freedom as f64 / length).sqrt());
        Some(Self {
            difference,
            error,
            freedom,
        })
    }

    fn distribution(&self) -> Option<StudentsT> {
        StudentsT::new(0.0, 1.0, self.freedom as f64).ok()
    }

    /// The interval that covers the true difference with [`CONFIDENCE`].
    #[must_use]
    pub fn interval(&self) -> Option<(f64, f64)> {
        let error = self.error?;
        let reach = self
            .distribution()?
            .inverse_cdf(f64::midpoint(CONFIDENCE, 1.0))
            * error;
        Some((self.difference - reach, self.difference + reach))
    }

    /// How probable a difference as large as this one would be if the true one were no larger
    /// than `margin` (a test of minimum effect; with `margin` 0 it is the usual t test).
    #[must_use]
    pub fn p_value(&self, margin: f64) -> Option<f64> {
        let error = self.error?;
        let size = self.difference.abs();
        if size <= margin {
            return Some(1.0);
        }
        if error == 0.0 {
            return Some(0.0);
        }
        let distribution = self.distribution()?;
        let above = |distance: f64| distribution.sf(distance / error);
        Some(above(size - margin) + above(size + margin))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What is left of `values` without their part along `direction`.
fn without(values: &[f64], direction: &[f64]) -> Vec<f64> {
    let length = dot(direction, direction);
    let part = if length > 0.0 {
        dot(values, direction) / length
    } else {
        0.0
    };
    values
        .iter()
        .zip(direction)
        .map(|(value, along)| value - part * along)
        .collect()
}

/// Holm's step-down correction: each p value raised so that, where all are compared with one
/// level, the chance of a single false finding among them stays below it.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        let left = (p_values.len() - rank) as f64;
        least = least.max((p_values[index] * left).min(1.0));
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;
    use rand::SeedableRng as _;

    use super::*;

    fn runs(values: &[(bool, f64)]) -> Vec<Observation> {
        values
            .iter()
            .enumerate()
            .map(|(place, (is_b, value))| Observation {
                is_b: *is_b,
                place,
                value: *value,
            })
            .collect()
    }

    #[test]
    fn agrees_with_a_t_test_by_hand() {
        // Means 5 and 5.75, pooled variance 0.0325, so t = 0.75 / sqrt(0.0325) with 2 degrees.
        let found = Estimate::fit(&runs(&[
            (false, 5.1),
            (true, 5.6),
            (true, 5.9),
            (false, 4.9),
        ]))
        .expect("both sides");
        assert!((found.difference - 0.75).abs() < 1e-12);
        assert_eq!(found.freedom, 2);
        let t = found.difference / found.error.expect("an error");
        assert!((t - 4.160_251_471_7).abs() < 1e-6, "{t}");
        // For two degrees of freedom the distribution has a closed form.
        let p = 1.0 - t / (2.0 + t * t).sqrt();
        assert!((found.p_value(0.0).expect("a p value") - p).abs() < 1e-9);
        let (low, high) = found.interval().expect("an interval");
        let reach = 4.302_652_73 * 0.75 / t;
        assert!((low - (0.75 - reach)).abs() < 1e-6 && (high - (0.75 + reach)).abs() < 1e-6);
    }

    #[test]
    fn a_trend_is_no_difference() {
        let drift = |place: usize| 10.0 + 0.5 * place as f64;
        let sides = [false, true, true, false, false, true, true, false];
        let values: Vec<(bool, f64)> = sides
            .iter()
            .enumerate()
            .map(|(place, side)| (*side, drift(place)))
            .collect();
        let found = Estimate::fit(&runs(&values)).expect("both sides");
        assert!(found.difference.abs() < 1e-9, "{found:?}");
        assert!(found.error.expect("an error") < 1e-9);
        assert_eq!(found.freedom, 5);
    }

    #[test]
    fn what_was_measured_together_is_compared_together() {
        // A machine that is now fast, now slow; B takes 1, 2, 3 and 2 more. A place without its
        // other half says nothing.
        let values = [
            (false, 0, 10.0),
            (true, 0, 11.0),
            (true, 1, 92.0),
            (false, 1, 90.0),
            (false, 2, 40.0),
            (true, 2, 43.0),
            (true, 3, 72.0),
            (false, 3, 70.0),
            (false, 4, 500.0),
        ];
        let values = values.map(|(is_b, place, value)| Observation { is_b, place, value });
        let found = Estimate::fit(&values).expect("both sides");
        assert!((found.difference - 2.0).abs() < 1e-9, "{found:?}");
        // Differences 1, 2, 3, 2: standard deviation sqrt(2/3), over sqrt(4).
        let error = found.error.expect("an error");
        assert!((error - (2.0_f64 / 3.0).sqrt() / 2.0).abs() < 1e-9);
        assert_eq!(found.freedom, 3);
    }

    #[test]
    fn few_runs_show_nothing_for_certain() {
        assert_eq!(Estimate::fit(&runs(&[(false, 1.0)])), None);
        let one_each = Estimate::fit(&runs(&[(false, 1.0), (true, 2.0)])).expect("both sides");
        assert_eq!((one_each.difference, one_each.error), (1.0, None));
        assert_eq!((one_each.interval(), one_each.p_value(0.0)), (None, None));
    }

    #[test]
    fn holm_steps_down() {
        let close = |a: Vec<f64>, b: [f64; 4]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        assert!(close(
            holm(&[0.01, 0.04, 0.03, 0.005]),
            [0.03, 0.06, 0.06, 0.02]
        ));
    }

    /// Of runs without a difference, a twentieth of the intervals miss it, not more; and a
    /// difference of five times the noise is found.
    #[test]
    fn intervals_cover_and_large_differences_are_found() {
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(7);
        // Twelve uniform values less six: the standard normal distribution, nearly.
        let mut noise = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        let sides = [false, true, true, false, false, true, true, false];
        let tries = 2000;
        let (mut missed, mut found) = (0, 0);
        for _ in 0..tries {
            let values: Vec<(bool, f64)> = sides
                .iter()
                .enumerate()
                .map(|(place, side)| (*side, noise() + 0.3 * place as f64))
                .collect();
            let same = Estimate::fit(&runs(&values)).expect("both sides");
            let (low, high) = same.interval().expect("an interval");
            missed += usize::from(low > 0.0 || high < 0.0);
            let apart: Vec<(bool, f64)> = values
                .iter()
                .map(|(side, value)| (*side, value + 5.0 * f64::from(u8::from(*side))))
                .collect();
            let apart = Estimate::fit(&runs(&apart)).expect("both sides");
            found += usize::from(apart.p_value(0.5).expect("a p value") < 0.05);
        }
        // 5 % of 2,000 is 100, with a standard deviation of 9.7.
        assert!((60..=140).contains(&missed), "{missed} of {tries}");
        assert!(found > 1950, "{found} of {tries}");
    }
}
