use super::Lookup;

/// Replaces `${NAME}` and `${NAME:-default}`. The value of a variable is not expanded again.
///
/// # Errors
/// Names the variable that is not set, or what is wrong with the reference.
pub(super) fn expand(text: &str, lookup: Lookup<'_>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        expanded.push_str(before);
        let (reference, after) = reference
            .split_once('}')
            .ok_or("a '${' without its '}', expected '${NAME}' or '${NAME:-default}'")?;
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        if !is_name(name) {
            return Err(format!(
                "'${{{name}}}' names no environment variable, expected letters, digits and '_'"
            ));
        }
        // As in a shell, ':-' also stands in for an empty value.
        let value = lookup(name).filter(|value| default.is_none() || !value.is_empty());
        match (value, default) {
            (Some(value), _) => expanded.push_str(&value),
            (None, Some(default)) => expanded.push_str(default),
            (None, None) => {
                return Err(format!(
                    "the environment variable {name} is not set, expected a value for it or '${{{name}:-default}}'"
                ));
            }
        }
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

    fn with(text: &str) -> Result<String, String> {
        expand(text, &|name| match name {
            "USER" => Some("anna".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${USER}".to_owned()),
            _ => None,
        })
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
}
