//! Two things measured in turn, and how their ratio spreads.

use serde::{Deserialize, Serialize};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// `A B`, `B A`, `A B`, ...: a machine that gets slower or faster over time favours neither.
#[must_use]
pub fn order(pairs: usize) -> Vec<[Side; 2]> {
    [[Side::A, Side::B], [Side::B, Side::A]]
        .into_iter()
        .cycle()
        .take(pairs)
        .collect()
}

/// Least, median and greatest of some values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The median; the mean of the two middle ones of an even number.
    pub median: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Spread {
    /// Of `values`; nothing if there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, greatest) = (*values.first()?, *values.last()?);
        let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
        Some(Self {
            least,
            median: f64::midpoint(values[low], values[high]),
            greatest,
        })
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Self {
            least,
            median,
            greatest,
        } = self;
        write!(
            f,
            "{median:.digits$} ({least:.digits$} to {greatest:.digits$})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_turn_round() {
        let flat: Vec<Side> = order(4).into_iter().flatten().collect();
        let expected = [Side::A, Side::B, Side::B, Side::A];
        assert_eq!(flat, [expected, expected].concat());
    }

    #[test]
    fn spreads() {
        assert_eq!(Spread::of([]), None);
        let even = Spread::of([4.0, 1.0, 2.0, 8.0]).expect("there are values");
        assert_eq!(even.to_string(), "3.00 (1.00 to 8.00)");
        let odd = Spread::of([3.0, 1.0, 2.0]).expect("there are values");
        assert_eq!(odd.median, 2.0);
    }
}
