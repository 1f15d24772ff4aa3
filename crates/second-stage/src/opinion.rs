//! What a model thinks of a track: its answers vote.

use std::sync::Arc;

use camweave_model::Answer;

/// Votes weigh half after so much capture time.
const HALF_LIFE_NANOS: f64 = 10e9;
/// Classes that a track remembers; the weakest make room for others.
const MOST_CLASSES: usize = 8;
/// Classes of one answer that vote: what is further down says nothing.
const MOST_VOTES: usize = 4;

/// The answers of one track, the older the less they weigh.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Opinion {
    values: Values,
    /// Of all answers together.
    weight: f32,
    last_nanos: i64,
}

#[derive(Debug, Clone, PartialEq)]
enum Values {
    /// Weighted sums of probabilities, by class.
    Classes(Vec<(u32, f32)>),
    /// The weighted sum of unit vectors.
    Embedding(Vec<f32>),
}

/// What an opinion comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// The class with the most votes, the mean of its probabilities, and its lead over the second.
    Class {
        class_id: u32,
        confidence: f32,
        lead: f32,
    },
    /// A vector of length 1.
    Embedding(Arc<[f32]>),
}

impl Opinion {
    /// The first answer, about a frame that was captured at `nanos`.
    pub fn of(answer: &Answer, weight: f32, nanos: i64) -> Self {
        let mut opinion = Self {
            values: match answer {
                Answer::Classes(_) => Values::Classes(Vec::new()),
                Answer::Embedding(values) => Values::Embedding(vec![0.0; values.len()]),
            },
            weight: 0.0,
            last_nanos: nanos,
        };
        opinion.add(answer, weight, nanos);
        opinion
    }

    /// Another answer.
    pub fn add(&mut self, answer: &Answer, weight: f32, nanos: i64) {
        let since = (i128::from(nanos) - i128::from(self.last_nanos)).max(0);
        let kept = (-(since as f64) / HALF_LIFE_NANOS).exp2() as f32;
        self.last_nanos = self.last_nanos.max(nanos);
        self.weight = self.weight * kept + weight;
        match (&mut self.values, answer) {
            (Values::Classes(classes), Answer::Classes(probabilities)) => {
                classes.iter_mut().for_each(|(_, sum)| *sum *= kept);
                for (class_id, probability) in strongest(probabilities) {
                    match classes.iter_mut().find(|(id, _)| *id == class_id) {
                        Some((_, sum)) => *sum += weight * probability,
                        None => classes.push((class_id, weight * probability)),
                    }
                }
                classes.sort_by(|a, b| b.1.total_cmp(&a.1));
                classes.truncate(MOST_CLASSES);
            }
            (Values::Embedding(sums), Answer::Embedding(values)) => {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = *sum * kept + weight * value;
                }
            }
            // A model gives answers of one kind.
            _ => {}
        }
    }

    /// What it comes to; nothing where unit vectors cancel out.
    pub fn verdict(&self) -> Option<Verdict> {
        match &self.values {
            Values::Classes(classes) => {
                let share = |index: usize| {
                    let sum = classes.get(index).map_or(0.0, |(_, sum)| *sum);
                    (sum / self.weight.max(f32::MIN_POSITIVE)).clamp(0.0, 1.0)
                };
                let (class_id, _) = *classes.first()?;
                Some(Verdict::Class {
                    class_id,
                    confidence: share(0),
                    lead: share(0) - share(1),
                })
            }
            Values::Embedding(sums) => {
                let length = sums.iter().map(|it| it * it).sum::<f32>().sqrt();
                let unit = sums.iter().map(|it| it / length);
                (length > f32::EPSILON * self.weight).then(|| Verdict::Embedding(unit.collect()))
            }
        }
    }
}

/// The classes of an answer that vote, the best first; of equal ones the first.
pub(crate) fn strongest(probabilities: &[f32]) -> Vec<(u32, f32)> {
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(MOST_VOTES + 1);
    for (class_id, &probability) in probabilities.iter().enumerate() {
        let place = best.partition_point(|(_, other)| *other >= probability);
        if place < MOST_VOTES && probability > 0.0 {
            best.insert(place, (class_id as u32, probability));
            best.truncate(MOST_VOTES);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn classes(probabilities: &[f32]) -> Answer {
        Answer::Classes(probabilities.to_vec())
    }

    fn best(opinion: &Opinion) -> (u32, f32, f32) {
        match opinion.verdict() {
            Some(Verdict::Class {
                class_id,
                confidence,
                lead,
            }) => (class_id, confidence, lead),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_are_averaged_by_weight() {
        let mut opinion = Opinion::of(&classes(&[0.9, 0.1, 0.0]), 1.0, 0);
        assert_eq!(best(&opinion), (0, 0.9, 0.9 - 0.1));
        opinion.add(&classes(&[0.1, 0.9, 0.0]), 3.0, 0);
        let (class_id, confidence, lead) = best(&opinion);
        assert_eq!(class_id, 1);
        assert!(
            (confidence - (0.1 + 3.0 * 0.9) / 4.0).abs() < 1e-6,
            "{confidence}"
        );
        assert!((lead - (2.8 - 1.2) / 4.0).abs() < 1e-6, "{lead}");
    }

    #[test]
    fn an_old_answer_fades_and_one_wrong_answer_changes_little() {
        let mut opinion = Opinion::of(&classes(&[1.0, 0.0]), 1.0, 0);
        opinion.add(&classes(&[0.0, 1.0]), 1.0, 10 * SECOND);
        let (class_id, confidence, _) = best(&opinion);
        assert_eq!(class_id, 1);
        assert!((confidence - 2.0 / 3.0).abs() < 1e-6, "{confidence}");
        let mut opinion = Opinion::of(&classes(&[1.0, 0.0]), 1.0, 0);
        for at in 1..10 {
            opinion.add(&classes(&[1.0, 0.0]), 1.0, at * SECOND);
        }
        opinion.add(&classes(&[0.0, 1.0]), 1.0, 10 * SECOND);
        assert_eq!(best(&opinion).0, 0);
        // A clock that goes back makes nothing newer.
        let before = opinion.clone();
        opinion.add(&classes(&[1.0, 0.0]), 0.0, -100 * SECOND);
        assert_eq!(opinion, before);
    }

    #[test]
    fn what_is_kept_of_many_classes_is_bounded() {
        let mut all = vec![0.0001; 2000];
        all[1234] = 0.7;
        let mut opinion = Opinion::of(&classes(&all), 1.0, 0);
        assert_eq!(best(&opinion).0, 1234);
        for round in 0..100_usize {
            let mut other = vec![0.0; 2000];
            other[round] = 0.01;
            opinion.add(&classes(&other), 1.0, 0);
        }
        let Values::Classes(kept) = &opinion.values else {
            panic!("classes");
        };
        assert_eq!((kept.len(), kept[0].0), (MOST_CLASSES, 1234));
    }

    #[test]
    fn embeddings_are_averaged_to_length_one() {
        let mut opinion = Opinion::of(&Answer::Embedding(vec![1.0, 0.0]), 1.0, 0);
        opinion.add(&Answer::Embedding(vec![0.0, 1.0]), 1.0, 0);
        let Some(Verdict::Embedding(values)) = opinion.verdict() else {
            panic!("an embedding");
        };
        let half = 0.5_f32.sqrt();
        assert!((values[0] - half).abs() < 1e-6 && (values[1] - half).abs() < 1e-6);
        let mut opinion = Opinion::of(&Answer::Embedding(vec![1.0, 0.0]), 1.0, 0);
        opinion.add(&Answer::Embedding(vec![-1.0, 0.0]), 1.0, 0);
        assert_eq!(opinion.verdict(), None);
    }
}
