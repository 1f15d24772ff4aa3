//! What a model that looks at one object is, as text: for people, and for `MODEL.yml`.

use std::fmt::Write as _;

use camweave_vision::{CropFit, InputFormat};

use crate::classifier::{Classifier, Meaning};
use crate::classifier_settings::ClassifierFamily;
use crate::file::ModelFile;
use crate::metadata::numbered;
use crate::words::{ABOUT_NAMES, header, list, quoted, white, word};

/// Names of classes that a line shows.
const NAMES_SHOWN: usize = 20;

impl Classifier {
    /// What was decided, and from what, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.reasons.clone();
        if let Meaning::Classes { names, .. } = &self.meaning {
            let shown = &names[..names.len().min(NAMES_SHOWN)];
            let mut line = format!("names: {}", shown.join(", "));
            if let Some(more) = names.len().checked_sub(NAMES_SHOWN).filter(|it| *it > 0) {
                line.push_str(&format!(", and {more} more"));
            }
            lines.push(line);
        }
        lines
    }
}

/// What `MODEL.yml` says of a model that looks at one object, with what each line may be.
#[must_use]
pub fn classifier_text(file: &ModelFile, classifier: &Classifier) -> String {
    let InputFormat {
        channels,
        range,
        mean,
        deviation,
        ..
    } = classifier.input;
    let mut text = header(&file.path);
    let mut line = |key: &str, value: &str, about: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# {about}\n{key}: {value}");
    };
    let families = ClassifierFamily::ALL.map(ClassifierFamily::as_str);
    line("family", classifier.family.as_str(), &families.join(", "));
    line(
        "output",
        &quoted(&file.outputs[classifier.output].name),
        "the name of the output that is read",
    );
    if let Meaning::Classes { activation, .. } = &classifier.meaning {
        line(
            "activation",
            &word(activation),
            "what makes probabilities of the values: none (they are), softmax (they are logits)",
        );
    }
    let fits: Vec<&str> = CropFit::ALL.iter().map(|it| it.as_str()).collect();
    line(
        "input",
        &format!(
            "{{fit: {}, channels: {}, range: {}, mean: {mean:?}, deviation: {deviation:?}}}",
            classifier.fit,
            word(&channels),
            white(range)
        ),
        &format!(
            "fit: {}; channels: rgb, bgr; range: what white is, 1 or 255; mean and\n# deviation in parts of white",
            fits.join(", ")
        ),
    );
    match &classifier.meaning {
        Meaning::Classes { names, .. } if *names == numbered(names.len()) => {
            // A name that is a number only is left out, so that they still count as unknown.
            line(
                "# names",
                &list(&names[..names.len().min(3)]),
                &format!("{} {ABOUT_NAMES}", names.len()),
            );
        }
        Meaning::Classes { names, .. } => line("names", &list(names), ABOUT_NAMES),
        Meaning::Embedding(_) => {}
    }
    text
}
