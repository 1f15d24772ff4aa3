//! Numbers of a segment that have no record in it.

use std::ops::Range;

/// Ranges in order, which do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Gaps(Vec<Range<u64>>);

impl Gaps {
    /// Adds a range; how many of its numbers are new.
    pub fn insert(&mut self, new: Range<u64>) -> u64 {
        if new.is_empty() {
            return 0;
        }
        let added = new.end - new.start - self.within(&new);
        let from = self.0.partition_point(|it| it.end < new.start);
        let to = self.0.partition_point(|it| it.start <= new.end);
        let mut whole = new;
        if let (Some(first), Some(last)) = (self.0.get(from), self.0.get(to.wrapping_sub(1)))
            && from < to
        {
            whole = whole.start.min(first.start)..whole.end.max(last.end);
        }
        self.0.splice(from..to, [whole]);
        added
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many of these numbers have no record.
    pub fn within(&self, range: &Range<u64>) -> u64 {
        let each = self.0.iter();
        let overlap = |it: &Range<u64>| {
            let (start, end) = (it.start.max(range.start), it.end.min(range.end));
            end.saturating_sub(start)
        };
        each.map(overlap).sum()
    }

    /// The first number from this on that has a record, as far as is known here.
    pub fn after(&self, number: u64) -> u64 {
        let holder = self.0.iter().find(|it| it.contains(&number));
        holder.map_or(number, |it| it.end)
    }

    /// Forgets all from this number on.
    pub fn cut(&mut self, number: u64) {
        self.0.retain(|it| it.start < number);
        if let Some(last) = self.0.last_mut() {
            last.end = last.end.min(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a set of numbers.
        #[test]
        fn they_are_a_set(ranges in proptest::collection::vec((0..60_u64, 0..9_u64), 0..20), cut in 0..70_u64) {
            let (mut gaps, mut set) = (Gaps::default(), std::collections::BTreeSet::new());
            for (start, length) in ranges {
                let added = (start..start + length).filter(|it| set.insert(*it)).count();
                prop_assert_eq!(gaps.insert(start..start + length), added as u64);
            }
            gaps.cut(cut);
            set.retain(|it| *it < cut);
            for number in 0..70 {
                let after = (number..).find(|it| !set.contains(it)).expect("most are not");
                prop_assert_eq!(gaps.after(number), after);
                let within = set.range(number / 2..number).count() as u64;
                prop_assert_eq!(gaps.within(&(number / 2..number)), within);
            }
            let apart = gaps.0.windows(2).all(|pair| pair[0].end < pair[1].start);
            prop_assert!(apart, "{:?}", gaps);
        }
    }
}
