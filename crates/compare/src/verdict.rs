//! What runs say of one metric.

use serde::{Deserialize, Serialize};

use crate::metric::Metric;

/// The metric that a comparison is made for first.
pub(crate) const PRIMARY: &str = "throughput";

/// What the runs say of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// B differs, for the better.
    Better,
    /// B differs, for the worse.
    Worse,
    /// The interval lies within the margin: there is no difference worth speaking of.
    Equal,
    /// No difference that these runs can show.
    Unknown,
}

/// One metric of one graph against the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was compared.
    pub metric: Metric,
    /// Mean over A's runs.
    pub a: f64,
    /// The same of B's.
    pub b: f64,
    /// B / A, or B - A.
    pub change: f64,
    /// The 95 % interval of `change`, once there are runs enough; by itself, not corrected.
    pub interval: Option<(f64, f64)>,
    /// Corrected for the number of metrics, against a change within the margin.
    pub p_value: Option<f64>,
    /// What this says.
    pub outcome: Outcome,
    /// The same in words.
    pub text: String,
}

impl Verdict {
    /// The way of the change: B's mean alone knows nothing of a trend.
    #[must_use]
    pub fn rises(&self) -> bool {
        self.change > if self.metric.by_ratio { 1.0 } else { 0.0 }
    }

    /// Whether a difference would be reported if nothing else had been looked at.
    #[must_use]
    pub fn is_probable(&self) -> bool {
        let none = if self.metric.by_ratio { 1.0 } else { 0.0 };
        let interval = self.interval;
        self.outcome == Outcome::Unknown
            && interval.is_some_and(|(low, high)| low > none || high < none)
    }
}
