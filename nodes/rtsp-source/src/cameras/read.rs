use std::collections::BTreeMap;
use std::path::Path;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use url::Url;

use super::expand::expand;
use super::{Camera, CamerasError, Credentials, Lookup, Transport, is_safe_id};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    cameras: Spanned<Vec<RawCamera>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCamera {
    id: Spanned<String>,
    url: Spanned<String>,
    transport: Option<Spanned<String>>,
    username: Option<Spanned<String>>,
    password: Option<Spanned<String>>,
}

/// Reads and checks `cameras.yml`; variables come from the process's environment.
///
/// # Errors
/// Names the file, line and column, the value (never a credential) and what was expected.
pub fn load(path: &Path) -> Result<Vec<Camera>, CamerasError> {
    let text = std::fs::read_to_string(path).map_err(|source| CamerasError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text, &|name| std::env::var(name).ok())
}

/// As [`load`], for text that stands in `path`.
///
/// # Errors
/// As [`load`].
pub fn parse(path: &Path, text: &str, lookup: Lookup<'_>) -> Result<Vec<Camera>, CamerasError> {
    let reader = Reader { path, lookup };
    let file: RawFile = serde_saphyr::from_str(text).map_err(|error| reader.syntax(&error))?;
    if file.cameras.value.is_empty() {
        return Err(reader.error(
            file.cameras.referenced,
            "'cameras' is empty, expected at least one camera ('- id: …' and 'url: …')",
        ));
    }
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    let mut cameras = Vec::with_capacity(file.cameras.value.len());
    for raw in file.cameras.value {
        let at = raw.id.referenced;
        let camera = reader.camera(raw)?;
        if let Some(line) = lines.insert(camera.id.clone(), at.line()) {
            return Err(reader.error(
                at,
                format!(
                    "two cameras have the id '{}' (the other in line {line})",
                    camera.id
                ),
            ));
        }
        cameras.push(camera);
    }
    Ok(cameras)
}

struct Reader<'a> {
    path: &'a Path,
    lookup: Lookup<'a>,
}

impl Reader<'_> {
    fn error(&self, at: Location, message: impl Into<String>) -> CamerasError {
        CamerasError::Invalid {
            path: self.path.to_owned(),
            line: at.line(),
            column: at.column(),
            message: message.into(),
        }
    }

    /// Not with the parser's own rendering: it would quote lines, and passwords with them.
    fn syntax(&self, error: &serde_saphyr::Error) -> CamerasError {
        let formatter = serde_saphyr::UserMessageFormatter;
        let text = error.without_snippet().render_with_formatter(&formatter);
        let at = error.location().unwrap_or(Location::UNKNOWN);
        let mut message = text.lines().next().unwrap_or_default().to_owned();
        // The place stands in front already.
        for suffix in [
            format!(" at line {}, column {}", at.line(), at.column()),
            format!(" (line {}, column {})", at.line(), at.column()),
        ] {
            message = message.replace(&suffix, "");
        }
        let is_empty = matches!(error.without_snippet(), serde_saphyr::Error::Eof { .. });
        if is_empty || message.contains("missing field `cameras`") {
            message.push_str(", expected 'cameras:' with a list of cameras");
        }
        self.error(at, message)
    }

    fn expanded(&self, value: &Spanned<String>) -> Result<String, CamerasError> {
        expand(value.value.trim(), self.lookup)
            .map_err(|message| self.error(value.referenced, message))
    }

    fn camera(&self, raw: RawCamera) -> Result<Camera, CamerasError> {
        let id = raw.id.value;
        if !is_safe_id(&id) {
            return Err(self.error(
                raw.id.referenced,
                format!("id '{id}' cannot name a camera, expected 1 to 64 letters, digits, '_' or '-', the first a letter or digit"),
            ));
        }
        let (url, in_url) = self.url(&raw.url)?;
        let transport = match &raw.transport {
            None => Transport::default(),
            Some(value) => match self.expanded(value)?.as_str() {
                "tcp" => Transport::Tcp,
                "udp" => Transport::Udp,
                other => {
                    return Err(self.error(
                        value.referenced,
                        format!("transport '{other}', expected 'tcp' or 'udp'"),
                    ));
                }
            },
        };
        let at = raw.url.referenced;
        let username = raw
            .username
            .as_ref()
            .map(|value| self.expanded(value))
            .transpose()?;
        let password = raw
            .password
            .as_ref()
            .map(|value| self.expanded(value))
            .transpose()?;
        let credentials = match (username, password) {
            (None, None) => in_url,
            (Some(_), Some(_)) if in_url.is_some() => {
                return Err(self.error(
                    at,
                    format!("camera '{id}' has credentials in its url and as username and password, expected one of them"),
                ));
            }
            (Some(username), Some(password)) if !username.is_empty() => {
                Some(Credentials { username, password })
            }
            (Some(_), Some(_)) => {
                let at = raw.username.map_or(at, |value| value.referenced);
                return Err(self.error(at, format!("camera '{id}' has an empty username")));
            }
            (username, _) => {
                let (has, lacks) = if username.is_some() {
                    ("username", "password")
                } else {
                    ("password", "username")
                };
                return Err(self.error(
                    at,
                    format!("camera '{id}' has a {has} but no {lacks}, expected both or neither"),
                ));
            }
        };
        Ok(Camera {
            id,
            url,
            transport,
            credentials,
        })
    }

    /// The URL without its credentials, and these.
    fn url(&self, value: &Spanned<String>) -> Result<(Url, Option<Credentials>), CamerasError> {
        const EXPECTED: &str = "expected rtsp://host[:port]/path";
        let at = value.referenced;
        let text = self.expanded(value)?;
        // Text that is no URL is quoted only where no credentials can hide in it.
        let shown = if text.contains('@') {
            "with credentials"
        } else {
            text.as_str()
        };
        let mut url = Url::parse(&text)
            .map_err(|error| self.error(at, format!("url '{shown}': {error}, {EXPECTED}")))?;
        let credentials = if url.username().is_empty() && url.password().is_none() {
            None
        } else {
            let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
            let username = decoded(url.username());
            let password = decoded(url.password().unwrap_or_default());
            match (username, password) {
                (Ok(username), Ok(password)) => Some(Credentials { username, password }),
                _ => {
                    return Err(self.error(at, "the credentials in the url are not UTF-8"));
                }
            }
        };
        match url.scheme() {
            "rtsp" => {}
            "rtsps" => {
                return Err(self.error(
                    at,
                    format!("url scheme 'rtsps' (RTSP over TLS) is not supported, {EXPECTED}"),
                ));
            }
            other => return Err(self.error(at, format!("url scheme '{other}', {EXPECTED}"))),
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(self.error(at, format!("url '{shown}' has no host, {EXPECTED}")));
        }
        let stripped = url.set_username("").and_then(|()| url.set_password(None));
        stripped
            .map_err(|()| self.error(at, format!("url '{shown}' is not usable, {EXPECTED}")))?;
        Ok((url, credentials))
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
