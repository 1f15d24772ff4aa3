//! WS-UsernameToken with a password digest (OASIS Web Services Security, UsernameToken Profile 1.0).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use camweave_redact::{KnownSecrets, Secret};
use chrono::{DateTime, Utc};
use sha1::{Digest, Sha1};

use crate::xml::escaped;

const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PROFILE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const ENCODING: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// A user of devices. Neither user nor password is ever printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: Secret,
    /// The password.
    pub password: Secret,
}

impl Login {
    /// What is hidden in the text that devices send.
    #[must_use]
    pub fn known(&self) -> KnownSecrets {
        KnownSecrets::new(&self.user, &self.password)
    }
}

/// The header of a request that proves to know the password, at the device's own time.
pub(crate) fn header(login: &Login, nonce: [u8; 16], now: DateTime<Utc>) -> String {
    let created = now.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let digest = digest(&nonce, &created, login.password.expose());
    let (user, nonce) = (escaped(login.user.expose()), STANDARD.encode(nonce));
    format!(
        "<Security s:mustUnderstand=\"1\" xmlns=\"{SECURITY}\"><UsernameToken>\
         <Username>{user}</Username>\
         <Password Type=\"{PROFILE}#PasswordDigest\">{digest}</Password>\
         <Nonce EncodingType=\"{ENCODING}\">{nonce}</Nonce>\
         <Created xmlns=\"{UTILITY}\">{created}</Created>\
         </UsernameToken></Security>"
    )
}

/// `Base64(SHA-1(nonce + created + password))`.
fn digest(nonce: &[u8], created: &str, password: &str) -> String {
    let hash = Sha1::new()
        .chain_update(nonce)
        .chain_update(created)
        .chain_update(password);
    STANDARD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the ONVIF Application Programmer's Guide 1.0, section 6.1.1.3.
    #[test]
    fn the_example_of_the_programmers_guide() {
        let nonce = STANDARD.decode("LKqI6G/AikKCQrN0zqZFlg==").expect("base64");
        assert_eq!(
            digest(&nonce, "2010-09-16T07:50:45Z", "userpassword"),
            "tuOSpGlFlIXsozq4HFNeeGeFLEI="
        );
    }

    #[test]
    fn neither_the_password_nor_markup_gets_into_the_header() {
        let login = Login {
            user: Secret::from("a<b&c".to_owned()),
            password: Secret::from("t0psecret".to_owned()),
        };
        let now = DateTime::from_timestamp(1_284_623_445, 250_000_000).expect("a time");
        let header = header(&login, [1; 16], now);
        assert!(!header.contains("t0psecret"), "{header}");
        assert!(
            header.contains("<Username>a&lt;b&amp;c</Username>"),
            "{header}"
        );
        assert!(
            header.contains(">2010-09-16T07:50:45.250Z</Created>"),
            "{header}"
        );
    }
}
