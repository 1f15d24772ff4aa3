//! Values as YAML writes them.

/// Words that other readers of YAML take for something else than text.
const WORDS: [&str; 11] = [
    "null", "~", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan",
];

/// Fields whose values are numbers and words, which read best without quotes.
fn is_setting(field: &str) -> bool {
    !matches!(field, "id" | "url" | "username" | "password")
}

/// `text` as the value of `field`: plain where it means the same for every reader of YAML, else in
/// quotes. `in_flow`: between braces or brackets.
pub(super) fn scalar(field: &str, text: &str, in_flow: bool) -> String {
    let is_null = text.is_empty() || ["null", "~"].contains(&&*text.to_ascii_lowercase());
    let is_other = is_null || {
        let is_word = WORDS.contains(&&*text.to_ascii_lowercase());
        let is_number =
            text.parse::<f64>().is_ok() || text.starts_with(|c: char| c.is_ascii_digit());
        !is_setting(field) && (is_word || is_number)
    };
    if !is_other && is_plain(text, in_flow) {
        return text.to_owned();
    }
    if text.chars().all(|it| !it.is_control() && !is_special(it)) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            it if it.is_control() || is_special(it) => {
                quoted.push_str(&format!("\\U{:08x}", u32::from(it)));
            }
            it => quoted.push(it),
        }
    }
    quoted.push('"');
    quoted
}

/// Line breaks of other standards, and what YAML does not take as it is (YAML 1.2.2, section 5.1).
fn is_special(character: char) -> bool {
    matches!(
        character,
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}

/// Whether a text means itself without quotes. Narrower than YAML, which allows more.
fn is_plain(text: &str, in_flow: bool) -> bool {
    let begins = text.starts_with(|it: char| it.is_ascii_alphanumeric() || "/$_.".contains(it));
    let is_safe = |it: char| {
        it.is_ascii_alphanumeric()
            || "-_./+=%@$~;".contains(it)
            || !in_flow && "{}:?&!".contains(it)
    };
    begins && !text.ends_with(':') && text.chars().all(is_safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_where_that_is_the_same_for_everybody() {
        for (field, text, in_flow, expected) in [
            (
                "url",
                "rtsp://h:554/a?b=1&c=2",
                false,
                "rtsp://h:554/a?b=1&c=2",
            ),
            ("url", "rtsp://h/a", true, "'rtsp://h/a'"),
            ("password", "${CAM_PASSWORD}", false, "${CAM_PASSWORD}"),
            ("password", "${CAM_PASSWORD}", true, "'${CAM_PASSWORD}'"),
            ("password", "0987", false, "'0987'"),
            ("password", "it's", false, "'it''s'"),
            ("password", "a #b", false, "'a #b'"),
            ("password", " a ", false, "' a '"),
            ("password", "#a", false, "'#a'"),
            ("password", "a: b", false, "'a: b'"),
            ("password", "*a", false, "'*a'"),
            ("password", "a\\b", false, "'a\\b'"),
            ("password", "a\tb\"", false, "\"a\\U00000009b\\\"\""),
            ("password", "", false, "''"),
            ("username", "Null", false, "'Null'"),
            ("username", "no", false, "'no'"),
            ("detect", "off", false, "off"),
            ("detect", "motion", true, "motion"),
            ("detect_fps", "0.5", true, "0.5"),
            ("detect_fps", "-1", false, "'-1'"),
            ("transport", "~", false, "'~'"),
        ] {
            assert_eq!(scalar(field, text, in_flow), expected, "{field} {text}");
        }
    }
}
