//! What the parser of YAML found wrong, in one line.

use camweave_redact::printable;
use serde_saphyr::{Error, Location, UserMessageFormatter};

const NO_LIST: &str = ", expected 'rules:' with a list of rules";

/// Letters that may be missing, added, wrong, or swapped with the next.
const MOST_TYPOS: usize = 2;

/// The line, without the place.
pub(crate) fn syntax(error: &Error, at: Location) -> String {
    match error.without_snippet() {
        Error::Eof { .. } => format!("unexpected end of file{NO_LIST}"),
        Error::SerdeMissingField { field, .. } => {
            let list = if *field == "rules" { NO_LIST } else { "" };
            format!("missing field `{field}`{list}")
        }
        Error::SerdeUnknownField {
            field,
            expected: fields,
            ..
        } => {
            let expected = match nearest(field, fields) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected one of {}", fields.join(", ")),
            };
            format!("unknown field `{}`, {expected}", printable(field))
        }
        other => {
            let text = other.render_with_formatter(&UserMessageFormatter);
            let mut message = printable(text.lines().next().unwrap_or_default()).into_owned();
            // The place is in front of it.
            for suffix in [
                format!(" at line {}, column {}", at.line(), at.column()),
                format!(" (line {}, column {})", at.line(), at.column()),
            ] {
                message = message.replace(&suffix, "");
            }
            message
        }
    }
}

/// The name that one mistyped, if that is clear.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let typos = |known: &&str| strsim::osa_distance(&name.to_lowercase(), known);
    let nearest = known.iter().min_by_key(|known| typos(known))?;
    // Of a short word two letters are half.
    let most = MOST_TYPOS.min(name.len() / 3);
    (typos(nearest) <= most).then_some(*nearest)
}
