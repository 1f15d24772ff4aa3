//! Reading a graph's file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use camweave_stage::Exit;
use dora_core::descriptor::{Descriptor, DescriptorExt as _};

use super::keys::unknown_keys;
use super::{Graph, Variables};
use crate::error::CliError;

impl Graph {
    /// Reads the file and expands its modules. Variables (`${NAME}`, `${NAME:-default}`) have the
    /// values of `variables`, else of the environment, else their default.
    ///
    /// # Errors
    /// The file cannot be read, is no graph, or a module of it is not.
    pub fn read(path: &Path, variables: &Variables) -> Result<Self, CliError> {
        let wrong = |reason: &str| {
            let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
            let shown = path.display();
            CliError::new(Exit::Configuration, format!("graph '{shown}': {reason}"))
        };
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                wrong("there is no such file, expected a dora graph (a YAML file)")
            }
            _ => wrong(&error.to_string()),
        })?;
        let path = path
            .canonicalize()
            .map_err(|error| wrong(&error.to_string()))?;
        let lookup = |name: &str| {
            let given = variables.get(name).cloned();
            given.or_else(|| std::env::var(name).ok())
        };
        let text = substitute(&text, &lookup).map_err(|name| {
            wrong(&format!(
                "the variable '{name}' is not set, and the graph has no default for it"
            ))
        })?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let unknown_keys = unknown_keys(&text, folder);
        let descriptor =
            Descriptor::parse(text.into_bytes()).map_err(|error| wrong(&format!("{error:#}")))?;
        let descriptor = descriptor
            .expand(folder)
            .map_err(|error| wrong(&format!("{error:#}")))?;
        Ok(Self {
            path,
            descriptor,
            declared: BTreeSet::new(),
            unknown_keys,
        })
    }
}

/// Puts in the values of variables. dora does the same when it parses, but from the environment
/// alone, and stops at the first that is not set without its name.
///
/// # Errors
/// The name of a variable that has neither value nor default.
fn substitute(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        // What stands in a comment is no variable.
        let (code, comment) = match line.find(" #") {
            _ if line.trim_start().starts_with('#') => ("", line),
            Some(at) => line.split_at(at),
            None => (line, ""),
        };
        lines.push(format!("{}{comment}", substitute_line(code, lookup)?));
    }
    Ok(lines.join("\n") + "\n")
}

fn substitute_line(code: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut done = String::new();
    let mut rest = code;
    while let Some((before, variable, after)) = next_variable(rest) {
        let (name, default) = match variable.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (variable, None),
        };
        let value = lookup(name)
            .filter(|value| default.is_none() || !value.is_empty())
            .or_else(|| default.map(str::to_owned))
            .ok_or_else(|| name.to_owned())?;
        done.push_str(before);
        // A whole value may hold anything, also what YAML would read as something else; but
        // numbers and words stay what they are.
        let whole = (done.ends_with(": ") || done.ends_with("- ")) && after.trim().is_empty();
        let plain = value
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || "/._-+".contains(it));
        if whole && (value.is_empty() || !plain) {
            done.push_str(&serde_json::Value::from(value).to_string());
        } else {
            done.push_str(&value);
        }
        rest = after;
    }
    done.push_str(rest);
    Ok(done)
}

/// What stands before the first `${...}`, in it, and behind.
fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (variable, after) = rest.split_once('}')?;
    Some((before, variable, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "FILES" => Some("a=x: y.mp4,b=# 2".to_owned()),
            "NUMBER" => Some("7".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        substitute(text, &lookup)
    }

    #[test]
    fn variables_become_values_and_defaults() {
        assert_eq!(
            put("  FILES: ${FILES} # media, ${NOT_SET}").as_deref(),
            Ok("  FILES: \"a=x: y.mp4,b=# 2\" # media, ${NOT_SET}\n")
        );
        assert_eq!(put("a: ${NUMBER}").as_deref(), Ok("a: 7\n"));
        assert_eq!(
            put("a: ${OTHER:-../b.onnx}").as_deref(),
            Ok("a: ../b.onnx\n")
        );
        assert_eq!(put("a: ${EMPTY:-b}").as_deref(), Ok("a: b\n"));
        assert_eq!(put("a: x/${NUMBER}/y").as_deref(), Ok("a: x/7/y\n"));
        assert_eq!(put("# ${NOT_SET}").as_deref(), Ok("# ${NOT_SET}\n"));
    }

    #[test]
    fn what_is_not_set_is_named() {
        assert_eq!(put("a: ${NOT_SET}"), Err("NOT_SET".to_owned()));
    }
}
