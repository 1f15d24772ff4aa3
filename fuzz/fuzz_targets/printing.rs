//! Text from outside: what is printed of it is safe, short, and shows no known secret.
#![no_main]

use camweave_redact::{
    KnownSecrets, LINE_BYTES, SHOWN_BYTES, Secret, display_url, log_line, printable,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str)| {
    let (user, password, text) = input;
    let secret = |text: &str| Secret::from(text.to_owned());
    let known = KnownSecrets::new(&secret(user), &secret(password));
    let url = url::Url::parse(text).map(|url| display_url(&url));
    // An escape is ten bytes at most, and the note of what was cut some thirty.
    for (shown, limit) in [
        (printable(text).into_owned(), SHOWN_BYTES),
        (known.hide(text), SHOWN_BYTES),
        (known.hide(&format!("{text}{password}{text}")), SHOWN_BYTES),
        (log_line(text).into_owned(), LINE_BYTES),
        (url.unwrap_or_default(), SHOWN_BYTES),
    ] {
        assert!(!shown.contains(char::is_control), "{shown:?}");
        assert!(shown.len() <= limit * 10 + 60, "{} bytes", shown.len());
    }
    if password.chars().count() >= 8 && !password.contains("***") {
        for quoted in [format!("<{password}>"), format!("<{password:?}>")] {
            let hidden = known.hide(&quoted);
            assert!(!hidden.contains(password), "{hidden}");
        }
    }
});
