//! Which class a track is: its boxes vote.

/// Classes that a track remembers; the weakest makes room for another.
const MOST_CLASSES: usize = 4;
/// Votes weigh half after so many seconds.
const HALF_LIFE_SECONDS: f32 = 2.0;

/// The votes of a track's boxes, by class. Old ones fade.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Votes {
    /// Those that are known come first.
    classes: [(u32, f32); MOST_CLASSES],
    known: usize,
}

impl Votes {
    pub fn of(class_id: u32, score: f32) -> Self {
        let mut votes = Self::default();
        votes.push(class_id, score);
        votes
    }

    fn push(&mut self, class_id: u32, score: f32) {
        self.classes[self.known] = (class_id, score);
        self.known += 1;
    }

    fn classes(&self) -> &[(u32, f32)] {
        &self.classes[..self.known]
    }

    fn classes_mut(&mut self) -> &mut [(u32, f32)] {
        &mut self.classes[..self.known]
    }

    /// A vote of a box, `seconds` after the one before.
    pub fn add(&mut self, class_id: u32, score: f32, seconds: f32) {
        let kept = (-seconds / HALF_LIFE_SECONDS).exp2();
        let classes = self.classes_mut();
        for (_, weight) in &mut *classes {
            *weight *= kept;
        }
        if let Some((_, weight)) = classes.iter_mut().find(|(id, _)| *id == class_id) {
            *weight += score;
            return;
        }
        if self.known == MOST_CLASSES {
            self.classes.sort_by(|a, b| b.1.total_cmp(&a.1));
            self.known -= 1;
        }
        self.push(class_id, score);
    }

    /// Adds the votes of a track that turned out to be the same, `seconds` after the last one.
    pub fn merge(&mut self, newer: &Self, seconds: f32) {
        for (index, (class_id, weight)) in newer.classes().iter().enumerate() {
            self.add(*class_id, *weight, if index == 0 { seconds } else { 0.0 });
        }
    }

    /// The class that has the most votes.
    pub fn elected(&self) -> u32 {
        let most = self.classes().iter().max_by(|a, b| a.1.total_cmp(&b.1));
        most.map_or(0, |(class_id, _)| *class_id)
    }

    /// The share of the votes for a class, 0 to 1.
    pub fn share(&self, class_id: u32) -> f32 {
        let classes = self.classes();
        if let [(only, _)] = classes {
            return if *only == class_id { 1.0 } else { 0.0 };
        }
        let sum: f32 = classes.iter().map(|(_, weight)| weight).sum();
        let own = classes.iter().find(|(id, _)| *id == class_id);
        own.map_or(0.0, |(_, weight)| weight / sum.max(f32::MIN_POSITIVE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flicker_changes_little_and_a_lasting_change_all() {
        let mut votes = Votes::of(2, 0.9);
        assert_eq!((votes.share(2), votes.share(3)), (1.0, 0.0));
        assert_eq!(votes.elected(), 2);
        for _ in 0..20 {
            votes.add(2, 0.9, 0.1);
        }
        votes.add(3, 0.9, 0.1);
        assert!(votes.share(2) > 0.9 && votes.elected() == 2, "{votes:?}");
        for _ in 0..100 {
            votes.add(3, 0.9, 0.1);
        }
        assert!(votes.share(3) > 0.9 && votes.elected() == 3, "{votes:?}");
        for class_id in 10..20 {
            votes.add(class_id, 0.1, 0.1);
        }
        assert!(votes.known == MOST_CLASSES && votes.share(3) > 0.8);
    }
}
