use std::borrow::Cow;
use std::fmt::Write;

/// Bytes of text from outside that a line quotes: enough for ids, reasons and names.
pub const SHOWN_BYTES: usize = 200;

/// Bytes of a whole log line, after escaping.
pub const LINE_BYTES: usize = 8192;

/// Text from outside, fit for a terminal, a log line and a table: control characters (and line
/// breaks with them), characters that change the direction of text, and invisible ones are
/// escaped as in JSON (`\n`, `\u001b`); of what is longer than [`SHOWN_BYTES`], the beginning is shown and
/// the rest counted, at a cost that does not depend on the length.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    printable_up_to(text, SHOWN_BYTES)
}

/// As [`printable`], with a limit in bytes of `text` (rounded down to whole characters).
#[must_use]
pub fn printable_up_to(text: &str, limit: usize) -> Cow<'_, str> {
    let shown = &text[..text.floor_char_boundary(limit)];
    let cut = text.len() - shown.len();
    if cut == 0 && !shown.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(shown.len() + 32);
    escape(shown, &mut escaped);
    if cut > 0 {
        // Writing to a string cannot fail.
        let _ = write!(escaped, "… ({cut} more bytes)");
    }
    Cow::Owned(escaped)
}

fn escape(text: &str, into: &mut String) {
    for character in text.chars() {
        match character {
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            _ if is_hidden(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(into, "\\u{unit:04x}");
                }
            }
            _ => into.push(character),
        }
    }
}

/// Whether a terminal would obey the character, or a reader be deceived by it.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' // soft hyphen
            | '\u{61c}' | '\u{200e}' | '\u{200f}' // direction marks
            | '\u{200b}' // zero width space
            | '\u{2028}'..='\u{202e}' // line and paragraph separators, embeddings, overrides
            | '\u{2060}'..='\u{206f}' // word joiner, invisible operators, isolates
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' // tags
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        for (text, expected) in [
            ("cam1", "cam1"),
            ("Straße 5: 門 🎥", "Straße 5: 門 🎥"),
            (
                "\x1b[31mRED\x1b]0;pwned\x07",
                "\\u001b[31mRED\\u001b]0;pwned\\u0007",
            ),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\u0000"),
            ("\u{9b}2J\u{7f}", "\\u009b2J\\u007f"),
            ("gepj.\u{202e}exe", "gepj.\\u202eexe"),
            ("a\u{2028}b\u{feff}", "a\\u2028b\\ufeff"),
        ] {
            assert_eq!(printable(text), expected);
        }
        assert!(matches!(printable("cam1"), Cow::Borrowed(_)));
    }

    #[test]
    fn long_text_is_cut_and_the_rest_counted() {
        let long = "\x1b".repeat(50_000_000);
        let shown = printable(&long);
        assert!(shown.ends_with("… (49999800 more bytes)"), "{shown}");
        assert!(shown.len() < SHOWN_BYTES * 6 + 40);
        assert_eq!(printable_up_to("äöü", 3), "ä… (4 more bytes)");
        assert_eq!(printable_up_to("äöü", 0), "… (6 more bytes)");
        assert_eq!(printable(&"x".repeat(SHOWN_BYTES)).len(), SHOWN_BYTES);
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in any::<String>(), limit in 0_usize..40) {
            for shown in [
                printable(&text).into_owned(),
                printable_up_to(&text, limit).into_owned(),
            ] {
                prop_assert!(!shown.contains(is_hidden), "{shown:?}");
                prop_assert_eq!(printable_up_to(&shown, usize::MAX), shown.as_str());
            }
        }
    }
}
