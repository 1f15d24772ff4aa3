use std::borrow::Cow;
use std::sync::{OnceLock, PoisonError, RwLock};

use crate::KnownSecrets;
use crate::text::{LINE_BYTES, printable_up_to};

/// The secrets of this process.
fn known() -> &'static RwLock<KnownSecrets> {
    static KNOWN: OnceLock<RwLock<KnownSecrets>> = OnceLock::new();
    KNOWN.get_or_init(RwLock::default)
}

/// From now on, [`log_line`] hides these secrets in every line, including those of libraries that
/// quote a peer's answer.
pub fn remember(secrets: &KnownSecrets) {
    let mut known = known().write().unwrap_or_else(PoisonError::into_inner);
    known.extend(secrets);
}

/// A line of one's own that may quote others, without the secrets that the process was told to
/// [`remember`], [`printable`](crate::printable) and cut to [`LINE_BYTES`]. For the last place
/// before a terminal or a file, where whatever was forgotten passes through. Passwords of less than
/// four characters are not looked for here: they are part of too many words.
#[must_use]
pub fn log_line(line: &str) -> Cow<'_, str> {
    let head = &line[..line.floor_char_boundary(2 * LINE_BYTES)];
    let is_cut = head.len() < line.len();
    let known = known().read().unwrap_or_else(PoisonError::into_inner);
    match known.without_secrets(head, is_cut) {
        // Nothing hidden: the line's own length is counted.
        Cow::Borrowed(_) => printable_up_to(line, LINE_BYTES),
        Cow::Owned(shown) => Cow::Owned(printable_up_to(&shown, LINE_BYTES).into_owned()),
    }
}

/// As [`log_line`], and not cut: for the lines of a report, which may be JSON and stays so.
#[must_use]
pub fn safe_line(line: &str) -> String {
    let known = known().read().unwrap_or_else(PoisonError::into_inner);
    printable_up_to(&known.without_secrets(line, false), usize::MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn a_line_holds_no_secret_and_nothing_that_a_terminal_obeys() {
        let line = "x=t0psecret%21\u{202e} \x1b[31m dDBwc2VjcmV0IQ==";
        let secret = |text: &str| Secret::from(text.to_owned());
        remember(&KnownSecrets::new(&secret("wa"), &secret("t0psecret!")));
        assert_eq!(log_line(line), "x=***\\u202e \\u001b[31m ***==");
        assert!(matches!(log_line("camera streaming"), Cow::Borrowed(_)));
        let long = format!("{}t0psecret!", "ab ".repeat(LINE_BYTES));
        let shown = log_line(&long);
        assert!(
            shown.ends_with("more bytes)") && !shown.contains("t0p"),
            "{shown}"
        );
    }
}
