//! The last seconds of a camera, by groups of pictures: a clip begins with a keyframe.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::coded::Coded;

/// A keyframe and those that depend on it.
#[derive(Debug)]
struct Group {
    units: Vec<Arc<Coded>>,
    bytes: usize,
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
            });
        } else {
            let Some(group) = self.groups.back_mut() else {
                return false;
            };
            group.units.push(Arc::clone(unit));
            group.bytes += bytes;
        }
        self.bytes += bytes;
        true
    }

    /// Bytes of all that is kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops what is older than needed to begin at `line`, and what is more than `most_bytes`.
    pub fn trim(&mut self, line: i64, most_bytes: usize) {
        while self.groups.get(1).is_some_and(|it| it.key().line <= line) || self.bytes > most_bytes
        {
            if !self.drop_oldest() {
                break;
            }
        }
    }

    /// Drops the oldest group; whether there was one. After the last, nothing is kept up to the next
    /// keyframe.
    pub fn drop_oldest(&mut self) -> bool {
        let Some(group) = self.groups.pop_front() else {
            return false;
        };
        self.bytes -= group.bytes;
        true
    }

    /// The keyframe with which a clip begins that is to show what is at `line`: the last one before,
    /// and of those, if there is one, that players begin with. Where all are later, the first.
    pub fn begin_at(&self, line: i64) -> Option<&Arc<Coded>> {
        let keys = || self.groups.iter().map(Group::key);
        let before = || keys().rev().filter(|it| it.line <= line);
        let later = || keys().find(|it| it.is_sync).or_else(|| keys().next());
        before()
            .find(|it| it.is_sync)
            .or_else(|| before().next())
            .or_else(later)
    }

    /// The first keyframe that is not before `index`.
    pub fn key_from(&self, index: u64) -> Option<&Arc<Coded>> {
        self.groups
            .iter()
            .map(Group::key)
            .find(|it| it.index >= index)
    }

    /// Those from `index` on, in decoding order; `None` where that one is not kept.
    pub fn from(&self, index: u64) -> Option<impl Iterator<Item = &Arc<Coded>>> {
        let first = self.groups.front()?.key().index;
        if index < first {
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

    #[test]
    fn a_clip_begins_with_the_last_keyframe_before() {
        const SECOND: i64 = 1_000_000_000;
        let ring = ring(35);
        for (second, expected) in [(-5, 0), (0, 0), (9, 0), (10, 10), (29, 20), (99, 30)] {
            let key = ring.begin_at(second * SECOND).expect("keyframes");
            assert_eq!(key.index, expected, "{second}");
        }
        assert!(Ring::default().begin_at(0).is_none());
        assert_eq!(ring.key_from(11).map(|it| it.index), Some(20));
        assert_eq!(ring.key_from(31).map(|it| it.index), None);
        let rest: Vec<u64> = ring.from(18).expect("kept").map(|it| it.index).collect();
        assert_eq!(rest, (18..35).collect::<Vec<_>>());
        assert_eq!(ring.from(35).expect("the next").count(), 0);
        assert_eq!(ring.step(), Some(SECOND));
    }

    #[test]
    fn whole_groups_are_dropped() {
        const SECOND: i64 = 1_000_000_000;
        let mut ring = ring(35);
        let each = ring.bytes() / 35;
        ring.trim(9 * SECOND, usize::MAX);
        assert_eq!(ring.bytes(), 35 * each, "the first shows what is at 9 s");
        ring.trim(10 * SECOND, usize::MAX);
        assert_eq!(ring.bytes(), 25 * each);
        assert!(ring.from(9).is_none());
        ring.trim(0, 6 * each);
        assert_eq!(ring.bytes(), 5 * each);
        // One that is too large alone is not kept either.
        ring.trim(0, 4 * each);
        assert_eq!(ring.bytes(), 0);
        assert!(!ring.push(&coded(35, false)), "nothing to depend on");
        assert!(ring.push(&coded(36, true)));
    }
}
