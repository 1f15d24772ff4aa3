//! The producer's own bookkeeping: which slots it may write next, oldest first.

use std::collections::VecDeque;

use super::spec::Layout;

/// Slots by age, and the producer's own holds of them. Lives in the producer's process only.
#[derive(Debug)]
pub(crate) struct Order {
    /// Slots that are not being written; the least recently published one is at the front.
    oldest_first: VecDeque<u32>,
    /// Per slot, the producer's own holds.
    retained: Vec<usize>,
}

impl Order {
    pub fn new(layout: Layout) -> Self {
        Self {
            oldest_first: (0..layout.slots()).collect(),
            retained: vec![0; layout.slots() as usize],
        }
    }

    /// Takes out the oldest slot that is not retained and that `begin` accepts.
    pub fn take<T>(&mut self, mut begin: impl FnMut(u32) -> Option<T>) -> Option<(u32, T)> {
        let (place, taken) = self
            .oldest_first
            .iter()
            .enumerate()
            .filter(|&(_, &slot)| self.retained[slot as usize] == 0)
            .find_map(|(place, &slot)| begin(slot).map(|begun| (place, (slot, begun))))?;
        self.oldest_first.remove(place);
        Some(taken)
    }

    /// The slot has been published: it is the newest.
    pub fn published(&mut self, slot: u32) {
        self.oldest_first.push_back(slot);
    }

    /// The slot's writing was given up: nothing in it is worth keeping.
    pub fn abandoned(&mut self, slot: u32) {
        self.oldest_first.push_front(slot);
    }

    pub fn retain(&mut self, slot: u32) {
        self.retained[slot as usize] += 1;
    }

    pub fn let_go(&mut self, slot: u32) {
        self.retained[slot as usize] -= 1;
    }

    pub fn retained(&self) -> usize {
        self.retained.iter().filter(|&&holds| holds > 0).count()
    }

    pub fn writing(&self) -> usize {
        self.retained.len() - self.oldest_first.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(slots: u32) -> Order {
        Order::new(Layout::new(slots, 1).expect("a valid layout"))
    }

    #[test]
    fn the_least_recently_published_comes_first() {
        let mut order = order(3);
        let any = |_| Some(());
        assert_eq!(order.take(any), Some((0, ())));
        assert_eq!(order.take(any), Some((1, ())));
        order.published(1);
        order.published(0);
        assert_eq!(order.take(any), Some((2, ())));
        assert_eq!(order.writing(), 1);
        order.abandoned(2);
        assert_eq!(
            order.take(any),
            Some((2, ())),
            "no content goes before old content"
        );
        assert_eq!(order.take(any), Some((1, ())));
        assert_eq!(order.take(any), Some((0, ())));
        assert_eq!(order.take(any), None);
    }

    #[test]
    fn retained_and_refused_slots_are_passed_over() {
        let mut order = order(3);
        order.retain(0);
        order.retain(0);
        assert_eq!(order.retained(), 1);
        assert_eq!(order.take(|slot| (slot != 1).then_some(())), Some((2, ())));
        order.let_go(0);
        assert_eq!(order.take(|slot| (slot != 1).then_some(())), None);
        order.let_go(0);
        assert_eq!(
            order.take(|_| Some(())),
            Some((0, ())),
            "age is kept while held"
        );
    }
}
