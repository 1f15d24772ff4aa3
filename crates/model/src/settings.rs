//! `MODEL.yml`: what people say of a model, in a file beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use camweave_vision::{
    Activation, Background, BoxCoding, BoxSpace, Channels, Element, Fit, InputFormat, InputLayout,
    Order, Range,
};
use serde::Deserialize;

use crate::family::{Family, ScoreKind, TaskKind};
use crate::metadata::{MAX_CLASSES, clean_name, filled};
use crate::size::shown;
use crate::words::quoted;

/// A longer file is none that people write.
const MAX_BYTES: u64 = 4 << 20;

/// What `MODEL.yml` may say; what it leaves out is found in other ways.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSettings {
    /// The kind of detector.
    pub family: Option<Family>,
    /// What it gives of an object.
    pub task: Option<TaskKind>,
    /// Of a pose: how many keypoints, and values of each.
    pub kpt_shape: Option<[u32; 2]>,
    /// Names of the outputs to read.
    pub outputs: Outputs,
    /// Where a value of a place is.
    pub order: Option<Order>,
    /// Which scores a place has.
    pub scores: Option<ScoreKind>,
    /// Which score is that of no object.
    pub background: Option<Background>,
    /// What the four values of a box are.
    pub boxes: Option<BoxCoding>,
    /// What they are measured in.
    pub space: Option<BoxSpace>,
    /// What makes a score of 0 to 1.
    pub activation: Option<Activation>,
    /// Values of a place after its scores.
    pub extra: Option<u32>,
    /// Whether a place gives a box for each class above the confidence.
    pub multi_label: Option<bool>,
    /// Whether overlapping boxes have to be suppressed.
    pub overlaps: Option<bool>,
    /// What the network expects of a frame.
    pub input: InputSettings,
    /// Names of classes.
    pub names: Option<Names>,
    /// The lowest confidence to suggest.
    pub confidence: Option<f32>,
    /// The IoU to suggest.
    pub iou: Option<f32>,
    /// Whether the model is run once on pictures made for it; if not, what is said here is believed.
    pub trial: Option<bool>,
}

/// Names of the outputs to read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outputs {
    /// The one that has everything.
    pub all: Option<String>,
    /// Boxes.
    pub boxes: Option<String>,
    /// Scores.
    pub scores: Option<String>,
    /// Classes.
    pub classes: Option<String>,
    /// Prototypes of masks.
    pub prototypes: Option<String>,
}

/// What the network expects of a frame, as far as it is said.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InputSettings<F = Fit> {
    /// How the frame fits.
    pub fit: Option<F>,
    /// The order of the channels.
    pub channels: Option<Channels>,
    /// How values lie.
    pub layout: Option<InputLayout>,
    /// The type of the values.
    pub element: Option<Element>,
    /// What white is.
    pub range: Option<u8>,
    /// What is subtracted, in parts of white.
    pub mean: Option<[f32; 3]>,
    /// What is divided by, in parts of white.
    pub deviation: Option<[f32; 3]>,
}

/// Names of classes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Names {
    /// In the order of class ids.
    List(Vec<String>),
    /// By class id.
    Map(BTreeMap<usize, String>),
    /// A text file with a name in each line, beside `MODEL.yml`.
    File(PathBuf),
}

/// `detector.yml` of `detector.onnx`.
#[must_use]
pub fn settings_path(model: &Path) -> PathBuf {
    model.with_extension("yml")
}

impl ModelSettings {
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
        if is_blank(text) {
            return Ok(Self::default());
        }
        let settings: Self = serde_saphyr::from_str(text).map_err(|error| syntax(&error))?;
        settings.input.check()?;
        for (key, value) in [("confidence", settings.confidence), ("iou", settings.iou)] {
            if let Some(value) = value.filter(|value| !(0.0..=1.0).contains(value)) {
                return Err(format!(": {key} is {value}, expected 0 to 1"));
            }
        }
        Ok(settings)
    }

    /// The names in the order of class ids.
    ///
    /// # Errors
    /// There are too many, or none.
    pub fn class_names(&self) -> Result<Option<Vec<String>>, String> {
        ordered_names(self.names.as_ref())
    }
}

/// The settings beside a model; the default where there is no such file.
///
/// # Errors
/// A line that names the file, the place and what was expected.
pub(crate) fn read_beside<T: Default>(
    model: &Path,
    parse: impl FnOnce(&str) -> Result<T, String>,
    names: impl FnOnce(&mut T) -> &mut Option<Names>,
) -> Result<T, String> {
    let path = settings_path(model);
    let Some(text) = text_of(&path)? else {
        return Ok(T::default());
    };
    let file = path.display();
    let mut settings = parse(&text).map_err(|error| format!("'{file}'{error}"))?;
    read_names(names(&mut settings), &path).map_err(|error| format!("'{file}': {error}"))?;
    Ok(settings)
}

/// Reads the text file that `names` points to.
fn read_names(names: &mut Option<Names>, settings: &Path) -> Result<(), String> {
    let Some(Names::File(path)) = names else {
        return Ok(());
    };
    let path = settings.parent().unwrap_or(Path::new("")).join(path);
    let cannot = |why: String| {
        format!(
            "names: '{}': {why}, expected a list, a map, or the path of a text file with a name in each line",
            path.display()
        )
    };
    let found = std::fs::metadata(&path).map_err(|error| cannot(error.to_string()))?;
    if !found.is_file() || found.len() > MAX_BYTES {
        return Err(cannot("no file of bearable size".to_owned()));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| cannot(error.to_string()))?;
    *names = Some(Names::List(text.lines().map(str::to_owned).collect()));
    Ok(())
}

/// Names in the order of class ids.
pub(crate) fn ordered_names(names: Option<&Names>) -> Result<Option<Vec<String>>, String> {
    let entries: Vec<(usize, String)> = match names {
        Some(Names::List(names)) => names.iter().cloned().enumerate().collect(),
        Some(Names::Map(names)) => names.iter().map(|(id, name)| (*id, name.clone())).collect(),
        Some(Names::File(_)) | None => return Ok(None),
    };
    if entries.is_empty() {
        return Ok(None);
    }
    if let Some((id, _)) = entries.iter().find(|(id, _)| *id >= MAX_CLASSES) {
        return Err(format!(
            "names: class {id}, expected less than {MAX_CLASSES}"
        ));
    }
    let entries = entries.into_iter().map(|(id, name)| (id, clean_name(name)));
    filled(entries.collect())
        .map(Some)
        .ok_or_else(|| "names: more than 1 MiB, expected a name for each class".to_owned())
}

/// The text of a file beside a model; nothing where there is none.
pub(crate) fn text_of(path: &Path) -> Result<Option<String>, String> {
    let refuse = |error: std::io::Error| format!("'{}': {error}", path.display());
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() <= MAX_BYTES => {}
        Ok(_) => {
            return Err(format!(
                "'{}': expected a file of at most {MAX_BYTES} bytes",
                path.display()
            ));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refuse(error)),
    }
    std::fs::read_to_string(path).map(Some).map_err(refuse)
}

/// The text of settings that say a family only.
pub(crate) fn family_line(family: &str) -> String {
    format!("family: {}\n", quoted(family))
}

/// Whether a text has nothing but comments.
pub(crate) fn is_blank(text: &str) -> bool {
    text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#')
    })
}

impl<F> InputSettings<F> {
    /// Checks what no single key shows, in words that follow the file's name.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.range.filter(|range| ![1, 255].contains(range)) {
            Some(range) => Err(format!(": input.range is {range}, expected 1 or 255")),
            None => Ok(()),
        }
    }

    /// The keys that are said here.
    pub(crate) fn said(&self) -> Vec<&'static str> {
        let all = [
            ("fit", self.fit.is_some()),
            ("channels", self.channels.is_some()),
            ("layout", self.layout.is_some()),
            ("element", self.element.is_some()),
            ("range", self.range.is_some()),
            ("mean", self.mean.is_some()),
            ("deviation", self.deviation.is_some()),
        ];
        let said = all.into_iter().filter(|(_, is_said)| *is_said);
        said.map(|(key, _)| key).collect()
    }

    /// `format`, where nothing else is said here; its fit stays.
    pub(crate) fn values_over(&self, format: InputFormat) -> InputFormat {
        InputFormat {
            fit: format.fit,
            channels: self.channels.unwrap_or(format.channels),
            layout: self.layout.unwrap_or(format.layout),
            element: self.element.unwrap_or(format.element),
            range: match self.range {
                Some(255) => Range::Byte,
                Some(_) => Range::One,
                None => format.range,
            },
            mean: self.mean.unwrap_or(format.mean),
            deviation: self.deviation.unwrap_or(format.deviation),
        }
    }
}

impl InputSettings {
    /// `format`, where nothing else is said here.
    #[must_use]
    pub fn over(self, format: InputFormat) -> InputFormat {
        InputFormat {
            fit: self.fit.unwrap_or(format.fit),
            ..self.values_over(format)
        }
    }
}

/// What the parser found wrong, in words that follow the file's name.
pub(crate) fn syntax(error: &serde_saphyr::Error) -> String {
    let place = error.location().map_or_else(String::new, |at| {
        format!(", line {}, column {}", at.line(), at.column())
    });
    let text = match error.without_snippet() {
        serde_saphyr::Error::SerdeUnknownField {
            field, expected, ..
        } => format!(
            "unknown key '{}'{}, expected one of {}",
            shown(field),
            meant(field, expected),
            expected.join(", ")
        ),
        serde_saphyr::Error::SerdeUnknownVariant {
            variant, expected, ..
        } => format!(
            "'{}'{}, expected one of {}",
            shown(variant),
            meant(variant, expected),
            expected.join(", ")
        ),
        other => {
            let text = other.render_with_formatter(&serde_saphyr::UserMessageFormatter);
            text.lines().next().unwrap_or_default().to_owned()
        }
    };
    format!("{place}: {text}")
}

/// What was probably meant.
fn meant(word: &str, known: &[&str]) -> String {
    let typos = |known: &&&str| strsim::osa_distance(word, known);
    let nearest = known.iter().min_by_key(typos);
    nearest
        .filter(|known| typos(known) <= 2.max(word.len() / 3))
        .map_or_else(String::new, |known| format!(" (did you mean '{known}'?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        ModelSettings::parse(text).expect_err("refused")
    }

    #[test]
    fn any_part_may_be_said() {
        let settings = ModelSettings::parse(
            "family: yolov7\nspace: normalised\ninput:\n  channels: bgr\n  range: 255\nnames: [a, b]\n",
        )
        .expect("valid");
        assert_eq!(settings.family, Some(Family::Yolov5));
        assert_eq!(settings.space, Some(BoxSpace::Normalised));
        let input = settings.input.over(InputFormat::default());
        assert_eq!((input.channels, input.range), (Channels::Bgr, Range::Byte));
        assert_eq!(
            settings.class_names(),
            Ok(Some(vec!["a".to_owned(), "b".to_owned()]))
        );
        assert_eq!(
            ModelSettings::parse("# nothing\n"),
            Ok(ModelSettings::default())
        );
    }

    #[test]
    fn names_as_a_map_or_a_file() {
        let map = ModelSettings::parse("names: {1: dog, 3: cat}").expect("valid");
        let names = map.class_names().expect("names").expect("some");
        assert_eq!(names, ["class0", "dog", "class2", "cat"]);
        let folder = tempfile::tempdir().expect("a folder");
        let model = folder.path().join("m.onnx");
        std::fs::write(folder.path().join("coco.txt"), "person\ncar\n").expect("written");
        std::fs::write(folder.path().join("m.yml"), "names: coco.txt\n").expect("written");
        let settings = ModelSettings::beside(&model).expect("valid");
        let names = settings.class_names().expect("names").expect("some");
        assert_eq!(names, ["person", "car"]);
        std::fs::write(folder.path().join("m.yml"), "names: []\n").expect("written");
        let settings = ModelSettings::beside(&model).expect("valid");
        assert_eq!(settings.class_names(), Ok(None), "none are said");
        std::fs::write(folder.path().join("m.yml"), "names: none.txt\n").expect("written");
        let error = ModelSettings::beside(&model).expect_err("no such file");
        assert!(
            error.contains("m.yml': names: '") && error.contains("none.txt"),
            "{error}"
        );
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_what_was_meant() {
        let error = refused("family: yolov8\nactivtion: sigmoid\n");
        for part in [
            "line 2",
            "unknown key 'activtion'",
            "did you mean 'activation'?",
        ] {
            assert!(error.contains(part), "{error}");
        }
        let error = refused("family: yolo8\n");
        for part in ["line 1", "'yolo8'", "did you mean 'yolov8'?", "rf_detr"] {
            assert!(error.contains(part), "{error}");
        }
        let error = refused("input:\n  chanels: bgr\n");
        assert!(
            error.contains("line 2") && error.contains("'channels'"),
            "{error}"
        );
        assert!(refused("input: {range: 100}").contains("expected 1 or 255"));
        assert!(refused("confidence: 25").contains("expected 0 to 1"));
    }
}
