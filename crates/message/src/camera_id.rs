//! What may name a camera. Ids become names of files, rows and counters, so one rule holds for all.

/// The longest id, in bytes.
pub const MAX_BYTES: usize = 64;

/// The rule, in words that complete 'expected'.
pub const RULE: &str = "1 to 64 letters, digits, '_' or '-', the first a letter or digit";

/// Whether `id` can name a camera: [`RULE`], letters being those of ASCII.
#[must_use]
pub fn is_valid(id: &str) -> bool {
    let bytes = id.as_bytes();
    (1..=MAX_BYTES).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_can_be_a_files_name_anywhere() {
        for good in ["a", "cam1", "7", "Gate_2-north", &"x".repeat(64)] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "",
            "../../escape",
            "/tmp/x",
            "a/b",
            "a.b",
            ".hidden",
            "-rf",
            "_x",
            "a b",
            "a\0b",
            "a\n",
            "\u{1b}[31m",
            "caméra",
            &"x".repeat(65),
        ] {
            assert!(!is_valid(bad), "{bad:?}");
        }
    }
}
