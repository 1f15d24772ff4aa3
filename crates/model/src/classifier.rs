//! What an ONNX file of a model that looks at one object is.

use camweave_vision::{CropFit, InputFormat, Range};

use crate::classifier_settings::{ClassActivation, ClassifierFamily, ClassifierSettings};
use crate::error::ModelError;
use crate::family::IMAGENET;
use crate::file::ModelFile;
use crate::metadata::{MAX_CLASSES, numbered};
use crate::size::shown;
use crate::words::{white, word};

/// Probabilities of a picture sum to 1 within this: float16 has 11 bits.
const SUM_TOLERANCE: f32 = 0.02;
/// Values of an embedding at most: messages carry no more of a box.
const MAX_EMBEDDING: usize = 8192;

/// What is known of a model before it has run.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierDraft {
    /// The kind of model.
    pub family: ClassifierFamily,
    /// Which of the file's outputs is read.
    pub output: usize,
    /// How a part of a frame fits into the input.
    pub fit: CropFit,
    /// What the input's values are.
    pub input: InputFormat,
    activation: Option<ClassActivation>,
    /// With what says so.
    class_names: Option<(Vec<String>, &'static str)>,
    reasons: Vec<String>,
}

/// What a model's values mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Probabilities of classes.
    Classes {
        /// What makes them.
        activation: ClassActivation,
        /// In the order of class ids.
        names: Vec<String>,
    },
    /// A vector of so many values.
    Embedding(usize),
}

/// What a model that looks at one object is, and how that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Classifier {
    /// The kind of model.
    pub family: ClassifierFamily,
    /// Which of the file's outputs is read.
    pub output: usize,
    /// How a part of a frame fits into the input.
    pub fit: CropFit,
    /// What the input's values are.
    pub input: InputFormat,
    /// What the output's values mean.
    pub meaning: Meaning,
    /// How each of this is known, line by line.
    pub reasons: Vec<String>,
    /// What people should know.
    pub warnings: Vec<String>,
}

/// What a model has said of one object.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The probability of each class.
    Classes(Vec<f32>),
    /// A vector of length 1.
    Embedding(Vec<f32>),
}

impl ClassifierDraft {
    /// What `MODEL.yml`, the metadata and the graph of a file say, for an input of this width and
    /// height in pixels.
    ///
    /// # Errors
    /// They leave open what it is; the line says what to write into `MODEL.yml`.
    pub fn of(file: &ModelFile, size: (u32, u32)) -> Result<Self, ModelError> {
        let settings = match &file.family {
            Some(family) => {
                ClassifierSettings::of_family(family).map_err(|why| file.refusal(&why))?
            }
            None => ClassifierSettings::beside(&file.path).map_err(ModelError::file)?,
        };
        let mut reasons = Vec::new();
        let family = match (settings.family, file.metadata.task.as_deref()) {
            (Some(family), _) => {
                reasons.push(format!("family: {family} (MODEL.yml)"));
                family
            }
            (None, Some("classify")) => {
                reasons.push("family: classify (metadata: task)".to_owned());
                ClassifierFamily::Classify
            }
            _ => {
                return Err(refuse(
                    file,
                    "neither MODEL.yml nor metadata says what it expects of a picture",
                    "'family: timm' (mean and deviation of ImageNet), 'family: classify' (0 to 1) or 'family: embedding' (no classes)",
                ));
            }
        };
        let output = output(file, &settings)?;
        reasons.push(format!(
            "output: {} ({})",
            shown(&file.outputs[output].name),
            match settings.output {
                Some(_) => "MODEL.yml",
                None => "the only one that may be [batch, values]",
            }
        ));
        let is_square = size.0 == size.1;
        let (fit, (mean, deviation)) = match family {
            // Ultralytics resizes to an input that is not square as it is.
            ClassifierFamily::Classify if is_square => (CropFit::CentreCrop, PLAIN),
            ClassifierFamily::Classify => (CropFit::Stretch, PLAIN),
            ClassifierFamily::Timm => (CropFit::CentreCrop, IMAGENET),
            ClassifierFamily::Embedding => (CropFit::Stretch, IMAGENET),
        };
        // A network that divides by 255 itself subtracts means itself as well.
        let is_byte = file.input.range == Range::Byte;
        let format = InputFormat {
            layout: file.input.layout,
            element: file.input.element_type.element(),
            range: file.input.range,
            mean: if is_byte { PLAIN.0 } else { mean },
            deviation: if is_byte { PLAIN.1 } else { deviation },
            ..InputFormat::default()
        };
        let fit = settings.input.fit.unwrap_or(fit);
        let input = InputFormat {
            fit: fit.fit(),
            ..settings.input.values_over(format)
        };
        input
            .check()
            .map_err(|error| file.refusal(&format!("input: {error}")))?;
        let mut from = format!("as {family}");
        if is_byte {
            from.push_str("; the file: bytes, or divided by 255");
        }
        let said = settings.input.said();
        if !said.is_empty() {
            from.push_str(&format!("; MODEL.yml: {}", said.join(", ")));
        }
        reasons.push(format!("input: {} ({from})", input_line(fit, &input)));
        let names = settings.class_names();
        let names = names.map_err(|error| file.refusal(&error))?;
        let class_names = match (names, &file.metadata.class_names) {
            (Some(names), _) => Some((names, "names: MODEL.yml")),
            (None, Some(names)) => Some((names.clone(), "names: metadata")),
            (None, None) => None,
        };
        Ok(Self {
            family,
            output,
            fit,
            input,
            activation: settings.activation,
            class_names,
            reasons,
        })
    }

    /// What the model is, by the values of the output for some pictures, each with its shape without
    /// the batch.
    ///
    /// # Errors
    /// They are none of its kind; the line says what to write into `MODEL.yml`.
    pub fn decide(
        self,
        file: &ModelFile,
        shape: &[usize],
        pictures: &[Vec<f32>],
    ) -> Result<Classifier, ModelError> {
        let values = match *shape {
            [values] | [values, 1] | [values, 1, 1] if values > 1 => values,
            _ => {
                let name = shown(&file.outputs[self.output].name);
                return Err(refuse(
                    file,
                    &format!(
                        "output '{name}' of shape {shape:?} for a picture, expected [classes] or [values]"
                    ),
                    "'output: NAME'",
                ));
            }
        };
        let is_finite = |picture: &Vec<f32>| picture.iter().all(|it| it.is_finite());
        if !pictures.iter().all(is_finite) {
            return Err(file.refusal("it gives values that are no numbers, expected finite ones"));
        }
        let (mut reasons, mut warnings) = (self.reasons.clone(), Vec::new());
        if let [first, others @ ..] = pictures
            && !others.is_empty()
            && others.iter().all(|it| it == first)
        {
            warnings.push("it gives the same values for a street and for noise".to_owned());
        }
        let meaning = match self.family {
            ClassifierFamily::Embedding => {
                let is_nothing = |it: &Vec<f32>| it.iter().all(|value| *value == 0.0);
                if values > MAX_EMBEDDING || pictures.iter().any(is_nothing) {
                    return Err(file.refusal(&format!(
                        "an embedding of {values} values, expected at most {MAX_EMBEDDING}, not all of them 0"
                    )));
                }
                reasons.push(format!("values: {values}"));
                Meaning::Embedding(values)
            }
            ClassifierFamily::Classify | ClassifierFamily::Timm => {
                if values > MAX_CLASSES {
                    return Err(
                        file.refusal(&format!("{values} classes, expected at most {MAX_CLASSES}"))
                    );
                }
                let activation = self.activation(file, pictures, &mut reasons)?;
                Meaning::Classes {
                    activation,
                    names: self.names(values, &mut reasons, &mut warnings),
                }
            }
        };
        let Self {
            family,
            output,
            fit,
            input,
            ..
        } = self;
        Ok(Classifier {
            family,
            output,
            fit,
            input,
            meaning,
            reasons,
            warnings,
        })
    }

    /// Probabilities sum to 1; logits leave 0 to 1.
    fn activation(
        &self,
        file: &ModelFile,
        pictures: &[Vec<f32>],
        reasons: &mut Vec<String>,
    ) -> Result<ClassActivation, ModelError> {
        let all = || pictures.iter().flatten().copied();
        let least = all().fold(f32::INFINITY, f32::min);
        let most = all().fold(f32::NEG_INFINITY, f32::max);
        let is_unit = least >= -SUM_TOLERANCE && most <= 1.0 + SUM_TOLERANCE;
        if let Some(activation) = self.activation {
            if activation == ClassActivation::None && !is_unit {
                return Err(refuse(
                    file,
                    &format!("values of {least:.3} to {most:.3}, expected probabilities of 0 to 1"),
                    "'activation: softmax'",
                ));
            }
            reasons.push(format!("activation: {} (MODEL.yml)", word(&activation)));
            return Ok(activation);
        }
        let sums = || pictures.iter().map(|it| it.iter().sum::<f32>());
        if is_unit && sums().all(|sum| (sum - 1.0).abs() <= SUM_TOLERANCE) {
            reasons.push("activation: none (trial: values sum to 1)".to_owned());
            return Ok(ClassActivation::None);
        }
        if !is_unit {
            reasons.push(format!(
                "activation: softmax (trial: values of {least:.3} to {most:.3})"
            ));
            return Ok(ClassActivation::Softmax);
        }
        let sum = sums().fold(0.0, f32::max);
        Err(refuse(
            file,
            &format!(
                "values of {least:.3} to {most:.3} that sum to {sum:.3}, expected probabilities that sum to 1, or logits"
            ),
            "'activation: none' (each is a probability) or 'activation: softmax' (they are logits)",
        ))
    }

    /// A name for each class.
    fn names(
        &self,
        classes: usize,
        reasons: &mut Vec<String>,
        warnings: &mut Vec<String>,
    ) -> Vec<String> {
        let (mut names, from) = self
            .class_names
            .clone()
            .unwrap_or((Vec::new(), "without names"));
        let known = names.len();
        if known != classes {
            warnings.push(match known {
                0 => format!("it names none of its {classes} classes, so they are numbered"),
                _ if known < classes => {
                    format!("{known} names for {classes} classes: the rest are numbered")
                }
                _ => format!("{known} names for {classes} classes: the first are taken"),
            });
            names.truncate(classes);
            names.extend(numbered(classes).into_iter().skip(known));
        }
        reasons.push(format!("classes: {classes} ({from})"));
        names
    }
}

impl Classifier {
    /// Values of one picture's output.
    #[must_use]
    pub fn values(&self) -> usize {
        match &self.meaning {
            Meaning::Classes { names, .. } => names.len(),
            Meaning::Embedding(values) => *values,
        }
    }

    /// What the values of one picture say; `None` where they are no numbers.
    #[must_use]
    pub fn answer(&self, values: &[f32]) -> Option<Answer> {
        if !values.iter().all(|it| it.is_finite()) {
            return None;
        }
        match &self.meaning {
            Meaning::Classes { activation, .. } => {
                let mut values: Vec<f32> = match activation {
                    ClassActivation::None => values.iter().map(|it| it.clamp(0.0, 1.0)).collect(),
                    ClassActivation::Softmax => softmax(values),
                };
                // Rounding in 16 bits. Those of several classes at once sum to more.
                let sum = values.iter().sum::<f32>();
                if sum > 1.0 && sum <= 1.0 + SUM_TOLERANCE {
                    values.iter_mut().for_each(|it| *it /= sum);
                }
                Some(Answer::Classes(values))
            }
            Meaning::Embedding(_) => {
                let length = values.iter().map(|it| it * it).sum::<f32>().sqrt();
                let unit = values.iter().map(|it| it / length);
                (length > 0.0 && length.is_finite()).then(|| Answer::Embedding(unit.collect()))
            }
        }
    }
}

/// What a network expects of a crop, in a line.
fn input_line(fit: CropFit, input: &InputFormat) -> String {
    let InputFormat {
        channels,
        layout,
        element,
        range,
        mean,
        deviation,
        ..
    } = *input;
    let mut line = format!(
        "{}, {}, {channels}, {fit}, white is {}",
        word(&element),
        word(&layout),
        white(range)
    );
    if (mean, deviation) != PLAIN {
        line.push_str(&format!(", mean {mean:?}, deviation {deviation:?}"));
    }
    line
}

const PLAIN: ([f32; 3], [f32; 3]) = ([0.0; 3], [1.0; 3]);

fn softmax(values: &[f32]) -> Vec<f32> {
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = values.iter().map(|it| (it - most).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|it| it / sum).collect()
}

/// Which output is read: the one that is named, or the only one that may be a list of values for
/// each picture.
fn output(file: &ModelFile, settings: &ClassifierSettings) -> Result<usize, ModelError> {
    let outputs = || file.outputs.iter().enumerate();
    let known = || {
        let names = outputs().map(|(_, it)| shown(&it.name));
        names.collect::<Vec<_>>().join(", ")
    };
    if let Some(name) = &settings.output {
        let found = outputs().find(|(_, it)| it.name == *name && it.is_read);
        return found.map(|(index, _)| index).ok_or_else(|| {
            file.refusal(&format!(
                "output: '{}', expected one of {}",
                shown(name),
                known()
            ))
        });
    }
    let lists: Vec<usize> = outputs()
        .filter(|(_, it)| it.is_read && (it.shape.is_empty() || is_list(&it.shape)))
        .map(|(index, _)| index)
        .collect();
    match lists.as_slice() {
        [only] => Ok(*only),
        _ => Err(refuse(
            file,
            &format!(
                "{} of its outputs ({}) may be [batch, values], expected one",
                lists.len(),
                known()
            ),
            "'output: NAME'",
        )),
    }
}

/// Whether an output's declared shape may be a list of values for each picture.
pub(crate) fn is_list(shape: &[Option<usize>]) -> bool {
    let rest = shape.get(2..).unwrap_or_default();
    shape.len() >= 2 && rest.iter().all(|it| matches!(it, Some(1) | None))
}

/// A model that cannot be used as it is, and the line that would change that.
fn refuse(file: &ModelFile, why: &str, line: &str) -> ModelError {
    let settings = crate::settings_path(&file.path);
    let name = settings.file_name().unwrap_or_default().to_string_lossy();
    file.refusal(&format!("{why}; write {line} into {name}"))
}
