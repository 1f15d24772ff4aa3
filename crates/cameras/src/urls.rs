//! A camera's URLs: the one of `url`, or the two of `streams`.

use camweave_redact::{Secret, SecretUrl};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::Credentials;
use super::expand::{Variables, expand_secret};
use super::url::read_url;

/// Stands for a URL that needs a variable of another process.
const SOME_URL: &str = "rtsp://host/";
const BOTH: &str = "'streams: {detect: URL, record: URL}'";

/// As it is in the file. That one is missing is said with the camera's name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStreams {
    detect: Option<Spanned<Secret>>,
    record: Option<Spanned<Secret>>,
}

impl RawStreams {
    pub fn urls(&self) -> impl Iterator<Item = &Spanned<Secret>> {
        self.detect.iter().chain(&self.record)
    }
}

type Url = (SecretUrl, Option<Credentials>);
/// Where it is, and what is wrong there.
type Wrong = (Location, String);

/// The URLs, each with the login that is in it.
pub(super) struct Urls {
    pub url: Url,
    pub record: Option<Url>,
    /// Where the first of them is.
    pub at: Location,
}

impl Urls {
    fn all(&self) -> impl Iterator<Item = &Url> {
        [&self.url].into_iter().chain(&self.record)
    }

    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.all().map(|(url, _)| url.expose().scheme())
    }

    /// Whether one of them has user and password in it.
    pub fn have_login(&self) -> bool {
        self.all().any(|(_, login)| login.is_some())
    }
}

/// Reads `url` and `streams` of the camera `id`, of which it has one.
///
/// `has_fields`: whether user and password are given beside them.
///
/// # Errors
/// It has neither or both, or one of the URLs cannot be used. None is quoted.
pub(super) fn read_urls(
    id: &Spanned<String>,
    (url, streams): (Option<&Spanned<Secret>>, Option<&Spanned<RawStreams>>),
    has_fields: bool,
    variables: Variables<'_>,
) -> Result<Urls, Wrong> {
    let read = |value: &Spanned<Secret>| read(value, has_fields, variables);
    let name = &id.value;
    let streams = match (url, streams) {
        (Some(url), None) => {
            let at = url.referenced;
            let url = read(url).map_err(|message| (at, message))?;
            return Ok(Urls {
                url,
                record: None,
                at,
            });
        }
        (None, Some(streams)) => streams,
        (None, None) => {
            let line = format!(
                "missing field `url`: camera '{name}' has no URL, expected 'url' or {BOTH}"
            );
            return Err((id.referenced, line));
        }
        (Some(_), Some(streams)) => {
            let line = format!("camera '{name}' has 'url' and 'streams', expected one of them");
            return Err((streams.referenced, line));
        }
    };
    let one = |field: &str, value: Option<&Spanned<Secret>>| {
        let lacks = || {
            (
                streams.referenced,
                format!("camera '{name}' has 'streams' without '{field}', expected {BOTH}"),
            )
        };
        let value = value.ok_or_else(lacks)?;
        let url = read(value).map_err(|message| {
            (
                value.referenced,
                format!("camera '{name}', streams.{field}: {message}"),
            )
        })?;
        Ok((url, value.referenced))
    };
    let (url, at) = one("detect", streams.value.detect.as_ref())?;
    let (record, _) = one("record", streams.value.record.as_ref())?;
    let record = Some(record);
    Ok(Urls { url, record, at })
}

fn read(
    value: &Spanned<Secret>,
    has_fields: bool,
    variables: Variables<'_>,
) -> Result<Url, String> {
    if variables.lacks(value.value.expose()) {
        return read_url(SOME_URL, has_fields);
    }
    let text = expand_secret(&value.value, variables.lookup)?;
    read_url(text.expose().trim(), has_fields)
}

#[cfg(test)]
#[path = "urls_tests.rs"]
mod tests;
