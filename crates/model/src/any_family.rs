//! Kinds of models, by the words for them.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::classifier_settings::ClassifierFamily;
use crate::family::Family;
use crate::task::Task;

/// A kind of detector, or of a model that looks at detected objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum AnyFamily {
    /// Of a detector.
    Detector(Family),
    /// Of a model that looks at one object.
    Classifier(ClassifierFamily),
}

impl AnyFamily {
    /// What its models are used for.
    #[must_use]
    pub const fn task(self) -> Task {
        match self {
            Self::Detector(_) => Task::Detect,
            Self::Classifier(_) => Task::Classify,
        }
    }
}

impl fmt::Display for AnyFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Detector(family) => family.fmt(f),
            Self::Classifier(family) => family.fmt(f),
        }
    }
}

impl FromStr for AnyFamily {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        serde_saphyr::from_str(word).map_err(|_| {
            let detectors = Family::ALL.iter().map(|it| it.as_str());
            let classifiers = ClassifierFamily::ALL.iter().map(|it| it.as_str());
            let words: Vec<&str> = detectors.chain(classifiers).collect();
            format!("expected one of {}", words.join(", "))
        })
    }
}
