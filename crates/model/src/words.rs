//! Parts of the text of a `MODEL.yml`.

use std::path::Path;

use camweave_vision::Range;
use serde::Serialize;

/// What `names` may be.
pub(crate) const ABOUT_NAMES: &str = "names of classes: a list, a map ({0: person}), or the path of a text file with a name in each line";

/// How the text begins, of a model at this path.
pub(crate) fn header(path: &Path) -> String {
    format!(
        "# How camweave reads {}. Each line may be changed or left out; what is left out is found\n# from the file. 'camweave model show' prints what was decided.\n\n",
        path.file_name().unwrap_or_default().to_string_lossy()
    )
}

/// What white is.
pub(crate) const fn white(range: Range) -> u8 {
    match range {
        Range::One => 1,
        Range::Byte => 255,
    }
}

/// Names as a list.
pub(crate) fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|it| quoted(it)).collect();
    format!("[{}]", names.join(", "))
}

/// A text in double quotes, which has no control characters.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The word that stands for a value in `MODEL.yml`.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    serde_saphyr::to_string(value).map_or_else(|_| String::new(), |text| text.trim().to_owned())
}
