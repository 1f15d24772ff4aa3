//! Where an engine's library may be.

use std::path::{Path, PathBuf};

/// Beside a program, the folder of libraries that `scripts/setup.sh` has brought.
const FOLDER: &str = "engines";

/// The places to look for the library `name`, the best first.
///
/// If somebody named the library, that one and no other. Else beside the model, beside this
/// program and in [`FOLDER`] there, and where the system's loader looks (a path without a folder),
/// also without its development link. Other folders of Python packages are not searched.
pub fn candidates(name: &str, named: Option<&Path>, model: &Path) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named.to_owned()];
    }
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(Path::parent);
    let engines = program.map(|folder| folder.join(FOLDER));
    let folders = [model.parent(), program, engines.as_deref()];
    let folders = folders.into_iter().flatten();
    let mut found: Vec<PathBuf> = folders.flat_map(|folder| libraries(folder, name)).collect();
    found.extend([name.to_owned(), format!("{name}.1")].map(PathBuf::from));
    found
}

/// What `load` makes of the first candidate that it takes, and that candidate.
///
/// # Errors
/// A line that names the engine, the candidates and why each failed.
pub fn first<T>(
    engine: &str,
    candidates: &[PathBuf],
    load: impl Fn(&Path) -> Result<T, String>,
) -> Result<(T, PathBuf), String> {
    let is_name = |path: &Path| {
        path.parent()
            .is_none_or(|parent| parent.as_os_str().is_empty())
    };
    let mut failures = Vec::new();
    for path in candidates {
        let loaded = if is_name(path) || path.is_file() {
            load(path)
        } else {
            Err("no such file".to_owned())
        };
        match loaded {
            Ok(loaded) => return Ok((loaded, path.clone())),
            Err(error) => failures.push(format!("'{}': {error}", path.display())),
        }
    }
    Err(format!(
        "no usable {engine} library: {}",
        failures.join("; ")
    ))
}

/// Libraries of that name in a folder, the newest version first.
fn libraries(folder: &Path, name: &str) -> Vec<PathBuf> {
    // The folder of a path such as `model.onnx` is empty.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let Ok(folder) = folder.canonicalize() else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut found: Vec<(Vec<u64>, PathBuf)> = entries
        .filter_map(|entry| {
            let found = entry.file_name();
            let rest = found.to_str()?.strip_prefix(name)?;
            let version = rest.strip_prefix('.').unwrap_or(rest);
            let parts = version.split('.').filter(|part| !part.is_empty());
            let version = parts
                .map(|part| part.parse().ok())
                .collect::<Option<Vec<_>>>()?;
            Some((version, entry.path()))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_library_is_the_only_one() {
        let named = Path::new("/opt/here.so");
        assert_eq!(
            candidates("libonnxruntime.so", Some(named), Path::new("a/model.onnx")),
            vec![named.to_owned()]
        );
    }

    #[test]
    fn beside_the_model_newest_first_then_the_system() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [
            "libonnxruntime.so.1.9.0",
            "libonnxruntime.so.1.31.1",
            "libonnxruntime.so.bak",
            "x.so",
        ] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        let found = candidates("libonnxruntime.so", None, &folder.path().join("model.onnx"));
        let names: Vec<_> = found
            .iter()
            .filter_map(|path| path.file_name()?.to_str())
            .collect();
        assert_eq!(
            names[..2],
            ["libonnxruntime.so.1.31.1", "libonnxruntime.so.1.9.0"]
        );
        assert_eq!(
            names[names.len() - 2..],
            ["libonnxruntime.so", "libonnxruntime.so.1"]
        );
        assert!(!names.contains(&"libonnxruntime.so.bak"));
    }
}
