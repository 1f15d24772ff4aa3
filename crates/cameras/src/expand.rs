use camweave_redact::{Secret, printable};

use super::Lookup;

/// Where the values of variables come from.
#[derive(Clone, Copy)]
pub(super) struct Variables<'a> {
    pub lookup: Lookup<'a>,
    /// One that is not set is no error: another process has it.
    pub may_lack: bool,
}

impl Variables<'_> {
    /// Whether a text cannot be expanded here, and need not be.
    pub fn lacks(self, text: &str) -> bool {
        self.may_lack && matches!(replace(text, set(self.lookup)), Err(Wrong::NotSet(_)))
    }
}

/// Replaces `${NAME}` and `${NAME:-default}`. The value of a variable is not expanded again.
///
/// # Errors
/// Names the variable that is not set, or what is wrong with the reference.
pub(super) fn expand(text: &str, lookup: Lookup<'_>) -> Result<String, String> {
    replace(text, set(lookup)).map_err(|wrong| wrong.message(false))
}

/// A text with `other` for each variable that has no default, and the default for the others: what
/// of it does not depend on `other` is in the text itself. `None`: a reference is wrong.
pub(super) fn literal(text: &str, other: &str) -> Option<String> {
    replace(text, |_, default| Some(default.unwrap_or(other).to_owned())).ok()
}

/// As [`expand`], for text that is a secret or holds one.
///
/// # Errors
/// As [`expand`], but of the text it shows nothing that could be a part of a password: a variable's
/// name only where it is made of capitals, digits and '_'.
pub(super) fn expand_secret(text: &Secret, lookup: Lookup<'_>) -> Result<Secret, String> {
    let expanded = replace(text.expose(), set(lookup));
    expanded
        .map(Secret::new)
        .map_err(|wrong| wrong.message(true))
}

/// What is wrong with a reference.
enum Wrong<'a> {
    Open,
    Name(&'a str),
    NotSet(&'a str),
}

impl Wrong<'_> {
    fn message(&self, in_secret: bool) -> String {
        const IN_A_PASSWORD: &str = "a password with '${' in it must be given through a variable";
        match *self {
            Self::Open => {
                "a '${' without its '}', expected '${NAME}' or '${NAME:-default}'".to_owned()
            }
            Self::Name(name) if !in_secret => format!(
                "'${{{}}}' names no environment variable, expected letters, digits and '_'",
                printable(name)
            ),
            Self::Name(_) => format!(
                "a '${{…}}' that names no environment variable, expected letters, digits and '_' between the braces; {IN_A_PASSWORD}"
            ),
            Self::NotSet(name)
                if !in_secret || !name.contains(|c: char| c.is_ascii_lowercase()) =>
            {
                let name = printable(name);
                format!(
                    "the environment variable {name} is not set, expected a value for it or '${{{name}:-default}}'"
                )
            }
            Self::NotSet(_) => format!(
                "the environment variable of a '${{…}}' is not set (names with small letters are not shown here: they may be a part of a password); {IN_A_PASSWORD}"
            ),
        }
    }
}

/// The value of a variable, or its default.
fn set(lookup: Lookup<'_>) -> impl Fn(&str, Option<&str>) -> Option<String> {
    move |name, default| {
        // As in a shell, ':-' also stands in for an empty value.
        let value = lookup(name).filter(|value| default.is_none() || !value.is_empty());
        value.or_else(|| default.map(str::to_owned))
    }
}

fn replace(
    text: &str,
    value: impl Fn(&str, Option<&str>) -> Option<String>,
) -> Result<String, Wrong<'_>> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        expanded.push_str(before);
        let (reference, after) = reference.split_once('}').ok_or(Wrong::Open)?;
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        if !is_name(name) {
            return Err(Wrong::Name(name));
        }
        expanded.push_str(&value(name, default).ok_or(Wrong::NotSet(name))?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn is_name(name: &str) -> bool {
    name.bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "USER" => Some("anna".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${USER}".to_owned()),
            _ => None,
        }
    }

    fn with(text: &str) -> Result<String, String> {
        expand(text, &lookup)
    }

    #[test]
    fn references_and_defaults() {
        assert_eq!(with("plain $5 {x}"), Ok("plain $5 {x}".to_owned()));
        assert_eq!(
            with("${USER}@${NONE:-host}/${USER}"),
            Ok("anna@host/anna".to_owned())
        );
        assert_eq!(with("${EMPTY:-x}${EMPTY}"), Ok("x".to_owned()));
        assert_eq!(with("${NONE:-}"), Ok(String::new()));
        assert_eq!(with("${NESTED}"), Ok("${USER}".to_owned()));
    }

    #[test]
    fn errors_name_the_variable() {
        for (text, part) in [
            ("${NONE}", "NONE"),
            ("${USER", "'}'"),
            ("${}", "''"),
            ("${A-B}", "A-B"),
        ] {
            let error = with(text).expect_err(text);
            assert!(error.contains(part.trim_matches('\'')), "{error}");
        }
    }

    #[test]
    fn errors_in_a_secret_show_nothing_of_it() {
        let with = |text: &str| expand_secret(&Secret::from(text.to_owned()), &lookup);
        for text in [
            "${s3cret!}",
            "a${s3cret}b",
            "${s3cret",
            "s3cret${",
            "${s3cret-x}",
        ] {
            let error = with(text).expect_err(text);
            assert!(!error.contains("s3cret"), "{error}");
        }
        let error = with("${CAM_PASSWORD}").expect_err("not set");
        assert!(error.contains("CAM_PASSWORD is not set"), "{error}");
        let value = with(" ${USER} ").expect("it is set");
        assert_eq!(value.expose(), " anna ", "nothing is trimmed");
    }
}
