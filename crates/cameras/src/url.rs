use camweave_redact::{Secret, SecretUrl};
use percent_encoding::percent_decode_str;
use url::Url;

use super::Credentials;
use super::expand::literal;

const EXPECTED: &str =
    "expected rtsp://host[:port]/path (or rtsps, http, https, rtmp, rtmps, srt, v4l2)";

/// Schemes of cameras' URLs.
pub const SCHEMES: [&str; 8] = [
    "rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt", DEVICE,
];
/// A camera of this machine: a path and no host.
const DEVICE: &str = "v4l2";
/// Schemes of others that an error may name. The rest may be the beginning of anything.
const KNOWN_SCHEMES: [&str; 6] = ["file", "ftp", "rtp", "tcp", "udp", "ws"];

/// Reads a camera's URL: the URL without its credentials, and these.
///
/// `has_fields`: whether user and password are given beside the URL, so that an `@` in its path
/// ends none.
///
/// # Errors
/// Says what was expected. Nothing of the text is quoted: what is no URL may be a part of a password.
pub(super) fn read_url(
    text: &str,
    has_fields: bool,
) -> Result<(SecretUrl, Option<Credentials>), String> {
    if text.contains(char::is_control) {
        // The parser would leave some of them out, in silence.
        return Err(format!("the url has a control character in it, {EXPECTED}"));
    }
    if let Some(raw) = character_before_host(text, has_fields) {
        let encoded = format!("%{:02X}", u32::from(raw));
        return Err(format!(
            "the url has a '{raw}' before an '@': in a password it must be written '{encoded}', or put into the field 'password'; an '@' after the host must be written '%40'"
        ));
    }
    let mut url = Url::parse(text).map_err(|error| {
        format!("the url cannot be read ({error}), {EXPECTED}; special characters in a password must be percent-encoded, or put into the field 'password'")
    })?;
    let credentials = credentials(&url)?;
    match url.scheme() {
        scheme if SCHEMES.contains(&scheme) => {}
        other if KNOWN_SCHEMES.contains(&other) => {
            return Err(format!("url scheme '{other}', {EXPECTED}"));
        }
        _ => return Err(format!("unknown url scheme, {EXPECTED}")),
    }
    if url.scheme() == DEVICE {
        if url.has_host() || url.path().len() < 2 {
            return Err("the url names no device, expected v4l2:///dev/video0".to_owned());
        }
        return Ok((SecretUrl::new(url), None));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(format!("the url has no host, {EXPECTED}"));
    }
    url.set_username("")
        .and_then(|()| url.set_password(None))
        .map_err(|()| format!("the url is not usable, {EXPECTED}"))?;
    Ok((SecretUrl::new(url), credentials))
}

/// Whether a camera's URL has a password in it, or what looks like one in its query, that no
/// variable gives.
#[must_use]
pub fn has_literal_secret(url: &str) -> bool {
    // What is the same with two values of all variables came from none. Both are also ports.
    let with = |value| read_url(literal(url, value)?.trim(), false).ok();
    let (Some((one, login)), Some((other, other_login))) = (with("1"), with("2")) else {
        return false;
    };
    let password = |it: Option<Credentials>| it.map(|it| it.password);
    let (password, other_password) = (password(login), password(other_login));
    let (secrets, others) = (one.secrets(), other.secrets());
    password.is_some_and(|it| !it.is_empty() && Some(it) == other_password)
        || !secrets.is_empty() && secrets == others
}

/// A '/', '?' or '#' that ends the host before an '@' comes: most probably a part of a password
/// that was not encoded, of which the beginning would be taken for a host, looked up and printed.
fn character_before_host(text: &str, has_fields: bool) -> Option<char> {
    let (_, after_scheme) = text.split_once("://")?;
    let end = after_scheme.find(['/', '?', '#', '\\'])?;
    let (authority, rest) = after_scheme.split_at(end);
    if !rest.contains('@') || (has_fields && !authority.contains('@')) {
        return None;
    }
    rest.chars().next()
}

fn credentials(url: &Url) -> Result<Option<Credentials>, String> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
    let username = decoded(url.username());
    let password = decoded(url.password().unwrap_or_default());
    match (username, password) {
        (Ok(username), Ok(password)) => Ok(Some(Credentials {
            username: Secret::new(username),
            password: Secret::new(password),
        })),
        _ => Err("the credentials in the url are not UTF-8".to_owned()),
    }
}
