//! What is wrong with a text that is no `cameras.yml`, without a part of it that may be a secret.

use camweave_redact::printable;
use serde_saphyr::{Error, Location};

/// What the parser found wrong. Not with its own rendering, which quotes lines and values, and
/// passwords with them.
pub(super) fn syntax(error: &Error, at: Location) -> String {
    const NO_LIST: &str = ", expected 'cameras:' with a list of cameras";
    let expected = |fields: &[&str]| match fields {
        [] => String::new(),
        _ => format!(", expected one of {}", fields.join(", ")),
    };
    match error.without_snippet() {
        Error::Eof { .. } => format!("unexpected end of file{NO_LIST}"),
        Error::SerdeMissingField { field, .. } => {
            let list = if *field == "cameras" { NO_LIST } else { "" };
            format!("missing field `{field}`{list}")
        }
        Error::SerdeUnknownField {
            field,
            expected: fields,
            ..
        } => match shown_field(field) {
            Some(field) => format!("unknown field `{field}`{}", expected(fields)),
            None => format!("a field whose name is not known{}", expected(fields)),
        },
        Error::DuplicateMappingKey { key, .. } => match key.as_deref().and_then(shown_field) {
            Some(key) => format!("duplicate mapping key `{key}` is not allowed here"),
            None => "a duplicate mapping key is not allowed here".to_owned(),
        },
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            format!("unexpected value, expected {expected}")
        }
        // These quote nothing.
        other @ (Error::Message { .. }
        | Error::Unexpected { .. }
        | Error::UnexpectedSequenceEnd { .. }
        | Error::UnexpectedMappingEnd { .. }
        | Error::NullIntoString { .. }
        | Error::ContainerEndMismatch { .. }
        | Error::MultipleDocuments { .. }
        | Error::UnknownAnchor { .. }
        | Error::Budget { .. }
        | Error::TaggedScalarCannotDeserializeIntoString { .. }) => {
            let formatter = serde_saphyr::UserMessageFormatter;
            let text = other.render_with_formatter(&formatter);
            let mut message = printable(text.lines().next().unwrap_or_default()).into_owned();
            // The place stands in front already.
            for suffix in [
                format!(" at line {}, column {}", at.line(), at.column()),
                format!(" (line {}, column {})", at.line(), at.column()),
            ] {
                message = message.replace(&suffix, "");
            }
            message
        }
        _ => "this is not YAML as it is expected here; text with special characters belongs in quotes"
            .to_owned(),
    }
}

/// A name that can be a field's, misspelt perhaps. Others may be a password whose line is broken.
fn shown_field(name: &str) -> Option<&str> {
    let is_name = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    ((1..=24).contains(&name.len()) && name.bytes().all(is_name)).then_some(name)
}
