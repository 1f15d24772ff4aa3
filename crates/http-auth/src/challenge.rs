//! A challenge of a peer, and its answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::credentials::Credentials;

/// How a user proves to know the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Basic,
    Digest { sha256: bool, session: bool },
}

/// What the camera asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub scheme: Scheme,
    realm: String,
    pub nonce: String,
    opaque: Option<String>,
    /// As the camera writes it, where it does.
    algorithm: Option<String>,
    qop: bool,
    pub stale: bool,
}

impl Challenge {
    pub fn answer(
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
pub(crate) fn challenges(header: &str) -> Vec<Challenge> {
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
