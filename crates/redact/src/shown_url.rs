use std::fmt;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::KnownSecrets;
use crate::secret::{HIDDEN, Secret};
use crate::text::{SHOWN_BYTES, printable_up_to};

/// Words in a path after which a credential stands, as in `/token/k3Jd…` or `/user=a_password=b`.
const KEYS: [&str; 22] = [
    "access",
    "apikey",
    "auth",
    "authorization",
    "code",
    "credential",
    "credentials",
    "hash",
    "key",
    "login",
    "pass",
    "passwd",
    "password",
    "pw",
    "pwd",
    "secret",
    "session",
    "sid",
    "sig",
    "token",
    "user",
    "username",
];

/// Characters of a word from which on it may be a token; names of streams are shorter.
const TOKEN_CHARACTERS: usize = 12;

/// A URL as it may be printed: scheme, host, port and path, and the names of the query's
/// parameters. Not shown are
///
/// - user and password;
/// - each value of the query, and the fragment;
/// - segments of the path that may open something: with `=`, `:`, `@` or `&` in them what follows
///   the first of these; the whole segment after one that is called `token`, `password`, `user` or
///   the like; and words that look random (at least 12 letters and digits, in disorder).
///
/// A hidden part is `***`. Percent-encoding is looked through, and kept in what is shown. The
/// result is [`printable`](crate::printable). A path in which a secret looks like an ordinary name
/// (`/admin/1234/live`) cannot be told from others: `docs/security.md` says so.
#[must_use]
pub fn display_url(url: &Url) -> String {
    let mut shown = format!("{}:", url.scheme());
    if let Some(host) = url.host_str() {
        shown.push_str("//");
        shown.push_str(host);
        if let Some(port) = url.port() {
            shown.push_str(&format!(":{port}"));
        }
    }
    for (index, part) in path(url).enumerate() {
        if index > 0 {
            shown.push('/');
        }
        shown.push_str(&part.name);
        if part.hidden.is_some() {
            shown.push_str(HIDDEN);
        }
    }
    if let Some(query) = url.query() {
        shown.push('?');
        for (index, part) in query.split('&').map(parameter).enumerate() {
            if index > 0 {
                shown.push('&');
            }
            shown.push_str(&part.name);
            if part.hidden.is_some() {
                shown.push_str(HIDDEN);
            }
        }
    }
    if url.fragment().is_some() {
        shown.push_str(&format!("#{HIDDEN}"));
    }
    printable_up_to(&shown, SHOWN_BYTES).into_owned()
}

/// A URL that shows itself by [`display_url`] alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// Takes the URL over.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The URL, for the one who must connect. It belongs neither into an error nor into a log.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// What in it may open something, to be hidden where a peer quotes it: user and password, and
    /// of what [`display_url`] hides whatever is not an ordinary parameter such as `channel=1`.
    #[must_use]
    pub fn secrets(&self) -> KnownSecrets {
        let mut known = KnownSecrets::default();
        let password = Secret::from(decoded(self.0.password().unwrap_or_default()));
        known.add(&Secret::from(decoded(self.0.username())), &password);
        let query = self.0.query().unwrap_or_default();
        for part in path(&self.0).chain(query.split('&').map(parameter)) {
            if let Some(value) = part
                .hidden
                .filter(|value| part.is_key || looks_random(value))
            {
                known.add_token(&Secret::from(value));
            }
        }
        known
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&display_url(&self.0))
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&display_url(&self.0))
    }
}

/// A segment of a path or a parameter of a query.
struct Part {
    /// What is shown, as it is in the URL or decoded.
    name: String,
    /// What is not, decoded.
    hidden: Option<String>,
    /// Whether it is under a name that credentials have.
    is_key: bool,
}

fn path(url: &Url) -> impl Iterator<Item = Part> {
    let mut after_key = false;
    url.path().split('/').map(move |segment| {
        let part = if after_key && !segment.is_empty() {
            Part {
                name: String::new(),
                hidden: Some(decoded(segment)),
                is_key: true,
            }
        } else {
            path_segment(segment)
        };
        after_key = is_key(&decoded(segment));
        part
    })
}

fn path_segment(segment: &str) -> Part {
    let plain = decoded(segment);
    // What is in front of a '=' is a name; in front of the others it may be a user.
    let separator = plain.find(['=', ':', '@', '&']);
    let (name, hidden) = match separator {
        Some(at) if plain.as_bytes()[at] == b'=' && !looks_random(&plain[..at]) => {
            (plain[..=at].to_owned(), Some(plain[at + 1..].to_owned()))
        }
        None if !looks_random(&plain) => (segment.to_owned(), None),
        _ => (String::new(), Some(plain)),
    };
    let is_key = hidden.is_some() && (is_key(&name) || name.is_empty());
    Part {
        name,
        hidden,
        is_key,
    }
}

fn parameter(text: &str) -> Part {
    match text.split_once('=') {
        Some((name, value)) if !looks_random(&decoded(name)) => Part {
            name: format!("{name}="),
            hidden: Some(decoded(value)),
            is_key: is_key(&decoded(name)),
        },
        // A bare word may be all there is: '?1234'.
        _ => Part {
            name: String::new(),
            hidden: (!text.is_empty()).then(|| decoded(text)),
            is_key: true,
        },
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn is_key(segment: &str) -> bool {
    segment
        .split(|character: char| !character.is_alphanumeric())
        .any(|word| KEYS.contains(&word.to_ascii_lowercase().as_str()))
}

/// Whether a word of `text` looks like a token: long, and with digits between letters or with
/// capitals in more places than words begin.
fn looks_random(text: &str) -> bool {
    // Hyphens and underscores join the words of a name, and the groups of a UUID.
    let joined: String = text.chars().filter(|&c| c != '-').collect();
    joined
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| word.len() >= TOKEN_CHARACTERS)
        .any(|word| {
            let turns = |from: fn(&u8) -> bool, to: fn(&u8) -> bool| {
                word.as_bytes()
                    .windows(2)
                    .filter(|pair| from(&pair[0]) && to(&pair[1]))
                    .count()
            };
            turns(u8::is_ascii_digit, u8::is_ascii_alphabetic) > 1
                || turns(u8::is_ascii_lowercase, u8::is_ascii_uppercase) > 3
                || (turns(u8::is_ascii_uppercase, u8::is_ascii_lowercase) > 1
                    && turns(u8::is_ascii_digit, u8::is_ascii_alphabetic) > 0)
                || word.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_points_is_shown_and_what_opens_it_is_not() {
        for (url, expected) in [
            ("rtsp://10.0.0.7:8554/a/b", "rtsp://10.0.0.7:8554/a/b"),
            ("rtsp://host", "rtsp://host"),
            ("rtsp://anna:t0p@host:554/live", "rtsp://host:554/live"),
            (
                "rtsp://[::1]/Streaming/Channels/101",
                "rtsp://[::1]/Streaming/Channels/101",
            ),
            (
                "rtsp://h/h264Preview_01_main",
                "rtsp://h/h264Preview_01_main",
            ),
            (
                "rtsp://h/axis-media/media.amp?videocodec=h264&pwd=t0p",
                "rtsp://h/axis-media/media.amp?videocodec=***&pwd=***",
            ),
            (
                "rtsp://h/cam/realmonitor?channel=1&subtype=0",
                "rtsp://h/cam/realmonitor?channel=***&subtype=***",
            ),
            ("rtsp://h/live?t0psecret", "rtsp://h/live?***"),
            ("rtsp://h/live?", "rtsp://h/live?"),
            (
                "rtsp://h/user=anna_password=t0p_channel=1_stream=0.sdp",
                "rtsp://h/user=***",
            ),
            (
                "rtsp://h/user=anna&password=t0p&channel=1",
                "rtsp://h/user=***",
            ),
            ("rtsp://h/user%3Danna_password%3Dt0p", "rtsp://h/user=***"),
            ("rtsp://h/anna:t0p@cam/1", "rtsp://h/***/1"),
            ("rtsp://h/live/token/t0p/1", "rtsp://h/live/token/***/1"),
            ("rtsp://h/Password/t0p", "rtsp://h/Password/***"),
            ("rtsp://h:7447/bhTRVZ9CyPAFaKHa", "rtsp://h:7447/***"),
            (
                "rtsp://h/550e8400-e29b-41d4-a716-446655440000/1",
                "rtsp://h/***/1",
            ),
            ("https://h/hls/a#t0p", "https://h/hls/a#***"),
            ("rtsp://h/a/trackID=1", "rtsp://h/a/trackID=***"),
            ("rtsp://h/%1b%5b31m", "rtsp://h/%1b%5b31m"),
        ] {
            let shown = display_url(&Url::parse(url).expect(url));
            assert_eq!(shown, expected, "{url}");
            assert!(!shown.contains("t0p") && !shown.contains("anna"), "{shown}");
        }
    }

    #[test]
    fn what_a_peer_quotes_of_it_is_hidden() {
        let url = Url::parse("rtsp://warden:t0p!pass@h/token/abcd%20ef/1?channel=1&pwd=s3cret%21");
        let url = SecretUrl::new(url.expect("a URL"));
        assert_eq!(
            format!("{url} {url:?}"),
            format!("{0} {0}", "rtsp://h/token/***/1?channel=***&pwd=***")
        );
        let known = url.secrets();
        let text =
            known.hide("404 rtsp://warden:t0p!pass@h/token/abcd%20ef/1?channel=1&pwd=s3cret%21");
        assert_eq!(text, "404 rtsp://***:***@h/token/***/1?channel=1&pwd=***");
    }

    #[test]
    fn a_long_one_is_cut() {
        let url = Url::parse(&format!("rtsp://h/{}", "ab/".repeat(1_000_000))).expect("a URL");
        let shown = display_url(&url);
        assert!(
            shown.len() < SHOWN_BYTES + 40 && shown.ends_with("more bytes)"),
            "{shown}"
        );
    }
}
