//! All files of spans of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use camweave_telemetry::span_file::{self, SpanFile};

use crate::TraceError;

/// What a folder has.
#[derive(Debug)]
pub struct Gathered {
    /// The files by name, all of one boot.
    pub files: Vec<SpanFile>,
    /// A line for each file of which something was left out.
    pub complaints: Vec<String>,
}

/// Reads the files of spans in `folder`, or in its folder `trace`.
///
/// # Errors
/// There are none, the folder cannot be read, or a file is of another boot than the latest.
pub fn gather(folder: &Path) -> Result<Gathered, TraceError> {
    let mut paths = list(folder)?;
    let inner = folder.join("trace");
    if paths.is_empty() && inner.is_dir() {
        paths = list(&inner)?;
    }
    let mut files: Vec<(PathBuf, SpanFile)> = Vec::new();
    let mut complaints = Vec::new();
    for path in paths {
        match span_file::read(&path) {
            Ok(file) => {
                if let Some(damage) = &file.damage {
                    let text = format!("'{}': its tail is left out: {damage}", path.display());
                    complaints.push(text);
                }
                if file.lost > 0 {
                    let text = format!("'{}': {} events were lost", path.display(), file.lost);
                    complaints.push(text);
                }
                files.push((path, file));
            }
            Err(error) => complaints.push(format!("{error}; it is left out")),
        }
    }
    let Some((latest_path, latest)) = files.iter().max_by_key(|(_, file)| file.header.unix_nanos)
    else {
        return Err(TraceError::Nothing {
            path: folder.to_owned(),
        });
    };
    let expected = &latest.header.boot_id;
    if let Some((path, file)) = files
        .iter()
        .find(|(_, file)| file.header.boot_id != *expected)
    {
        return Err(TraceError::Boot {
            path: path.clone(),
            boot: file.header.boot_id.clone(),
            other: latest_path.clone(),
            expected: expected.clone(),
        });
    }
    Ok(Gathered {
        files: files.into_iter().map(|(_, file)| file).collect(),
        complaints,
    })
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, TraceError> {
    let refused = |source| TraceError::Io {
        action: "list",
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        if path
            .extension()
            .is_some_and(|it| it == span_file::EXTENSION)
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
