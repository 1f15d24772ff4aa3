//! Basic and digest authentication (RFC 7617, RFC 2617, RFC 7616).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::RtspError;

/// A user and password. Neither is ever printed.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(..)")
    }
}

/// How a user proves to know the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Basic,
    Digest { sha256: bool, session: bool },
}

/// The schemes that a camera refused with the credentials that it has. Shared by the sessions of one
/// camera: each session tries one of them, because cameras lock an account after some attempts.
#[derive(Debug, Clone, Default)]
pub struct TriedSchemes(Arc<Mutex<Vec<Scheme>>>);

impl TriedSchemes {
    fn lock(&self) -> MutexGuard<'_, Vec<Scheme>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, scheme: Scheme) {
        let mut tried = self.lock();
        if !tried.contains(&scheme) {
            tried.push(scheme);
        }
    }

    /// The first of `offered` that was not refused yet. Where all were, they are tried again in turn:
    /// the password may have been corrected in the camera.
    fn choose(&self, mut offered: Vec<Challenge>) -> Option<Challenge> {
        let mut tried = self.lock();
        let fresh = offered.iter().position(|it| !tried.contains(&it.scheme));
        if fresh.is_none() {
            tried.clear();
        }
        let at = fresh.unwrap_or(0);
        (at < offered.len()).then(|| offered.swap_remove(at))
    }
}

/// What the camera asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Challenge {
    scheme: Scheme,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// As the camera writes it, where it does.
    algorithm: Option<String>,
    qop: bool,
    stale: bool,
}

/// Answers a camera's challenges: one scheme in a session, and a new nonce wherever it asks for one.
#[derive(Debug)]
pub(crate) struct Authorizer {
    credentials: Option<Credentials>,
    current: Option<Challenge>,
    count: u32,
    tried: TriedSchemes,
    basic_is_forbidden: bool,
    /// Refusals since an answer was accepted.
    refusals: u32,
    accepted: bool,
}

/// Refusals in a row that only ask for a new nonce.
const MAX_STALE: u32 = 3;

impl Authorizer {
    pub fn new(credentials: Option<Credentials>, tried: TriedSchemes) -> Self {
        Self {
            credentials,
            current: None,
            count: 0,
            tried,
            basic_is_forbidden: false,
            refusals: 0,
            accepted: false,
        }
    }

    /// Another server asks next, with a nonce of its own. `elsewhere`: on a host that the camera
    /// names. Basic sends the password itself: not to that one.
    pub fn redirected(&mut self, elsewhere: bool) {
        self.current = None;
        self.refusals = 0;
        self.accepted = false;
        self.basic_is_forbidden = elsewhere;
    }

    /// Whether the camera has asked for the password, and nothing has been accepted yet.
    pub fn is_asked(&self) -> bool {
        self.current.is_some() && !self.accepted
    }

    pub fn accepted(&mut self) {
        self.accepted |= self.current.is_some();
        self.refusals = 0;
    }

    /// Takes the challenges of a status 401.
    ///
    /// # Errors
    /// If nothing is left that could be answered.
    pub fn challenged<'a>(
        &mut self,
        headers: impl Iterator<Item = &'a str>,
    ) -> Result<(), RtspError> {
        if self.credentials.is_none() {
            return Err(RtspError::Unauthorized);
        }
        let mut offered: Vec<Challenge> = headers.flat_map(challenges).collect();
        let asked = !offered.is_empty();
        // Without a nonce no answer is right: none is tried, for cameras count attempts.
        offered.retain(|it| it.scheme == Scheme::Basic || !it.nonce.is_empty());
        if asked && offered.is_empty() {
            return Err(RtspError::Protocol("its digest challenge has no nonce"));
        }
        // Basic shows the password to everybody: where nothing else is offered.
        if offered.iter().any(|it| it.scheme != Scheme::Basic) {
            offered.retain(|it| it.scheme != Scheme::Basic);
        }
        self.refusals += 1;
        if let Some(current) = &self.current {
            let again = offered.iter().find(|it| it.scheme == current.scheme);
            if let Some(again) = again
                && (self.accepted || again.stale)
                && self.refusals <= MAX_STALE
            {
                self.current = Some(again.clone());
                self.count = 0;
                return Ok(());
            }
            self.tried.add(current.scheme);
            self.current = None;
            return Err(RtspError::Unauthorized);
        }
        offered.retain(|it| it.scheme != Scheme::Basic || !self.basic_is_forbidden);
        self.count = 0;
        self.current = self.tried.choose(offered);
        match self.current {
            Some(_) => Ok(()),
            None => Err(RtspError::Unauthorized),
        }
    }

    /// The value of the header `Authorization`, once the camera has asked.
    pub fn header(&mut self, method: &str, url: &str) -> Option<String> {
        let (credentials, challenge) = (self.credentials.as_ref()?, self.current.as_ref()?);
        self.count += 1;
        Some(challenge.answer(
            credentials,
            method,
            url,
            self.count,
            &HEXLOWER.encode(&rand::random::<[u8; 8]>()),
        ))
    }
}

impl Challenge {
    fn answer(
        &self,
        credentials: &Credentials,
        method: &str,
        url: &str,
        count: u32,
        client_nonce: &str,
    ) -> String {
        let Credentials { username, password } = credentials;
        let (sha256, session) = match self.scheme {
            Scheme::Basic => {
                let both = STANDARD.encode(format!("{username}:{password}"));
                return format!("Basic {both}");
            }
            Scheme::Digest { sha256, session } => (sha256, session),
        };
        let hash = |text: String| {
            if sha256 {
                HEXLOWER.encode(&Sha256::digest(text))
            } else {
                HEXLOWER.encode(&Md5::digest(text))
            }
        };
        let Self { realm, nonce, .. } = self;
        let mut secret = hash(format!("{username}:{realm}:{password}"));
        if session {
            secret = hash(format!("{secret}:{nonce}:{client_nonce}"));
        }
        let request = hash(format!("{method}:{url}"));
        let response = if self.qop {
            hash(format!(
                "{secret}:{nonce}:{count:08x}:{client_nonce}:auth:{request}"
            ))
        } else {
            hash(format!("{secret}:{nonce}:{request}"))
        };
        let mut answer = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{url}\", response=\"{response}\"",
            quoted(username),
            quoted(realm),
            quoted(nonce)
        );
        if let Some(algorithm) = &self.algorithm {
            answer += &format!(", algorithm={algorithm}");
        }
        if let Some(opaque) = &self.opaque {
            answer += &format!(", opaque=\"{}\"", quoted(opaque));
        }
        if self.qop {
            answer += &format!(", qop=auth, nc={count:08x}, cnonce=\"{client_nonce}\"");
        } else if session {
            answer += &format!(", cnonce=\"{client_nonce}\"");
        }
        answer
    }
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The challenges in one header `WWW-Authenticate` that can be answered.
fn challenges(header: &str) -> Vec<Challenge> {
    let mut all: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        let end = rest.find([',', ' ', '\t', '=']).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if word.is_empty() && behind.is_empty() {
            break;
        }
        if let Some(value) = behind.trim_start().strip_prefix('=') {
            let (value, behind) = value_of(value.trim_start());
            if let Some((_, parameters)) = all.last_mut() {
                parameters.push((word.to_ascii_lowercase(), value));
            }
            rest = behind;
        } else {
            all.push((word.to_ascii_lowercase(), Vec::new()));
            rest = behind;
        }
    }
    all.into_iter()
        .filter_map(|(scheme, parameters)| challenge(&scheme, &parameters))
        .collect()
}

/// A token or quoted string, and what follows.
fn value_of(text: &str) -> (String, &str) {
    let Some(text) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, next)| next)),
            _ => value.push(character),
        }
    }
    (value, "")
}

fn challenge(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let get = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone())
    };
    let algorithm = get("algorithm");
    let scheme = match scheme {
        "basic" => Scheme::Basic,
        "digest" => {
            let name = algorithm.as_deref().unwrap_or("MD5").to_ascii_uppercase();
            let (name, session) = match name.strip_suffix("-SESS") {
                Some(name) => (name, true),
                None => (name.as_str(), false),
            };
            match name {
                "MD5" | "" => Scheme::Digest {
                    sha256: false,
                    session,
                },
                "SHA-256" | "SHA256" => Scheme::Digest {
                    sha256: true,
                    session,
                },
                _ => return None,
            }
        }
        _ => return None,
    };
    let qop = get("qop").unwrap_or_default();
    Some(Challenge {
        scheme,
        realm: get("realm").unwrap_or_default(),
        nonce: get("nonce").unwrap_or_default(),
        opaque: get("opaque"),
        algorithm: algorithm.filter(|text| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        }),
        qop: qop
            .split(',')
            .any(|it| it.trim().eq_ignore_ascii_case("auth")),
        stale: get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorizer() -> Authorizer {
        authorizer_after(&TriedSchemes::default())
    }

    fn authorizer_after(tried: &TriedSchemes) -> Authorizer {
        let credentials = Credentials {
            username: "Mufasa".to_owned(),
            password: "Circle of Life".to_owned(),
        };
        Authorizer::new(Some(credentials), tried.clone())
    }

    /// The examples of RFC 7616, section 3.9.1.
    #[test]
    fn the_examples_of_the_standard() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let header = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let challenge = challenges(&header).remove(0);
            let credentials = authorizer().credentials.expect("some");
            let answer = challenge.answer(
                &credentials,
                "GET",
                "/dir/index.html",
                1,
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            );
            assert!(
                answer.contains(&format!("response=\"{response}\"")),
                "{answer}"
            );
        }
    }

    #[test]
    fn several_challenges_in_one_header_or_many() {
        let mut both = authorizer();
        both.challenged(
            ["Basic realm=\"cam\", Digest realm=\"a, b\", nonce=n , algorithm=\"SHA-256\""]
                .into_iter(),
        )
        .expect("digest");
        let header = both.header("PLAY", "rtsp://x/").expect("asked");
        assert!(
            header.starts_with(
                "Digest username=\"Mufasa\", realm=\"a, b\", nonce=\"n\", uri=\"rtsp://x/\""
            ),
            "{header}"
        );
        assert!(
            header.contains("algorithm=SHA-256") && !header.contains("qop"),
            "{header}"
        );
        // One digest in a session; after one that is refused, the next session takes the other.
        let offer = [
            "Digest realm=\"c\", nonce=\"1\", algorithm=SHA-256",
            "Digest realm=\"c\", nonce=\"1\"",
            "Basic realm=\"c\"",
        ];
        let tried = TriedSchemes::default();
        for is_sha in [true, false, true, false] {
            let mut session = authorizer_after(&tried);
            session.challenged(offer.into_iter()).expect("a digest");
            let header = session.header("PLAY", "x").expect("a digest");
            assert_eq!(header.contains("algorithm"), is_sha, "{header}");
            assert!(session.challenged(offer.into_iter()).is_err());
        }
        let mut basic = authorizer();
        basic
            .challenged(["Basic realm=x"].into_iter())
            .expect("basic");
        assert_eq!(
            basic.header("PLAY", "x").expect("basic"),
            "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl"
        );
    }

    #[test]
    fn another_server_asks_anew() {
        let mut moved = authorizer();
        moved
            .challenged(["Digest realm=c, nonce=1"].into_iter())
            .expect("first");
        moved.redirected(true);
        assert_eq!(moved.header("DESCRIBE", "x"), None);
        moved
            .challenged(["Digest realm=d, nonce=2"].into_iter())
            .expect("the second server's");
        let header = moved.header("DESCRIBE", "x").expect("asked");
        assert!(header.contains("nonce=\"2\""), "{header}");
        let basic = || ["Basic realm=x"].into_iter();
        let mut moved = authorizer();
        moved.redirected(true);
        assert!(moved.challenged(basic()).is_err());
        moved.redirected(false);
        moved.challenged(basic()).expect("at home");
    }

    #[test]
    fn a_digest_without_a_nonce_is_not_answered() {
        let mut broken = authorizer();
        let error = broken.challenged(["Digest realm=c"].into_iter());
        assert!(matches!(error, Err(RtspError::Protocol(_))), "{error:?}");
        assert_eq!(broken.header("DESCRIBE", "x"), None);
    }

    #[test]
    fn a_nonce_for_one_request_only() {
        let mut once = authorizer();
        once.challenged(["Digest realm=c, nonce=1"].into_iter())
            .expect("first");
        once.accepted();
        for _ in 0..5 {
            once.challenged(["Digest realm=c, nonce=2"].into_iter())
                .expect("a new nonce");
            assert!(
                once.header("SETUP", "x")
                    .expect("asked")
                    .contains("nonce=\"2\"")
            );
            once.accepted();
        }
        let mut wrong = authorizer();
        wrong
            .challenged(["Digest realm=c, nonce=1"].into_iter())
            .expect("first");
        assert!(
            wrong
                .challenged(["Digest realm=c, nonce=2"].into_iter())
                .is_err()
        );
        let mut endless = authorizer();
        let stale = ["Digest realm=c, nonce=2, stale=\"true\""];
        assert!((0..9).any(|_| endless.challenged(stale.into_iter()).is_err()));
        assert!(
            Authorizer::new(None, TriedSchemes::default())
                .challenged(stale.into_iter())
                .is_err()
        );
    }
}
