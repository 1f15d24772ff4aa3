//! Names of classes, and which of them are kept.

use std::sync::Arc;

use camweave_message::limits::MAX_CLASSES;
use camweave_message::{DetectedBox, Extras};
use camweave_vision::Detection;

/// So many class names are shown in a line.
const NAMES_SHOWN: usize = 100;

/// The names of one model, and the classes to keep of it.
#[derive(Debug)]
pub struct Classes {
    text: Arc<str>,
    labels: Vec<Arc<str>>,
    /// Nothing: all.
    kept: Option<Vec<bool>>,
    /// Words of the configuration that are no class of this model.
    unknown: Vec<String>,
}

impl Classes {
    /// `text` has one name per line; `wanted` are names or ids, none for all.
    pub fn new(text: &Arc<str>, wanted: &[String]) -> Self {
        let names = text.split('\n').filter(|_| !text.is_empty());
        let labels: Vec<Arc<str>> = names.map(Arc::from).collect();
        let mut classes = Self {
            text: Arc::clone(text),
            labels,
            kept: None,
            unknown: Vec::new(),
        };
        if wanted.is_empty() {
            return classes;
        }
        let mut kept = vec![false; classes.labels.len()];
        for word in wanted {
            let mut known = false;
            for (label, kept) in classes.labels.iter().zip(&mut kept) {
                // Several classes may have one name.
                if **label == **word {
                    *kept = true;
                    known = true;
                }
            }
            known = known || classes.keep_id(word, &mut kept);
            if !known {
                classes.unknown.push(word.clone());
            }
        }
        classes.kept = Some(kept);
        classes
    }

    /// A word that is no name may be an id; of a model without names any id is good.
    fn keep_id(&self, word: &str, kept: &mut Vec<bool>) -> bool {
        const MOST: usize = 65_536;
        let Ok(id) = word.parse::<usize>() else {
            return false;
        };
        if id >= kept.len() && self.labels.is_empty() && id < MOST {
            kept.resize(id + 1, false);
        }
        kept.get_mut(id).map(|kept| *kept = true).is_some()
    }

    /// Whether these are the classes of a model with such names.
    pub fn is_of(&self, text: &Arc<str>) -> bool {
        Arc::ptr_eq(&self.text, text) || *self.text == **text
    }

    /// Whether all classes are kept.
    pub fn keeps_all(&self) -> bool {
        self.kept.is_none()
    }

    /// Whether boxes of a class are kept.
    pub fn keeps(&self, class_id: u32) -> bool {
        self.kept
            .as_ref()
            .is_none_or(|kept| kept.get(class_id as usize).copied().unwrap_or(false))
    }

    /// The name of a class; one that nobody has named is named by its number.
    pub fn label(&self, class_id: u32) -> Arc<str> {
        match self.labels.get(class_id as usize) {
            Some(label) => Arc::clone(label),
            None => Arc::from(format!("class{class_id}")),
        }
    }

    /// Detections with the names of their classes. No message says a class beyond the limit.
    pub fn named(&self, found: impl Iterator<Item = Detection>) -> Vec<DetectedBox> {
        let found = found.filter(|it| it.class_id < MAX_CLASSES);
        let boxes = found.map(|detection| DetectedBox {
            bbox: detection.bbox,
            // Rounding in half precision, or a network without a last sigmoid.
            score: detection.score.min(1.0),
            class_id: detection.class_id,
            label: self.label(detection.class_id),
            track_id: None,
            extras: Extras::default(),
        });
        boxes.collect()
    }

    /// Words of the configuration that are no class of this model, in a line; none if all are.
    pub fn complaint(&self) -> Option<String> {
        if self.unknown.is_empty() {
            return None;
        }
        let shown = self.labels.iter().take(NAMES_SHOWN);
        let mut names = shown.map(|label| &**label).collect::<Vec<_>>().join(", ");
        if names.is_empty() {
            "ids, as the model names no classes".clone_into(&mut names);
        }
        if self.labels.len() > NAMES_SHOWN {
            let more = self.labels.len() - NAMES_SHOWN;
            names += &format!(" and {more} more");
        }
        Some(format!(
            "env CLASSES: unknown '{}', expected some of {names}",
            self.unknown.join("', '")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(names: &str, wanted: &[&str]) -> Classes {
        let wanted: Vec<String> = wanted.iter().map(|word| (*word).to_owned()).collect();
        Classes::new(&Arc::from(names), &wanted)
    }

    fn kept(classes: &Classes) -> Vec<u32> {
        (0..10).filter(|id| classes.keeps(*id)).collect()
    }

    #[test]
    fn all_by_default() {
        let classes = classes("person\ncar", &[]);
        assert_eq!(kept(&classes), (0..10).collect::<Vec<_>>());
        assert!(classes.keeps_all());
        assert_eq!(classes.complaint(), None);
        assert_eq!((&*classes.label(1), &*classes.label(2)), ("car", "class2"));
    }

    #[test]
    fn names_before_ids() {
        assert_eq!(kept(&classes("person\ncar\ntruck", &["car", "2"])), [1, 2]);
        // A class may be named '2'.
        assert_eq!(kept(&classes("0\n2\n1", &["2"])), [1]);
        assert_eq!(kept(&classes("car\nperson\ncar", &["car"])), [0, 2]);
    }

    #[test]
    fn unknown_words_are_named_with_the_valid_ones() {
        let classes = classes("person\ncar", &["car", "cat", "2", "-1"]);
        assert_eq!(kept(&classes), [1]);
        let complaint = classes.complaint().expect("words are unknown");
        for part in ["'cat', '2', '-1'", "person, car"] {
            assert!(complaint.contains(part), "{complaint}");
        }
    }

    #[test]
    fn a_model_without_names() {
        let classes = classes("", &["3", "person", "99999999999"]);
        assert_eq!(kept(&classes), [3]);
        assert!(
            classes
                .complaint()
                .is_some_and(|line| line.contains("'person', '99999999999'"))
        );
        assert_eq!(&*classes.label(0), "class0");
    }
}
