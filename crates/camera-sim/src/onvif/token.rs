//! Checks the token of WS-Security (UsernameToken Profile 1.0) with a password digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use roxmltree::Node;
use sha1::{Digest as _, Sha1};

use crate::auth::Credentials;

/// What a token may be older or younger than the device's clock shows. Cameras take 5 to 60 s.
const APART: TimeDelta = TimeDelta::seconds(30);

/// Whether the header of an envelope proves the credentials at `now`.
pub(super) fn accepts(
    envelope: Node<'_, '_>,
    credentials: &Credentials,
    now: DateTime<Utc>,
) -> bool {
    let token = envelope
        .descendants()
        .find(|it| it.tag_name().name() == "UsernameToken");
    let Some(token) = token else {
        return false;
    };
    let child = |name: &str| token.children().find(|it| it.tag_name().name() == name);
    let text = |name: &str| child(name).and_then(|it| it.text()).unwrap_or_default();
    let kind = child("Password").and_then(|it| it.attribute("Type"));
    let is_digest = kind.is_some_and(|it| it.ends_with("#PasswordDigest"));
    let created = text("Created");
    let Ok(time) = DateTime::parse_from_rfc3339(created) else {
        return false;
    };
    let apart = now.signed_duration_since(time).abs();
    let Ok(nonce) = STANDARD.decode(text("Nonce")) else {
        return false;
    };
    let expected = Sha1::new()
        .chain_update(nonce)
        .chain_update(created)
        .chain_update(&credentials.password)
        .finalize();
    is_digest
        && apart <= APART
        && text("Username") == credentials.user
        && text("Password") == STANDARD.encode(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the ONVIF Application Programmer's Guide 1.0, section 6.1.1.3.
    const TOKEN: &str = "<e><UsernameToken><Username>user</Username>\
        <Password Type='urn:x#PasswordDigest'>tuOSpGlFlIXsozq4HFNeeGeFLEI=</Password>\
        <Nonce>LKqI6G/AikKCQrN0zqZFlg==</Nonce><Created>2010-09-16T07:50:45Z</Created></UsernameToken></e>";

    fn is_accepted(text: &str, seconds: i64) -> bool {
        let credentials = Credentials::parse("user:userpassword").expect("valid");
        let document = roxmltree::Document::parse(text).expect("well-formed");
        let now = DateTime::from_timestamp(1_284_623_445 + seconds, 0).expect("a time");
        accepts(document.root_element(), &credentials, now)
    }

    #[test]
    fn the_example_of_the_programmers_guide_at_its_time() {
        assert!(is_accepted(TOKEN, 0) && is_accepted(TOKEN, -30));
        assert!(!is_accepted(TOKEN, 31));
        for (from, to) in [
            ("tuOS", "tuOT"),
            (">user<", ">other<"),
            ("#PasswordDigest", "#PasswordText"),
            (":45Z", ":46Z"),
            ("LKqI", "!!!!"),
            ("UsernameToken", "Other"),
        ] {
            assert!(!is_accepted(&TOKEN.replace(from, to), 0), "{from}");
        }
    }
}
