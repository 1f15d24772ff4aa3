use std::path::{Path, PathBuf};

use camweave_message::camera_id;

/// One file, played as one camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSpec {
    pub id: String,
    pub path: PathBuf,
}

/// Parses `id=path` or `path`, separated by commas. A path that has commas, or begins or ends with
/// spaces, stands in double quotes; a quote in it is doubled.
///
/// # Errors
/// Names the entry and what was expected.
pub(crate) fn parse(text: &str) -> Result<Vec<FileSpec>, String> {
    let mut files: Vec<FileSpec> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (file, behind) = entry(rest)?;
        rest = behind;
        let Some(file) = file else { continue };
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

/// The first entry, if it is not empty, and what follows its comma.
fn entry(text: &str) -> Result<(Option<FileSpec>, &str), String> {
    let text = text.trim_start();
    let (until_comma, behind) = text.split_once(',').unwrap_or((text, ""));
    // Quotes may stand around the path alone.
    let (id, quoted) = match until_comma.split_once('=') {
        Some((id, path)) if !id.contains('"') && path.trim_start().starts_with('"') => {
            (Some(id.trim()), text[id.len() + 1..].trim_start())
        }
        _ => (None, text),
    };
    if quoted.starts_with('"') {
        let (path, behind) = quoted_path(quoted)?;
        let id = match id {
            Some(id) if camera_id::is_valid(id) => id.to_owned(),
            Some(id) => return Err(not_an_id(id, &format!("{id}={quoted}"))),
            None => id_of(Path::new(&path)),
        };
        let path = PathBuf::from(path);
        return Ok((Some(FileSpec { id, path }), behind));
    }
    let entry = until_comma.trim();
    if entry.is_empty() {
        return Ok((None, behind));
    }
    let file = match entry.split_once('=') {
        Some((id, path)) if camera_id::is_valid(id.trim()) && !path.trim().is_empty() => FileSpec {
            id: id.trim().to_owned(),
            path: PathBuf::from(path.trim()),
        },
        // Without a usable id in front, '=' belongs to the path of a file that exists.
        Some((id, _)) if !Path::new(entry).exists() => return Err(not_an_id(id, entry)),
        _ => FileSpec {
            id: id_of(Path::new(entry)),
            path: PathBuf::from(entry),
        },
    };
    Ok((Some(file), behind))
}

/// The path between the quotes at the start of `text`, and what follows the comma after it.
fn quoted_path(text: &str) -> Result<(String, &str), String> {
    let wrong = |what: &str| {
        Err(format!(
            "'{}': {what}, expected '\"path\"' or 'id=\"path\"', a quote in the path doubled",
            text.trim()
        ))
    };
    let mut path = String::new();
    let mut rest = text.get(1..).unwrap_or_default();
    loop {
        let Some((part, behind)) = rest.split_once('"') else {
            return wrong("its quote is not closed");
        };
        path.push_str(part);
        let Some(behind) = behind.strip_prefix('"') else {
            let behind = behind.trim_start();
            return match behind.strip_prefix(',') {
                _ if path.is_empty() => wrong("its quotes hold no path"),
                Some(behind) => Ok((path, behind)),
                None if behind.is_empty() => Ok((path, behind)),
                None => wrong("something follows its closing quote"),
            };
        };
        path.push('"');
        rest = behind;
    }
}

fn not_an_id(id: &str, entry: &str) -> String {
    format!(
        "'{entry}': '{id}' cannot name a camera, expected id=path with {}",
        camera_id::RULE
    )
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
    fn quotes_keep_commas_together() {
        assert_eq!(
            ids(r#"a="x, y.mp4", "b,c:d.mkv" ,e=f:g.mp4,"q""q.ts", h=" z ""#),
            Ok(pairs(&[
                ("a", "x, y.mp4"),
                ("b_c_d", "b,c:d.mkv"),
                ("e", "f:g.mp4"),
                ("q_q", "q\"q.ts"),
                ("h", " z "),
            ]))
        );
        // A quote elsewhere is a letter like any other.
        assert_eq!(ids("a=5\".mp4"), Ok(pairs(&[("a", "5\".mp4")])));
        assert_eq!(ids(r#""a=b.mp4""#), Ok(pairs(&[("a_b", "a=b.mp4")])));
    }

    #[test]
    fn errors_name_the_entry() {
        for (text, part) in [
            ("a=\"x.mp4", "not closed"),
            ("\"x,y.mp4\"z", "follows its closing quote"),
            ("a=\"\"", "no path"),
            ("a/b=\"c,d.mp4\"", "'a/b'"),
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
