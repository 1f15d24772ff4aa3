//! Text of others in our own lines: cut, in quotes, without anything that a terminal obeys.

/// So many characters of a value are shown.
const SHOWN: usize = 64;

/// `text` in single quotes, escaped, and cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown = String::from("'");
    shown.extend(text.chars().take(SHOWN).flat_map(char::escape_debug));
    shown.push('\'');
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str(&format!("... ({} bytes)", text.len()));
    }
    shown
}

/// A sentence of ours that quotes what is escaped already, cut where it is long.
pub(crate) fn sentence(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(4 * SHOWN) {
        text.truncate(at);
        text.push_str("...");
    }
    text
}

/// As [`quoted`], without quotes.
pub(crate) fn plain(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_reaches_a_terminal() {
        assert_eq!(quoted("car"), "'car'");
        assert_eq!(
            quoted("\u{1b}[31m\n\u{202e}x"),
            "'\\u{1b}[31m\\n\\u{202e}x'"
        );
        assert!(sentence("x".repeat(5000)).len() < 300);
        assert_eq!(
            sentence("'a', expected 'b'".to_owned()),
            "'a', expected 'b'"
        );
        let long = quoted(&"y".repeat(5_000_000));
        assert!(
            long.len() < 100 && long.ends_with("... (5000000 bytes)"),
            "{long}"
        );
    }
}
