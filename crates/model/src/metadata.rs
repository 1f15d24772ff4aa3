//! What an Ultralytics export says of itself.

use crate::literal::Literal;
use crate::onnx::StringStringEntryProto;
use crate::size::shown;

/// Class ids beyond this are a broken file, not a detector.
pub(crate) const MAX_CLASSES: usize = 65_536;
/// The name of a class is cut here, in bytes: messages carry no longer ones.
const MAX_NAME_BYTES: usize = 256;
/// What `scripts/export_onnx.py` writes into the description of the models that ship.
const OF_RENDERED_STREETS: &str = "trained on rendered street scenes";
/// All names together, in bytes: messages carry no more. Of a file with more, names are unknown.
const MAX_NAMES_BYTES: usize = 1 << 20;

/// The metadata of a model file; everything is absent where the exporter wrote none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Class names in the order of class ids.
    pub class_names: Option<Vec<String>>,
    /// Width and height of the input that the model was exported for, in pixels.
    pub size: Option<(u32, u32)>,
    /// The input's sides must be multiples of this many pixels.
    pub stride: Option<u32>,
    /// `detect`, `segment`, ...
    pub task: Option<String>,
    /// Of a pose: how many keypoints, and values of each.
    pub keypoints: Option<[u32; 2]>,
    /// Whether the network suppresses overlaps itself.
    pub end_to_end: Option<bool>,
    /// What the exporter says in words, and the name of the head's class.
    pub description: Option<String>,
    /// Why there are no class names although the file has a line for them.
    pub unread_names: Option<String>,
}

impl Metadata {
    /// Reads the lines of a file; one that cannot be read counts as absent.
    #[must_use]
    pub fn read(lines: &[StringStringEntryProto]) -> Self {
        let text = |key: &str| {
            lines
                .iter()
                .find(|line| line.key == key)
                .map(|line| line.value.as_str())
        };
        let literal = |key: &str| text(key).and_then(Literal::parse);
        let names = text("names")
            .map(str::trim)
            .filter(|names| !names.is_empty());
        let class_names = names.and_then(names_of);
        Self {
            unread_names: names
                .filter(|names| class_names.is_none() && *names != "None" && *names != "null")
                .map(shown),
            class_names,
            description: match (text("description"), text("head")) {
                (Some(about), Some(head)) => Some(format!("{about} {head}")),
                (about, head) => about.or(head).map(str::to_owned),
            },
            size: literal("imgsz").and_then(size),
            stride: literal("stride").and_then(|value| side(&value)),
            task: text("task")
                .map(|task| task.trim().to_owned())
                .filter(|task| !task.is_empty()),
            keypoints: literal("kpt_shape").and_then(keypoints),
            end_to_end: match literal("end2end") {
                Some(Literal::Bool(end_to_end)) => Some(end_to_end),
                _ => None,
            },
        }
    }

    /// Whether the description names RT-DETR.
    pub(crate) fn is_rt_detr(&self) -> bool {
        let about = self.description.as_deref().unwrap_or_default();
        let about = about.to_ascii_lowercase();
        ["rtdetr", "rt-detr"].iter().any(|it| about.contains(it))
    }

    /// Whether the network was trained on rendered streets alone, as those that ship with camweave.
    #[must_use]
    pub fn is_of_rendered_streets(&self) -> bool {
        let about = self.description.as_deref();
        about.is_some_and(|about| about.contains(OF_RENDERED_STREETS))
    }
}

/// Names in any of the ways in which exporters write them.
fn names_of(text: &str) -> Option<Vec<String>> {
    if let Some(names) = Literal::parse(text).and_then(class_names) {
        return Some(names);
    }
    // `person,car`, or a name in each line.
    let is_plain = !text.contains(['{', '[', '(', '\'', '"', ':']) && text.contains([',', '\n']);
    let names = text.split([',', '\n']).map(|name| name.trim().to_owned());
    let names: Vec<_> = names.map(clean_name).enumerate().collect();
    let is_whole = names.iter().all(|(_, name)| !name.is_empty());
    (is_plain && is_whole && names.len() <= MAX_CLASSES)
        .then(|| filled(names))
        .flatten()
}

/// `{0: 'person', 1: 'car'}` or `['person', 'car']`; ids without a name are named by number.
fn class_names(value: Literal) -> Option<Vec<String>> {
    let entries: Vec<(usize, String)> = match value {
        Literal::Dict(entries) => entries.into_iter().map(entry).collect::<Option<_>>()?,
        Literal::List(names) => {
            let names = names.into_iter().map(name).collect::<Option<Vec<_>>>()?;
            names.into_iter().enumerate().collect()
        }
        _ => return None,
    };
    filled(entries)
}

/// All names up to the highest id; `None` of none, and of more than messages carry.
pub(crate) fn filled(entries: Vec<(usize, String)>) -> Option<Vec<String>> {
    let mut names = numbered(entries.iter().map(|(id, _)| id + 1).max()?);
    for (id, name) in entries {
        names[id] = name;
    }
    let bytes: usize = names.iter().map(|name| name.len() + 1).sum();
    (bytes <= MAX_NAMES_BYTES).then_some(names)
}

/// The names of classes that nobody has named: `class0`, `class1`, ...
#[must_use]
pub fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|id| format!("class{id}")).collect()
}

fn entry((key, value): (Literal, Literal)) -> Option<(usize, String)> {
    let id = match key {
        Literal::Integer(id) => usize::try_from(id).ok()?,
        Literal::Text(id) => id.parse().ok()?,
        _ => return None,
    };
    (id < MAX_CLASSES).then_some((id, name(value)?))
}

fn name(value: Literal) -> Option<String> {
    match value {
        Literal::Text(name) => Some(clean_name(name)),
        // YAML makes numbers of names of digits, and truth values of `no` and `yes`.
        Literal::Integer(name) => Some(name.to_string()),
        Literal::Bool(true) => Some("True".to_owned()),
        Literal::Bool(false) => Some("False".to_owned()),
        _ => None,
    }
}

/// A name in one line, without what a terminal obeys: messages separate names by line feeds.
pub(crate) fn clean_name(mut name: String) -> String {
    let end = (0..=MAX_NAME_BYTES.min(name.len()))
        .rev()
        .find(|&end| name.is_char_boundary(end));
    name.truncate(end.unwrap_or(0));
    name.replace(char::is_control, " ")
}

/// Ultralytics writes `[height, width]`, or one number for a square.
fn size(value: Literal) -> Option<(u32, u32)> {
    match value {
        Literal::List(sides) => match sides.as_slice() {
            [both] => side(both).map(|side| (side, side)),
            [height, width] => Some((side(width)?, side(height)?)),
            _ => None,
        },
        both => side(&both).map(|side| (side, side)),
    }
}

/// `[17, 3]`.
fn keypoints(value: Literal) -> Option<[u32; 2]> {
    match value {
        Literal::List(sides) => match sides.as_slice() {
            [points, values] => Some([side(points)?, side(values)?]),
            _ => None,
        },
        _ => None,
    }
}

fn side(value: &Literal) -> Option<u32> {
    match value {
        Literal::Integer(side) => u32::try_from(*side).ok().filter(|side| *side > 0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&str, &str)]) -> Metadata {
        let lines: Vec<_> = lines
            .iter()
            .map(|(key, value)| StringStringEntryProto {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        Metadata::read(&lines)
    }

    #[test]
    fn an_ultralytics_export() {
        let metadata = read(&[
            (
                "description",
                "Ultralytics YOLO11n model trained on coco.yaml",
            ),
            ("stride", "32"),
            ("task", "detect"),
            ("batch", "1"),
            ("imgsz", "[384, 640]"),
            ("names", "{0: 'person', 1: 'bicycle', 2: 'car'}"),
            ("args", "{'nms': False}"),
            ("end2end", "False"),
        ]);
        let names = ["person", "bicycle", "car"].map(str::to_owned).to_vec();
        assert_eq!(
            metadata,
            Metadata {
                class_names: Some(names),
                size: Some((640, 384)),
                stride: Some(32),
                task: Some("detect".to_owned()),
                keypoints: None,
                end_to_end: Some(false),
                description: Some("Ultralytics YOLO11n model trained on coco.yaml".to_owned()),
                unread_names: None,
            }
        );
    }

    #[test]
    fn other_forms_of_names() {
        let names = |text| read(&[("names", text)]).class_names;
        assert_eq!(
            names("['a', 'b']"),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(
            names(r#"{"1": "b"}"#),
            Some(vec!["class0".to_owned(), "b".to_owned()])
        );
        assert_eq!(
            names(r"{0: 'two\nlines'}"),
            Some(vec!["two lines".to_owned()])
        );
        for broken in [
            "",
            "{}",
            "3",
            "{-1: 'a'}",
            "None",
            "{0: None}",
            "{99999999999: 'a'}",
            "{0: 'a'",
        ] {
            assert_eq!(names(broken), None, "{broken}");
        }
        let some = |names: &[&str]| Some(names.iter().map(|it| (*it).to_owned()).collect());
        assert_eq!(names("{0: 0, 1: 1}"), some(&["0", "1"]));
        assert_eq!(names("{0: False, 1: 'b'}"), some(&["False", "b"]));
        assert_eq!(names("person,car"), some(&["person", "car"]));
        assert_eq!(names("person\ncar"), some(&["person", "car"]));
        assert_eq!(
            names(r#"["person \"x\"", "v\u00e9hicule, lent \ud83d\ude97", "a\/b"]"#),
            some(&["person \"x\"", "v\u{e9}hicule, lent \u{1f697}", "a/b"])
        );
        // What cannot be read is not lost in silence.
        let unread = |text| read(&[("names", text)]).unread_names;
        assert_eq!(unread("{0: 'a'"), Some("{0: \\'a\\'".to_owned()));
        assert_eq!((unread("None"), unread("")), (None, None));
        assert_eq!(names("{9223372036854775807: 'a'}"), None);
        assert_eq!(names("{'18446744073709551615': 'a'}"), None);
    }

    #[test]
    fn sizes() {
        let size = |text| read(&[("imgsz", text)]).size;
        assert_eq!(size("640"), Some((640, 640)));
        assert_eq!(size("[320]"), Some((320, 320)));
        assert_eq!(size("[0, 320]"), None);
        assert_eq!(size("[-1, 320]"), None);
        assert_eq!(size("[1, 2, 3]"), None);
        let keypoints = |text| read(&[("kpt_shape", text)]).keypoints;
        assert_eq!(keypoints("[17, 3]"), Some([17, 3]));
        assert_eq!(keypoints("(4, 2)"), Some([4, 2]));
        assert_eq!(keypoints("[17]"), None);
        assert_eq!(read(&[]), Metadata::default());
    }
}
