//! Digest authentication with MD5 (RFC 2617, 3.2), with or without `qop=auth`.

use std::collections::HashMap;
use std::fmt;

use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use rand::RngExt;

use crate::SimError;

/// Protection space that clients show to their users.
pub const REALM: &str = "camera-sim";

/// The user name and password that a camera asks for. Its `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name; without `:` and `"`.
    pub user: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Parses `USER:PASSWORD`; the password may contain more colons.
    pub fn parse(text: &str) -> Result<Self, SimError> {
        let bad = |reason| SimError::BadCredentials { reason };
        let (user, password) = text.split_once(':').ok_or(bad("there is no ':'"))?;
        if user.is_empty() {
            return Err(bad("the user is empty"));
        }
        if user.contains(['"', '\\']) {
            return Err(bad("the user contains a quote or backslash"));
        }
        Ok(Self {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

/// Checks requests of one connection against the nonce it was given.
#[derive(Debug, Clone)]
pub struct Challenge {
    nonce: String,
}

impl Challenge {
    /// A challenge with a fresh nonce.
    pub fn new() -> Self {
        Self {
            nonce: format!("{:032x}", rand::rng().random::<u128>()),
        }
    }

    /// Value of `WWW-Authenticate`. No `qop` is offered: every client understands that.
    pub fn header(&self) -> String {
        format!(
            "Digest realm=\"{REALM}\", nonce=\"{}\", algorithm=MD5",
            self.nonce
        )
    }

    /// Whether an `Authorization` value proves the credentials for a request with this method, to
    /// a URI with this path.
    pub fn accepts(
        &self,
        authorization: &str,
        method: &str,
        path: &str,
        credentials: &Credentials,
    ) -> bool {
        let Some(fields) = digest_fields(authorization) else {
            return false;
        };
        let field = |name| fields.get(name).map_or("", String::as_str);
        let md5_meant = matches!(field("algorithm").to_ascii_uppercase().as_str(), "" | "MD5");
        if !md5_meant
            || field("username") != credentials.user
            || field("realm") != REALM
            || field("nonce") != self.nonce
            || uri_path(field("uri")) != path.trim_end_matches('/')
        {
            return false;
        }
        let secret = md5_hex(&format!(
            "{}:{REALM}:{}",
            credentials.user, credentials.password
        ));
        let request = md5_hex(&format!("{method}:{}", field("uri")));
        let expected = match field("qop") {
            "" => md5_hex(&format!("{secret}:{}:{request}", self.nonce)),
            "auth" => md5_hex(&format!(
                "{secret}:{}:{}:{}:auth:{request}",
                self.nonce,
                field("nc"),
                field("cnonce")
            )),
            _ => return false,
        };
        field("response").eq_ignore_ascii_case(&expected)
    }
}

impl Default for Challenge {
    fn default() -> Self {
        Self::new()
    }
}

/// The path of an absolute URL, or the text itself, without slashes at the end.
fn uri_path(uri: &str) -> String {
    let path = url::Url::parse(uri).map_or_else(|_| uri.to_owned(), |url| url.path().to_owned());
    path.trim_end_matches('/').to_owned()
}

fn md5_hex(text: &str) -> String {
    HEXLOWER.encode(&Md5::digest(text))
}

/// The fields of `Digest a="b", c=d` by name in lower case.
fn digest_fields(authorization: &str) -> Option<HashMap<String, String>> {
    let (scheme, mut rest) = authorization.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let mut fields = HashMap::new();
    loop {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        if rest.is_empty() {
            return Some(fields);
        }
        let (name, after) = rest.split_once('=')?;
        let value;
        if let Some(quoted) = after.strip_prefix('"') {
            (value, rest) = quoted.split_once('"')?;
        } else {
            (value, rest) = after.split_at(after.find(',').unwrap_or(after.len()));
        }
        fields.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn credentials() -> Credentials {
        Credentials::parse("Mufasa:Circle Of Life").unwrap()
    }

    /// The example of RFC 2617, 3.5, recomputed for this realm by `md5sum`.
    fn challenge() -> Challenge {
        Challenge {
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093".to_owned(),
        }
    }

    fn answer(nonce: &str, uri: &str, extra: &str, response: &str) -> String {
        format!(
            "Digest username=\"Mufasa\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             {extra}response=\"{response}\""
        )
    }

    const URI: &str = "rtsp://127.0.0.1:8554/cam1";

    #[test]
    fn accepts_answers_with_and_without_qop() {
        let challenge = challenge();
        let nonce = &challenge.nonce;
        let accepts = |text: &str| challenge.accepts(text, "DESCRIBE", "/cam1", &credentials());
        let plain = answer(nonce, URI, "", PLAIN_RESPONSE);
        assert!(accepts(&plain));
        let extra = "qop=auth, nc=00000001, cnonce=\"0a4f113b\", ";
        assert!(accepts(&answer(nonce, URI, extra, QOP_RESPONSE)));
        assert!(accepts(&plain.replace("Digest", "digest")));
        assert!(!accepts(&plain.replace("Mufasa", "Scar")));
        assert!(!accepts(&answer("another", URI, "", PLAIN_RESPONSE)));
        assert!(!accepts(&answer(
            nonce,
            "rtsp://127.0.0.1:8554/cam2",
            "",
            PLAIN_RESPONSE
        )));
        assert!(!accepts(&answer(nonce, URI, "", QOP_RESPONSE)));
        assert!(!accepts("Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl"));
        assert!(!challenge.accepts(&plain, "SETUP", "/cam1", &credentials()));
        let wrong = Credentials::parse("Mufasa:other").unwrap();
        assert!(!challenge.accepts(&plain, "DESCRIBE", "/cam1", &wrong));
    }

    const PLAIN_RESPONSE: &str = "66a1e46d4d01b30ada7c255c17949a31";
    const QOP_RESPONSE: &str = "3d0800d016d762e8e075a9c0d258b79c";

    #[test]
    fn md5_of_rfc_1321() {
        assert_eq!(
            md5_hex("message digest"),
            "f96b697d7cb7938d525a2f31aaf161d0"
        );
    }

    #[test]
    fn credentials_never_show_the_password() {
        assert!(!format!("{:?}", credentials()).contains("Circle"));
        let error = Credentials::parse("secret")
            .expect_err("no colon")
            .to_string();
        assert!(!error.contains("secret"), "{error}");
        assert_eq!(Credentials::parse("a:b:c").unwrap().password, "b:c");
    }

    proptest! {
        #[test]
        fn never_panics(text in "([Dd]igest )?[ a-z=\",:\\\\]{0,60}") {
            challenge().accepts(&text, "PLAY", "/", &credentials());
        }
    }
}
