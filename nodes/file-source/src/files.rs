use std::path::{Path, PathBuf};

use camweave_message::camera_id;

/// One file, played as one camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSpec {
    pub id: String,
    pub path: PathBuf,
}

/// Parses `id=path` or `path`, separated by commas.
///
/// # Errors
/// Names the entry and what was expected.
pub(crate) fn parse(text: &str) -> Result<Vec<FileSpec>, String> {
    let mut files: Vec<FileSpec> = Vec::new();
    for entry in text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        let file = match entry.split_once('=') {
            Some((id, path)) if camera_id::is_valid(id.trim()) && !path.trim().is_empty() => {
                FileSpec {
                    id: id.trim().to_owned(),
                    path: PathBuf::from(path.trim()),
                }
            }
            // Without a usable id in front, '=' belongs to the path of a file that exists.
            Some((id, _)) if !Path::new(entry).exists() => {
                return Err(format!(
                    "'{entry}': '{id}' cannot name a camera, expected id=path with {}",
                    camera_id::RULE
                ));
            }
            _ => FileSpec {
                id: id_of(Path::new(entry)),
                path: PathBuf::from(entry),
            },
        };
        if let Some(other) = files.iter().find(|other| other.id == file.id) {
            return Err(format!(
                "'{}' and '{}' are both camera '{}', expected ids that differ: 'a={0},b={1}'",
                other.path.display(),
                file.path.display(),
                file.id
            ));
        }
        files.push(file);
    }
    if files.is_empty() {
        return Err(
            "it names no file, expected 'path' or 'id=path', separated by commas".to_owned(),
        );
    }
    Ok(files)
}

/// The file's name without its extension, made safe.
fn id_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let safe: String = stem
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
                c
            } else {
                '_'
            }
        })
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(camera_id::MAX_BYTES)
        .collect();
    if safe.is_empty() {
        "file".to_owned()
    } else {
        safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Result<Vec<(String, String)>, String> {
        let files = parse(text)?.into_iter();
        Ok(files
            .map(|file| (file.id, file.path.display().to_string()))
            .collect())
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(id, path)| ((*id).to_owned(), (*path).to_owned()))
            .collect()
    }

    #[test]
    fn ids_and_paths() {
        assert_eq!(
            ids("gate=a/b.mp4, c/My yard (2).mkv,, .hidden.h264"),
            Ok(pairs(&[
                ("gate", "a/b.mp4"),
                ("My_yard__2_", "c/My yard (2).mkv"),
                ("hidden", ".hidden.h264"),
            ]))
        );
        assert_eq!(ids("a=x=y.mp4"), Ok(pairs(&[("a", "x=y.mp4")])));
        assert_eq!(ids("тест.mp4"), Ok(pairs(&[("file", "тест.mp4")])));
    }

    #[test]
    fn errors_name_the_entry() {
        for (text, part) in [
            ("", "no file"),
            (" , ", "no file"),
            ("a/b=c.mp4", "'a/b'"),
            ("=c.mp4", "''"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
        let error = parse("a/x.mp4,b/x.mkv").expect_err("one id twice");
        assert!(
            error.contains("'a/x.mp4' and 'b/x.mkv' are both camera 'x'"),
            "{error}"
        );
    }
}
