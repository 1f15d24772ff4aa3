//! `MODEL.yml` of a model that looks at one object.

use std::fmt;
use std::path::Path;

use camweave_vision::CropFit;
use serde::{Deserialize, Serialize};

use crate::settings::{InputSettings, Names, family_line, ordered_names, read_beside, syntax};
use crate::size::shown;

/// A kind of model that looks at one object, as `family` in `MODEL.yml` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassifierFamily {
    /// Ultralytics: probabilities of classes, red, green and blue of 0 to 1.
    Classify,
    /// timm and torchvision: logits of classes, mean and deviation of ImageNet.
    #[serde(alias = "torchvision")]
    Timm,
    /// A vector without classes, mean and deviation of ImageNet.
    #[serde(alias = "reid")]
    Embedding,
}

impl ClassifierFamily {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Classify, Self::Timm, Self::Embedding];

    /// The word in `MODEL.yml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Classify => "classify",
            Self::Timm => "timm",
            Self::Embedding => "embedding",
        }
    }
}

impl fmt::Display for ClassifierFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What makes probabilities of a classifier's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassActivation {
    /// They are probabilities.
    None,
    /// The softmax of all of them.
    Softmax,
}

/// What `MODEL.yml` may say; what it leaves out is found in other ways.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassifierSettings {
    /// The kind of model.
    pub family: Option<ClassifierFamily>,
    /// The name of the output to read.
    pub output: Option<String>,
    /// What makes probabilities.
    pub activation: Option<ClassActivation>,
    /// What the network expects of a part of a frame.
    pub input: InputSettings<CropFit>,
    /// Names of classes.
    pub names: Option<Names>,
}

impl ClassifierSettings {
    /// Reads the file beside a model; nothing is said where there is none.
    ///
    /// # Errors
    /// A line that names the file, the place and what was expected.
    pub fn beside(model: &Path) -> Result<Self, String> {
        read_beside(model, Self::parse, |settings| &mut settings.names)
    }

    /// Nothing but the family.
    ///
    /// # Errors
    /// There is no such family.
    pub(crate) fn of_family(family: &str) -> Result<Self, String> {
        Self::parse(&family_line(family)).map_err(|why| format!("family '{}'{why}", shown(family)))
    }

    /// Parses a file's text.
    ///
    /// # Errors
    /// In words that follow the file's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if crate::settings::is_blank(text) {
            return Ok(Self::default());
        }
        let settings: Self = serde_saphyr::from_str(text).map_err(|error| syntax(&error))?;
        let InputSettings {
            layout, element, ..
        } = settings.input;
        for (key, is_said) in [("layout", layout.is_some()), ("element", element.is_some())] {
            if is_said {
                return Err(format!(
                    ": input.{key} is said, expected only what the file does not say: its own {key} is used"
                ));
            }
        }
        settings.input.check()?;
        Ok(settings)
    }

    /// The names in the order of class ids.
    ///
    /// # Errors
    /// There are too many.
    pub fn class_names(&self) -> Result<Option<Vec<String>>, String> {
        ordered_names(self.names.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_may_be_said() {
        let settings = ClassifierSettings::parse(
            "family: reid\noutput: features\ninput: {fit: stretch, range: 255}\nnames: [a, b]\n",
        )
        .expect("valid");
        assert_eq!(settings.family, Some(ClassifierFamily::Embedding));
        assert_eq!(settings.input.fit, Some(CropFit::Stretch));
        assert_eq!(
            settings.class_names(),
            Ok(Some(vec!["a".to_owned(), "b".to_owned()]))
        );
        assert_eq!(
            ClassifierSettings::parse("# nothing\n"),
            Ok(ClassifierSettings::default())
        );
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_what_was_meant() {
        let refused = |text| ClassifierSettings::parse(text).expect_err("refused");
        let error = refused("family: classfy\n");
        assert!(
            error.contains("line 1") && error.contains("did you mean 'classify'?"),
            "{error}"
        );
        // A detector's description says nothing of a classifier.
        let error = refused("family: yolov8\n");
        assert!(
            error.contains("expected one of") && error.contains("timm"),
            "{error}"
        );
        let error = refused("input: {fit: centre_crp}\n");
        assert!(error.contains("did you mean 'centre_crop'?"), "{error}");
        assert!(refused("input: {range: 100}").contains("expected 1 or 255"));
    }

    #[test]
    fn the_words_are_those_that_are_read() {
        for family in ClassifierFamily::ALL {
            let word = serde_json::to_string(&family).expect("a word");
            assert_eq!(word, format!("\"{family}\""));
        }
    }
}
