use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::secret::{HIDDEN, Secret};
use crate::text::{SHOWN_BYTES, printable};

/// Bytes of a text that are searched; of the rest, nothing is shown.
const SEARCHED_BYTES: usize = 4096;
/// Where a secret has fewer characters, a text that contains it is not shown at all: what is left
/// around it would tell.
const SHORT_CHARACTERS: usize = 4;

/// The credentials that a peer was given, to be hidden in what it sends back: a camera may quote a
/// request in its answer, and that answer stands in a log.
///
/// Found are user and password as they are, percent-encoded (once or twice), escaped as in Rust or
/// JSON, in Base64 alone and as `user:password`, and with all beyond ASCII lost; and whatever
/// follows the word `Authorization`. A peer that means harm can write what it knows in a way that
/// nobody recognises; this is against those that repeat what they were sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KnownSecrets {
    /// By their first byte, each once.
    needles: BTreeMap<u8, Vec<Zeroizing<Vec<u8>>>>,
    /// Those of less than [`SHORT_CHARACTERS`], which are looked for as they are alone.
    short: Vec<Secret>,
}

impl fmt::Debug for KnownSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KnownSecrets(..)")
    }
}

impl KnownSecrets {
    /// User and password of one peer.
    #[must_use]
    pub fn new(username: &Secret, password: &Secret) -> Self {
        let mut known = Self::default();
        known.add(username, password);
        known
    }

    /// Adds those of another. A user of less than four characters is not hidden: it is part of too
    /// many words.
    pub fn add(&mut self, username: &Secret, password: &Secret) {
        let (user, pass) = (username.expose(), password.expose());
        if user.chars().count() >= SHORT_CHARACTERS {
            self.insert(user.as_bytes());
        }
        if !pass.is_empty() {
            self.insert_base64(&Zeroizing::new(format!("{user}:{pass}")));
            self.add_token(password);
        }
    }

    /// Adds a secret that belongs to no user.
    pub fn add_token(&mut self, token: &Secret) {
        let token = token.expose();
        self.insert_base64(token);
        if token.chars().count() < SHORT_CHARACTERS {
            let short = Secret::from(token.to_owned());
            if !self.short.contains(&short) {
                self.short.push(short);
            }
            return;
        }
        self.insert(token.as_bytes());
        let plain: Vec<u8> = token.bytes().filter(u8::is_ascii_graphic).collect();
        self.insert(&plain);
    }

    fn insert_base64(&mut self, text: &str) {
        for bytes in [text.as_bytes(), &latin1(text)] {
            self.insert(STANDARD_NO_PAD.encode(bytes).as_bytes());
            self.insert(URL_SAFE_NO_PAD.encode(bytes).as_bytes());
        }
    }

    /// Adds all of another.
    pub fn extend(&mut self, other: &Self) {
        for needle in other.needles.values().flatten() {
            self.insert(needle);
        }
        for short in &other.short {
            if !self.short.contains(short) {
                self.short.push(short.clone());
            }
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty() && self.short.is_empty()
    }

    fn insert(&mut self, bytes: &[u8]) {
        if bytes.len() >= SHORT_CHARACTERS {
            let of_first = self.needles.entry(bytes[0]).or_default();
            if of_first.iter().all(|needle| needle.as_slice() != bytes) {
                of_first.push(Zeroizing::new(bytes.to_vec()));
            }
        }
    }

    /// What the peer said, without the secrets, and [`printable`].
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let head = &text[..text.floor_char_boundary(SEARCHED_BYTES)];
        if self
            .short
            .iter()
            .any(|short| !short.is_empty() && head.contains(short.expose()))
        {
            return HIDDEN.to_owned();
        }
        let shown = self.without_secrets(head, head.len() < text.len());
        let rest = text.len() - head.len();
        // What was not searched is not shown; it is counted with what is too long.
        if rest > 0 && shown.len() <= SHOWN_BYTES {
            return format!("{}… ({rest} more bytes)", printable(&shown));
        }
        printable(&shown).into_owned()
    }

    /// `head` is the whole text, or `is_cut`. Short secrets are not looked for.
    pub(crate) fn without_secrets<'a>(&self, head: &'a str, is_cut: bool) -> Cow<'a, str> {
        let mut hidden = vec![false; head.len()];
        let plain = raw(head);
        self.mark(&plain, is_cut, &mut hidden);
        if !head.is_ascii() || head.contains([' ', '\r', '\n', '\t']) {
            self.mark(&ascii(&plain), is_cut, &mut hidden);
        }
        if head.contains('%') {
            let once = percent(&plain);
            let twice = percent(&once);
            for view in [ascii(&once), ascii(&twice), once, twice] {
                self.mark(&view, is_cut, &mut hidden);
            }
        }
        if head.contains('\\') {
            let view = unescaped(head);
            self.mark(&ascii(&view), is_cut, &mut hidden);
            self.mark(&view, is_cut, &mut hidden);
        }
        const QUOTED_REQUEST: &str = "authorization";
        if let Some(at) = head.to_ascii_lowercase().find(QUOTED_REQUEST) {
            hidden[at + QUOTED_REQUEST.len()..].fill(true);
        }
        if !hidden.contains(&true) {
            return Cow::Borrowed(head);
        }
        let mut shown = String::with_capacity(head.len());
        let mut was_hidden = false;
        for (at, character) in head.char_indices() {
            match (hidden[at], was_hidden) {
                (true, false) => shown.push_str(HIDDEN),
                (true, true) => {}
                (false, _) => shown.push(character),
            }
            was_hidden = hidden[at];
        }
        Cow::Owned(shown)
    }

    fn mark(&self, view: &[Seen], is_cut: bool, hidden: &mut [bool]) {
        for start in 0..view.len() {
            let rest = &view[start..];
            for needle in self.needles.get(&rest[0].byte).into_iter().flatten() {
                let length = rest.len().min(needle.len());
                // A secret that the end of the searched part cuts in two is one as well.
                if (length == needle.len() || is_cut)
                    && rest
                        .iter()
                        .zip(needle.iter())
                        .all(|(seen, byte)| seen.byte == *byte)
                {
                    hidden[rest[0].from..rest[length - 1].to].fill(true);
                }
            }
        }
    }
}

/// One byte of a text as a decoder sees it, and where it stands.
#[derive(Clone, Copy)]
struct Seen {
    byte: u8,
    from: usize,
    to: usize,
}

fn raw(text: &str) -> Vec<Seen> {
    text.bytes()
        .enumerate()
        .map(|(at, byte)| Seen {
            byte,
            from: at,
            to: at + 1,
        })
        .collect()
}

/// Percent-decoded.
fn percent(view: &[Seen]) -> Vec<Seen> {
    let mut decoded = Vec::with_capacity(view.len());
    let mut rest = view;
    while let Some((first, after)) = rest.split_first() {
        let pair = (first.byte == b'%' && after.len() >= 2)
            .then(|| digit(after[0].byte).zip(digit(after[1].byte)))
            .flatten();
        match pair {
            Some((high, low)) => {
                decoded.push(Seen {
                    byte: high * 16 + low,
                    from: first.from,
                    to: after[1].to,
                });
                rest = &after[2..];
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

/// Without the escapes of Rust's and JSON's strings: `\"`, `\n`, `\u{fc}`, `\u00fc`, `\xfc`.
fn unescaped(text: &str) -> Vec<Seen> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let (value, length) = escape(&text[at..]).unwrap_or((character, character.len_utf8()));
        let mut buffer = [0; 4];
        for byte in value.encode_utf8(&mut buffer).bytes() {
            decoded.push(Seen {
                byte,
                from: at,
                to: at + length,
            });
        }
        at += length;
    }
    decoded
}

/// The character and the length of the escape that `text` begins with.
fn escape(text: &str) -> Option<(char, usize)> {
    let after = text.strip_prefix('\\')?;
    let kind = after.chars().next()?;
    let number = |digits: &str, length: usize| {
        let value = u32::from_str_radix(digits, 16)
            .ok()
            .and_then(char::from_u32)?;
        Some((value, length))
    };
    match kind {
        'u' if after[1..].starts_with('{') => {
            let (digits, _) = after[2..].split_once('}')?;
            number(digits, digits.len() + 4)
        }
        'u' => number(after.get(1..5)?, 6),
        'x' => number(after.get(1..3)?, 4),
        'n' => Some(('\n', 2)),
        'r' => Some(('\r', 2)),
        't' => Some(('\t', 2)),
        other => Some((other, 1 + other.len_utf8())),
    }
}

/// Without all that is beyond printable ASCII: a peer of another encoding changes or loses it.
fn ascii(view: &[Seen]) -> Vec<Seen> {
    view.iter()
        .filter(|seen| seen.byte.is_ascii_graphic())
        .copied()
        .collect()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(character).unwrap_or(b'?'))
        .collect()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::*;

    const NASTY: [&str; 9] = [
        "p@ss:w/o#r%d ?ü'\"x",
        "a@bcd",
        "pass123##X",
        "with%percent",
        " leading and trailing ",
        "ключ от ворот",
        "back\\slash\"quote",
        "%41%42%43",
        "\x1b[31mred\n",
    ];

    fn known(user: &str, password: &str) -> KnownSecrets {
        KnownSecrets::new(
            &Secret::from(user.to_owned()),
            &Secret::from(password.to_owned()),
        )
    }

    fn forms(password: &str) -> Vec<String> {
        let encoded = utf8_percent_encode(password, NON_ALPHANUMERIC).to_string();
        let pair = format!("warden:{password}");
        vec![
            password.to_owned(),
            utf8_percent_encode(&encoded, NON_ALPHANUMERIC).to_string(),
            encoded.to_ascii_lowercase().replace("%2d", "-"),
            encoded,
            base64::engine::general_purpose::STANDARD.encode(&pair),
            URL_SAFE_NO_PAD.encode(&pair),
            base64::engine::general_purpose::STANDARD.encode(password),
            format!("{password:?}"),
            serde_json::to_string(password).expect("a string"),
            password.escape_default().to_string(),
        ]
    }

    #[test]
    fn no_form_of_a_nasty_password_is_left() {
        for password in NASTY {
            let known = known("warden", password);
            for form in forms(password) {
                // Percent-encoding that was made small is another password where it had capitals.
                if form.to_ascii_lowercase() == form && password.to_ascii_lowercase() != password {
                    continue;
                }
                let shown = known.hide(&format!("500 <{form}> for warden, sorry"));
                let core = form.trim_matches('"');
                assert!(
                    !shown.contains(core.trim_end_matches('=')),
                    "{password}: {shown}"
                );
                assert!(
                    shown.starts_with("500 <") && shown.ends_with("> for ***, sorry"),
                    "{password} as {form}: {shown}"
                );
            }
        }
    }

    #[test]
    fn what_lost_its_encoding_is_found() {
        let known = known("admin", "p@ss:w/o#r%d ?ü'\"x");
        for text in [
            "p@ss:w/o#r%d ?\u{fffd}'\"x",
            "p@ss:w/o#r%d ?Ã¼'\"x",
            "p@ss:w/o#r%d?'\"x",
        ] {
            assert_eq!(known.hide(text), "***", "{text}");
        }
    }

    #[test]
    fn a_request_that_is_quoted_ends_the_text() {
        let digest = "401 no: Authorization: Digest username=\"x\", response=\"d41d8cd98f00b204\"";
        assert_eq!(
            known("x", "secret").hide(digest),
            "401 no: Authorization***"
        );
        assert_eq!(
            KnownSecrets::default().hide(digest),
            "401 no: Authorization***"
        );
    }

    #[test]
    fn an_escape_that_the_end_cuts_off_is_none() {
        for text in [
            "=\\u{f",
            "\\u",
            "\\u{",
            "\\x1",
            "\\",
            "\\u00e",
            "\\u{110000}",
            "%4",
        ] {
            assert_eq!(known("warden", "secret").hide(text), text);
        }
    }

    #[test]
    fn a_short_one_hides_the_text() {
        assert_eq!(known("u", "a").hide("401 what"), "***");
        assert_eq!(known("u", "a").hide("401"), "401");
        assert_eq!(known("admin", "").hide("of admin"), "of ***");
        assert_eq!(known("u", "").hide("u:"), "u:");
    }

    #[test]
    fn nothing_of_a_long_text_slips_through_at_its_end() {
        let password = "k".repeat(3000) + "end";
        let known = known("warden", &password);
        let text = format!("{password} {password} {}", "\x1b".repeat(50_000_000));
        let shown = known.hide(&text);
        assert!(
            !shown.contains("kkk") && shown.starts_with("*** ***"),
            "{shown}"
        );
        assert!(shown.ends_with("more bytes)"), "{shown}");
        assert!(!format!("{known:?}").contains('k'.to_string().repeat(2).as_str()));
    }
}
