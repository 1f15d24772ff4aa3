//! The last seconds of a camera, by groups of pictures: a clip begins with a keyframe.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::coded::Coded;

/// A keyframe and those that depend on it.
#[derive(Debug)]
struct Group {
    units: Vec<Arc<Coded>>,
    bytes: usize,
    /// The latest of its units on the camera's line.
    latest: i64,
}

impl Group {
    fn key(&self) -> &Arc<Coded> {
        &self.units[0]
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ring {
    groups: VecDeque<Group>,
    bytes: usize,
}

impl Ring {
    /// Adds the next access unit; `false` where there is no keyframe that it could depend on.
    pub fn push(&mut self, unit: &Arc<Coded>) -> bool {
        let bytes = unit.bytes();
        if unit.keyframe {
            self.groups.push_back(Group {
                units: vec![Arc::clone(unit)],
                bytes,
                latest: unit.line,
            });
        } else {
            let Some(group) = self.groups.back_mut() else {
                return false;
            };
            group.units.push(Arc::clone(unit));
            group.bytes += bytes;
            group.latest = group.latest.max(unit.line);
        }
        self.bytes += bytes;
        true
    }

    /// Bytes of all that is kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the oldest group is not needed to begin at `line`, or there are more than `most_bytes`.
    pub fn is_beyond(&self, line: i64, most_bytes: usize) -> bool {
        self.groups.get(1).is_some_and(|it| it.key().line <= line) || self.bytes > most_bytes
    }

    /// Drops the oldest group, and gives what was in it. After the last, nothing is kept up to the next
    /// keyframe.
    pub fn drop_oldest(&mut self) -> Option<Vec<Arc<Coded>>> {
        let group = self.groups.pop_front()?;
        self.bytes -= group.bytes;
        Some(group.units)
    }

    /// The keyframe with which a clip begins that is to show what is at `line`: that of the first group
    /// that is not over by then, or one before it, if that is one that players begin with.
    pub fn begin_at(&self, line: i64) -> Option<&Arc<Coded>> {
        let found = self.groups.iter().position(|it| it.latest >= line);
        let place = found.or_else(|| self.groups.len().checked_sub(1))?;
        let key = self.groups[place].key();
        let before = self.groups.range(..=place).rev().map(Group::key);
        // What is of another epoch is in another clip.
        let mut before = before.take_while(|it| it.epoch == key.epoch);
        Some(before.find(|it| it.is_sync).unwrap_or(key))
    }

    /// The keyframe that the unit of this index depends on, or the first that is kept.
    pub fn key_for(&self, index: u64) -> Option<&Arc<Coded>> {
        let mut keys = self.groups.iter().map(Group::key);
        let before = self.groups.iter().rev().map(Group::key);
        let mut before = before.skip_while(|it| it.index > index);
        before.next().or_else(|| keys.next())
    }

    /// The newest keyframe.
    pub fn newest_key(&self) -> Option<&Arc<Coded>> {
        self.groups.back().map(Group::key)
    }

    /// Those from `index` on, in decoding order; `None` where that one is not kept.
    pub fn from(&self, index: u64) -> Option<impl Iterator<Item = &Arc<Coded>>> {
        let (first, last) = (self.groups.front()?, self.groups.back()?);
        let after = last.units.last()?.index + 1;
        if !(first.key().index..=after).contains(&index) {
            return None;
        }
        let group = self
            .groups
            .iter()
            .rposition(|it| it.key().index <= index)
            .unwrap_or(0);
        let units = self.groups.iter().skip(group).flat_map(|it| &it.units);
        Some(units.skip_while(move |it| it.index < index))
    }

    /// The usual step between two frames, where there are enough to know it.
    pub fn step(&self) -> Option<i64> {
        let units = || self.groups.iter().flat_map(|it| &it.units);
        let count = units().count() as i64;
        let (first, last) = (
            units().map(|it| it.line).min()?,
            units().map(|it| it.line).max()?,
        );
        (count > 1).then(|| (last - first) / (count - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::tests::coded;

    /// Ten units a group, of which each takes a second.
    fn ring(units: u64) -> Ring {
        let mut ring = Ring::default();
        for index in 0..units {
            assert!(ring.push(&coded(index, index % 10 == 0)));
        }
        ring
    }

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_clip_begins_with_the_last_keyframe_before() {
        let ring = ring(35);
        for (second, expected) in [(-5, 0), (0, 0), (9, 0), (10, 10), (29, 20), (99, 30)] {
            let key = ring.begin_at(second * SECOND).expect("keyframes");
            assert_eq!(key.index, expected, "{second}");
        }
        assert!(Ring::default().begin_at(0).is_none());
        for (index, expected) in [(0, 0), (9, 0), (11, 10), (31, 30), (99, 30)] {
            let key = ring.key_for(index).expect("keyframes");
            assert_eq!(key.index, expected, "{index}");
        }
        let rest: Vec<u64> = ring.from(18).expect("kept").map(|it| it.index).collect();
        assert_eq!(rest, (18..35).collect::<Vec<_>>());
        assert_eq!(ring.from(35).expect("the next").count(), 0);
        assert!(ring.from(36).is_none(), "not kept");
        assert_eq!(ring.step(), Some(SECOND));
    }

    #[test]
    fn no_clip_begins_with_what_was_over_long_before() {
        let mut ring = Ring::default();
        let unit = |index: u64, line: i64, epoch: u64| {
            let keyframe = index.is_multiple_of(2);
            let is_sync = keyframe && index != 6;
            Arc::new(Coded {
                line: line * SECOND,
                epoch,
                is_sync,
                ..Arc::into_inner(coded(index, keyframe)).expect("one")
            })
        };
        // A camera that is away for an hour, and reconnects.
        for (index, line, epoch) in [(0, 0, 0), (1, 1, 0), (2, 3600, 1), (3, 3601, 1)] {
            ring.push(&unit(index, line, epoch));
        }
        for (line, expected) in [(1, 0), (2, 2), (3599, 2), (3601, 2)] {
            let key = ring.begin_at(line * SECOND).expect("keyframes");
            assert_eq!(key.index, expected, "{line}");
        }
        // Players do not begin with the last one.
        for (index, line) in [(4, 3602), (5, 3603), (6, 3604), (7, 3605)] {
            ring.push(&unit(index, line, 1));
        }
        assert_eq!(ring.begin_at(3604 * SECOND).map(|it| it.index), Some(4));
    }

    #[test]
    fn whole_groups_are_dropped() {
        let mut ring = ring(35);
        let each = ring.bytes() / 35;
        let trim = |ring: &mut Ring, line: i64, most: usize| {
            while ring.is_beyond(line, most) && ring.drop_oldest().is_some() {}
        };
        trim(&mut ring, 9 * SECOND, usize::MAX);
        assert_eq!(ring.bytes(), 35 * each, "the first shows what is at 9 s");
        trim(&mut ring, 10 * SECOND, usize::MAX);
        assert_eq!(ring.bytes(), 25 * each);
        assert!(ring.from(9).is_none());
        trim(&mut ring, 0, 6 * each);
        assert_eq!(ring.bytes(), 5 * each);
        // One that is too large alone is not kept either.
        trim(&mut ring, 0, 4 * each);
        assert_eq!(ring.bytes(), 0);
        assert!(!ring.push(&coded(35, false)), "nothing to depend on");
        assert!(ring.push(&coded(36, true)));
    }
}
