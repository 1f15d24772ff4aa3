//! Objects of which classes the model is asked about.

use std::collections::BTreeSet;

use camweave_message::DetectedBox;

/// Frames with boxes after which a class that has never come is reported.
const FRAMES: u32 = 250;
/// So many of the names that have come are shown.
const NAMES_SHOWN: usize = 10;

/// The words of `CLASSES`: names or ids, as postprocessing takes them.
#[derive(Debug)]
pub(crate) struct Classes {
    words: Vec<String>,
    /// Until one has matched, or enough frames have come.
    search: Option<Search>,
}

/// What has come while nothing has matched.
#[derive(Debug, Default)]
struct Search {
    frames: u32,
    names: BTreeSet<String>,
}

impl Classes {
    /// Names or ids; all, if there is none.
    pub fn new(words: Vec<String>) -> Self {
        let search = (!words.is_empty()).then(Search::default);
        Self { words, search }
    }

    /// Whether the model is asked about an object.
    pub fn are_of(&self, item: &DetectedBox) -> bool {
        let is_named = || self.words.iter().any(|word| **word == *item.label);
        // A word may be a class's number and another one's name, where classes are named by numbers.
        let is_number = || item.label.parse::<u32>().is_ok();
        let is_id = || {
            let mut ids = self
                .words
                .iter()
                .filter_map(|word| word.parse::<u32>().ok());
            !is_number() && ids.any(|id| id == item.class_id)
        };
        self.words.is_empty() || is_named() || is_id()
    }

    /// Notes the boxes of a frame: the line to log if none of many frames was of these classes, once.
    pub fn note(&mut self, boxes: &[DetectedBox]) -> Option<String> {
        if self.search.is_none() || boxes.is_empty() {
            return None;
        }
        if boxes.iter().any(|item| self.are_of(item)) {
            self.search = None;
            return None;
        }
        let search = self.search.as_mut()?;
        search.frames += 1;
        for item in boxes {
            if search.names.len() < NAMES_SHOWN && !search.names.contains(&*item.label) {
                search.names.insert(item.label.to_string());
            }
        }
        if search.frames < FRAMES {
            return None;
        }
        let Search { frames, names } = self.search.take()?;
        Some(format!(
            "env CLASSES='{}': no object of {frames} frames is of these classes; theirs are {names:?}",
            self.words.join(",").escape_debug()
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use camweave_testing::person;

    use super::*;

    fn item(label: &str, class_id: u32) -> DetectedBox {
        DetectedBox {
            label: Arc::from(label),
            class_id,
            ..person([0.0, 0.0, 10.0, 10.0], 0.9)
        }
    }

    fn classes(words: &[&str]) -> Classes {
        Classes::new(words.iter().map(|it| (*it).to_owned()).collect())
    }

    #[test]
    fn names_and_ids_are_accepted_and_nothing_is_all() {
        let some = classes(&["car", "0"]);
        assert!(some.are_of(&item("car", 2)) && some.are_of(&item("person", 0)));
        assert!(!some.are_of(&item("truck", 7)));
        assert!(classes(&[]).are_of(&item("truck", 7)));
        // Classes that are named by numbers are meant by their names.
        let two = classes(&["2"]);
        assert!(two.are_of(&item("2", 1)) && !two.are_of(&item("1", 2)));
    }

    #[test]
    fn classes_that_never_come_are_reported_once() {
        let mut never = classes(&["cra", "99"]);
        let boxes = [item("car", 2), item("truck", 7)];
        let mut lines: Vec<_> = (0..1000).filter_map(|_| never.note(&boxes)).collect();
        assert_eq!(
            lines.pop().as_deref(),
            Some(
                "env CLASSES='cra,99': no object of 250 frames is of these classes; theirs are {\"car\", \"truck\"}"
            )
        );
        assert!(lines.is_empty(), "{lines:?}");
    }

    #[test]
    fn nothing_is_reported_of_classes_that_have_come_or_of_empty_frames() {
        let (mut rare, mut all) = (classes(&["bus"]), classes(&[]));
        assert_eq!(rare.note(&[item("bus", 5)]), None);
        for _ in 0..1000 {
            assert_eq!(rare.note(&[item("car", 2)]), None);
            assert_eq!(all.note(&[item("car", 2)]), None);
        }
        let mut waiting = classes(&["bus"]);
        assert!((0..1000).all(|_| waiting.note(&[]).is_none()));
    }
}
