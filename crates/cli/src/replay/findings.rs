//! What was detected when the clips were recorded, against what is detected now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use camweave_compare::agreement::{self, Agreement, Clocks};
use camweave_compare::lines::Line;
use serde::{Deserialize, Serialize};

use super::picture::Picture;
use crate::error::CliError;

/// What was detected in one frame.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Seen {
    /// The clip, as the graph knows it.
    pub camera: String,
    /// The frame's number in its session.
    pub sequence: u64,
    /// Width of the frame that was looked at, in pixels.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// `[x1, y1, x2, y2]` in pixels.
    pub boxes: Vec<[f32; 4]>,
    /// 0 to 1.
    pub scores: Vec<f32>,
    /// Class names.
    pub labels: Vec<String>,
}

/// What a sink has written; nothing where it has written nothing. A last line that was cut off is left
/// out.
///
/// # Errors
/// The file cannot be read, or is none of a sink's.
pub fn read(path: &Path) -> Result<Vec<Seen>, CliError> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.map_err(|error| CliError::file("read", path, &error))?,
    };
    let lines = text.split_inclusive('\n').filter(|it| it.ends_with('\n'));
    let parsed = lines.map(|line| {
        serde_json::from_str(line).map_err(|error| CliError::file("read", path, &error.into()))
    });
    parsed.collect()
}

/// The comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// Clips that were played and compared.
    pub clips: usize,
    /// Clips that were not: they cannot be, or it was interrupted.
    pub not_played: usize,
    /// Of all classes.
    pub all: Agreement,
    /// Frames that were detected when they were recorded, and are not now.
    pub missing: usize,
    /// Frames that were not detected then, and are now: the graph that recorded had dropped or not
    /// selected them.
    pub further: usize,
    /// Frames that were detected in another size than now, as another stream of the camera has it: what
    /// was recorded is scaled.
    pub scaled: usize,
    /// By class name.
    pub classes: BTreeMap<String, Agreement>,
    /// Of the frames that differ most.
    pub pictures: Vec<Picture>,
}

impl Findings {
    /// Compares frame by frame, classes by their names: another model may number them in another way.
    pub fn new(recorded: &[Seen], replayed: &[Seen]) -> Self {
        let (recorded, scaled) = scaled(recorded, replayed);
        let recorded = &recorded[..];
        let labels = recorded.iter().chain(replayed).flat_map(|it| &it.labels);
        let labels: BTreeSet<&str> = labels.map(String::as_str).collect();
        let ids: BTreeMap<&str, u32> = labels.iter().copied().zip(0..).collect();
        let keys = |all: &[Seen]| -> BTreeSet<(String, u64)> {
            all.iter()
                .map(|it| (it.camera.clone(), it.sequence))
                .collect()
        };
        let (then, now) = (keys(recorded), keys(replayed));
        let compared = |only: Option<&str>| {
            let lines =
                |all: &[Seen]| -> Vec<Line> { all.iter().map(|it| line(it, &ids, only)).collect() };
            let none = Clocks::new();
            agreement::compare(&lines(recorded), &none, &lines(replayed), &none).unwrap_or_default()
        };
        Self {
            clips: 0,
            not_played: 0,
            all: compared(None),
            missing: then.difference(&now).count(),
            further: now.difference(&then).count(),
            scaled,
            classes: labels
                .into_iter()
                .map(|label| (label.to_owned(), compared(Some(label))))
                .collect(),
            pictures: Vec::new(),
        }
    }

    /// Whether nothing differs but rounding.
    pub fn are_same(&self) -> bool {
        self.all.same == self.all.frames && self.missing == 0
    }

    /// The table of classes.
    pub fn table(&self) -> String {
        let width = self.classes.keys().map(|it| it.chars().count()).max();
        let width = width.unwrap_or(0).max("class".len());
        let mut text = format!(
            "{:width$} {:>9} {:>9} {:>9} {:>9}\n",
            "class", "recorded", "replayed", "in both", "mean IoU"
        );
        for (label, found) in &self.classes {
            let overlap = match found.matched {
                0 => "-".to_owned(),
                _ => format!("{:.3}", found.mean_iou),
            };
            text += &format!(
                "{label:width$} {:>9} {:>9} {:>9} {overlap:>9}\n",
                found.boxes_a, found.boxes_b, found.matched
            );
        }
        text
    }
}

/// What was recorded, in the pixels of the frames that are replayed, and how many had other ones. The
/// streams of a camera show the same, whatever they are stretched to.
fn scaled(recorded: &[Seen], replayed: &[Seen]) -> (Vec<Seen>, usize) {
    let key = |it: &Seen| (it.camera.clone(), it.sequence);
    let sizes = replayed.iter().map(|it| (key(it), (it.width, it.height)));
    let sizes: BTreeMap<(String, u64), (u32, u32)> = sizes.collect();
    let mut count = 0;
    let each = recorded.iter().map(|it| {
        let mut seen = it.clone();
        if let Some(&size) = sizes.get(&key(it)) {
            count += usize::from(seen.scale(size));
        }
        seen
    });
    let all = each.collect();
    (all, count)
}

impl Seen {
    /// Gives the boxes in pixels of a frame of another size; whether it is another one, and both are
    /// known.
    pub fn scale(&mut self, (width, height): (u32, u32)) -> bool {
        let sides = [self.width, self.height, width, height];
        if sides.contains(&0) || (width, height) == (self.width, self.height) {
            return false;
        }
        let parts = [(width, self.width), (height, self.height)];
        let [x, y] = parts.map(|(now, then)| f64::from(now) / f64::from(then));
        for bbox in &mut self.boxes {
            for (edge, by) in bbox.iter_mut().zip([x, y, x, y]) {
                *edge = (f64::from(*edge) * by) as f32;
            }
        }
        (self.width, self.height) = (width, height);
        true
    }

    /// How many objects there are.
    pub fn count(&self) -> usize {
        self.boxes
            .len()
            .min(self.scores.len())
            .min(self.labels.len())
    }

    /// The objects that are in both, of frames of one size: their numbers in each.
    pub fn pairs(&self, other: &Self) -> Vec<(usize, usize)> {
        let labels = self.labels.iter().chain(&other.labels);
        let ids: BTreeMap<&str, u32> = labels.map(String::as_str).zip(0..).collect();
        let pairs = agreement::pairs(&line(self, &ids, None), &line(other, &ids, None));
        pairs.into_iter().map(|it| (it.a, it.b)).collect()
    }
}

/// As a comparison takes it: the clock of files, whose frames are known by their numbers.
fn line(seen: &Seen, ids: &BTreeMap<&str, u32>, only: Option<&str>) -> Line {
    let boxes = seen.boxes.iter().zip(&seen.scores).zip(&seen.labels);
    let boxes = boxes.filter(|(_, label)| only.is_none_or(|only| only == label.as_str()));
    let mut line = Line {
        camera: seen.camera.clone(),
        sequence: seen.sequence,
        captured_unix_nanos: 0,
        captured_clock: "file".to_owned(),
        detected_unix_nanos: 0,
        boxes: Vec::new(),
        scores: Vec::new(),
        class_ids: Vec::new(),
        passes: Vec::new(),
    };
    for ((bbox, score), label) in boxes {
        line.boxes.push(*bbox);
        line.scores.push(*score);
        line.class_ids
            .push(ids.get(label.as_str()).copied().unwrap_or(u32::MAX));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(sequence: u64, boxes: &[(&str, f32)]) -> Seen {
        Seen {
            camera: "gate".to_owned(),
            sequence,
            width: 64,
            height: 48,
            boxes: boxes
                .iter()
                .map(|(_, x)| [*x, 0.0, x + 10.0, 10.0])
                .collect(),
            scores: boxes.iter().map(|_| 0.5).collect(),
            labels: boxes.iter().map(|(label, _)| (*label).to_owned()).collect(),
        }
    }

    #[test]
    fn boxes_of_another_stream_are_scaled() {
        let recorded = [
            seen(7, &[("car", 8.0)]),
            seen(8, &[("car", 8.0)]),
            seen(9, &[]),
        ];
        let mut replayed = recorded.clone();
        // Twice as wide, three times as high.
        (replayed[0].width, replayed[0].height) = (128, 144);
        replayed[0].boxes = vec![[16.0, 0.0, 36.0, 30.0]];
        let found = Findings::new(&recorded, &replayed);
        assert!(found.are_same() && found.all.frames == 3, "{found:?}");
        assert_eq!(found.scaled, 1);
        // The same numbers in a larger frame are another place.
        replayed[0].boxes.clone_from(&recorded[0].boxes);
        assert!(!Findings::new(&recorded, &replayed).are_same());
        assert_eq!(Findings::new(&recorded, &recorded).scaled, 0);
    }

    #[test]
    fn frames_are_found_by_number_and_classes_by_name() {
        let recorded = [
            seen(7, &[("car", 0.0), ("person", 50.0)]),
            seen(8, &[("car", 1.0)]),
            seen(9, &[]),
        ];
        let same = Findings::new(&recorded, &recorded);
        assert!(same.are_same() && same.all.identical == 3, "{same:?}");

        let replayed = [
            seen(7, &[("person", 50.0), ("bus", 0.0)]),
            seen(8, &[("car", 1.0)]),
            seen(10, &[("car", 1.0)]),
        ];
        let other = Findings::new(&recorded, &replayed);
        assert_eq!((other.all.frames, other.missing, other.further), (2, 1, 1));
        assert!(!other.are_same());
        let of = |label: &str| {
            let found = &other.classes[label];
            (found.boxes_a, found.boxes_b, found.matched)
        };
        assert_eq!(
            (of("car"), of("bus"), of("person")),
            ((2, 1, 1), (0, 1, 0), (1, 1, 1))
        );
        assert!(
            other
                .table()
                .contains("person         1         1         1     1.000")
        );
    }
}
