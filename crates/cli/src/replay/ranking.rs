//! Which frames differ most, and which of them are shown.

use std::collections::BTreeMap;

use super::findings::Seen;

/// Frames of one clip that are shown are at least so far apart, in seconds: neighbours show the same.
const APART: f64 = 1.0;

/// A frame of a clip in which something differs.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    pub recorded: &'a Seen,
    pub replayed: &'a Seen,
    /// When it is presented, in seconds of the clip.
    pub at: f64,
    /// Objects that are in one of the two only, and the sum of their scores.
    objects: usize,
    scores: f64,
}

/// The objects of a frame, in pixels of a frame of one size, by their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub recorded: Seen,
    pub replayed: Seen,
    /// In the replayed ones.
    pub in_both: Vec<usize>,
    pub only_recorded: Vec<usize>,
    pub only_replayed: Vec<usize>,
}

impl Difference {
    /// Of a frame of this size; by default as large as the one that is replayed.
    pub fn new(recorded: &Seen, replayed: &Seen, size: Option<(u32, u32)>) -> Self {
        let (mut recorded, mut replayed) = (recorded.clone(), replayed.clone());
        // Overlaps are those of the comparison: in pixels of what is replayed.
        recorded.scale((replayed.width, replayed.height));
        let (then, now): (Vec<_>, Vec<_>) = recorded.pairs(&replayed).into_iter().unzip();
        let without = |seen: &Seen, found: &[usize]| -> Vec<usize> {
            (0..seen.count()).filter(|it| !found.contains(it)).collect()
        };
        let (only_recorded, only_replayed) = (without(&recorded, &then), without(&replayed, &now));
        if let Some(size) = size {
            recorded.scale(size);
            replayed.scale(size);
        }
        Self {
            recorded,
            replayed,
            in_both: now,
            only_recorded,
            only_replayed,
        }
    }
}

impl<'a> Candidate<'a> {
    /// `None` where each object is in both.
    fn new(recorded: &'a Seen, replayed: &'a Seen, at: f64) -> Option<Self> {
        let found = Difference::new(recorded, replayed, None);
        let scores = |seen: &Seen, objects: &[usize]| -> f64 {
            objects.iter().map(|it| f64::from(seen.scores[*it])).sum()
        };
        let objects = found.only_recorded.len() + found.only_replayed.len();
        (objects > 0).then(|| Self {
            recorded,
            replayed,
            at,
            objects,
            scores: scores(&found.recorded, &found.only_recorded)
                + scores(&found.replayed, &found.only_replayed),
        })
    }
}

/// At most so many frames that both have detected in, those that differ most first. Each clip in which
/// anything differs has its share of them; what it cannot use is the others'.
pub fn choose<'a>(
    recorded: impl IntoIterator<Item = (&'a Seen, f64)>,
    replayed: &'a [Seen],
    most: usize,
) -> Vec<Candidate<'a>> {
    if most == 0 {
        return Vec::new();
    }
    let keys = replayed.iter().map(|it| ((&*it.camera, it.sequence), it));
    let now: BTreeMap<(&str, u64), &Seen> = keys.collect();
    let all = recorded.into_iter().filter_map(|(then, at)| {
        let now = now.get(&(&*then.camera, then.sequence))?;
        Candidate::new(then, now, at)
    });
    let mut all: Vec<Candidate<'a>> = all.collect();
    all.sort_by(|a, b| {
        let worse = (a.objects.cmp(&b.objects)).then(a.scores.total_cmp(&b.scores));
        let place = |it: &Candidate<'a>| (&*it.recorded.camera, it.recorded.sequence);
        worse.reverse().then_with(|| place(a).cmp(&place(b)))
    });
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for it in &all {
        times.entry(&it.recorded.camera).or_default();
    }
    let share = most.div_ceil(times.len().max(1));
    let mut chosen = vec![false; all.len()];
    let mut count = 0;
    for of_a_clip in [share, most] {
        for (it, is_chosen) in all.iter().zip(&mut chosen) {
            let of_clip = times.entry(&it.recorded.camera).or_default();
            if count < most
                && !*is_chosen
                && of_clip.len() < of_a_clip
                && of_clip.iter().all(|other| (it.at - other).abs() >= APART)
            {
                of_clip.push(it.at);
                (*is_chosen, count) = (true, count + 1);
            }
        }
    }
    let all = all.into_iter().zip(chosen);
    all.filter_map(|(it, is_chosen)| is_chosen.then_some(it))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame every tenth of a second; each object is elsewhere.
    fn seen(camera: &str, sequence: u64, objects: &[(&str, f32)]) -> Seen {
        let places = (0..objects.len()).map(|it| it as f32 * 20.0);
        Seen {
            camera: camera.to_owned(),
            sequence,
            width: 64,
            height: 48,
            boxes: places.map(|x| [x, 0.0, x + 10.0, 10.0]).collect(),
            scores: objects.iter().map(|it| it.1).collect(),
            labels: objects.iter().map(|it| it.0.to_owned()).collect(),
        }
    }

    fn chosen(recorded: &[Seen], replayed: &[Seen], most: usize) -> Vec<(String, u64)> {
        let recorded = recorded.iter().map(|it| (it, it.sequence as f64 / 10.0));
        choose(recorded, replayed, most)
            .into_iter()
            .map(|it| (it.recorded.camera.clone(), it.recorded.sequence))
            .collect()
    }

    fn names(all: &[(&str, u64)]) -> Vec<(String, u64)> {
        all.iter().map(|it| (it.0.to_owned(), it.1)).collect()
    }

    #[test]
    fn another_class_is_two_objects_and_scores_come_second() {
        let recorded = [
            seen("a", 0, &[("car", 0.9)]),
            seen("a", 20, &[("car", 0.5)]),
            seen("a", 40, &[("car", 0.5), ("bus", 0.6)]),
            seen("a", 60, &[("car", 0.9)]),
            seen("a", 80, &[("car", 0.9)]),
        ];
        let replayed = [
            // Nothing, by no more than its score.
            seen("a", 0, &[("car", 0.4)]),
            seen("a", 20, &[]),
            seen("a", 40, &[("truck", 0.5), ("bus", 0.6)]),
            seen("a", 60, &[]),
            // Frames of one of the two are not compared.
            seen("a", 81, &[]),
        ];
        let all = names(&[("a", 40), ("a", 60), ("a", 20)]);
        assert_eq!(chosen(&recorded, &replayed, 9), all);
        assert_eq!(chosen(&recorded, &replayed, 2), all[..2]);
        assert_eq!(chosen(&recorded, &replayed, 0), []);
        let difference = Difference::new(&recorded[2], &replayed[2], None);
        assert_eq!(
            (
                difference.only_recorded,
                difference.only_replayed,
                difference.in_both
            ),
            (vec![0], vec![0], vec![1])
        );
    }

    #[test]
    fn neighbours_are_left_out_and_each_clip_has_its_share() {
        let two = [("car", 0.9), ("car", 0.8)];
        let mut recorded: Vec<Seen> = (0..60).map(|it| seen("a", it, &two)).collect();
        recorded.extend((0..15).map(|it| seen("b", it, &two[..1])));
        let replayed: Vec<Seen> = recorded
            .iter()
            .map(|it| seen(&it.camera, it.sequence, &[]))
            .collect();
        let a = [0, 10, 20, 30, 40, 50].map(|it| ("a", it));
        // Of 'b' there are two that are a second apart, of four that it might have.
        assert_eq!(
            chosen(&recorded, &replayed, 8),
            names(&[&a[..], &[("b", 0), ("b", 10)]].concat())
        );
        assert_eq!(
            chosen(&recorded, &replayed, 4),
            names(&[&a[..2], &[("b", 0), ("b", 10)]].concat())
        );
        assert_eq!(chosen(&recorded, &replayed, 1), names(&a[..1]));
    }

    #[test]
    fn boxes_of_another_size_are_compared_and_shown_in_the_size_of_the_frame() {
        let recorded = seen("a", 0, &[("car", 0.9), ("car", 0.8)]);
        let mut replayed = seen("a", 0, &[("car", 0.9)]);
        (replayed.width, replayed.height) = (128, 96);
        replayed.boxes[0] = [0.0, 0.0, 20.0, 20.0];
        let found = Difference::new(&recorded, &replayed, Some((256, 192)));
        assert_eq!((found.in_both, found.only_recorded), (vec![0], vec![1]));
        assert!(found.only_replayed.is_empty());
        assert_eq!(found.recorded.boxes[1], [80.0, 0.0, 120.0, 40.0]);
        assert_eq!(found.replayed.boxes[0], [0.0, 0.0, 40.0, 40.0]);
    }
}
