use std::collections::BTreeMap;
use std::io::Read;
use std::num::{NonZeroU32, NonZeroU64};
use std::ops::RangeInclusive;
use std::path::Path;

use camweave_message::limits::MAX_CAMERAS;
use camweave_message::{Selection, camera_id};
use camweave_redact::{KnownSecrets, Secret, SecretUrl, printable, remember_of};
use serde::Deserialize;
use serde_saphyr::{Error, Location, Spanned};
use zeroize::Zeroizing;

use super::areas::{RawIgnored, RawRegion, read_areas};
use super::expand::{Variables, expand, expand_secret, literal};
use super::syntax::syntax;
use super::url::has_literal_secret;
use super::urls::{RawStreams, Urls, read_urls};
use super::{
    Camera, CamerasError, ClientKind, Credentials, FILE_BYTES, Lookup, RecordStream, Transport,
};

/// What `detect_fps` may be.
const DETECT_FPS: RangeInclusive<f64> = 0.01..=1000.0;
/// What `motion_area` may be, in percent of the picture.
const MOTION_AREA: RangeInclusive<f64> = 0.01..=100.0;
/// What it is where it is left out, in parts per million: 5 of 2304 cells.
const DEFAULT_MOTION_PPM: u32 = 2000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    cameras: Spanned<Vec<RawCamera>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCamera {
    id: Spanned<String>,
    url: Option<Spanned<Secret>>,
    streams: Option<Spanned<RawStreams>>,
    transport: Option<Spanned<String>>,
    client: Option<Spanned<String>>,
    username: Option<Spanned<Secret>>,
    password: Option<Spanned<Secret>>,
    detect_fps: Option<Spanned<String>>,
    detect: Option<Spanned<String>>,
    motion_area: Option<Spanned<String>>,
    region: Option<RawRegion>,
    ignore: Option<RawIgnored>,
}

impl RawCamera {
    /// The texts of its URLs.
    fn urls(&self) -> impl Iterator<Item = &str> {
        let streams = self.streams.iter().flat_map(|it| it.value.urls());
        let urls = self.url.iter().chain(streams);
        urls.map(|it| it.value.expose())
    }
}

/// Reads and checks `cameras.yml`; variables come from the process's environment. From then on, the
/// process's log hides the cameras' secrets, until the file has been read with others four times.
///
/// # Errors
/// Names the file, line and column, what was expected, and the value where it cannot be a part of
/// a credential.
pub fn load(path: &Path) -> Result<Vec<Camera>, CamerasError> {
    let cameras = parse(path, &read(path)?, &environment)?;
    remember_of(&path.to_string_lossy(), &known_secrets(&cameras));
    Ok(cameras)
}

/// What is hidden in the text that any of these cameras sends.
pub(crate) fn known_secrets(cameras: &[Camera]) -> KnownSecrets {
    let mut known = KnownSecrets::default();
    for camera in cameras {
        known.extend(&camera.known_secrets());
    }
    known
}

/// Whether a secret stands in the file itself, and not in a variable.
#[must_use]
pub fn has_literal_secrets(path: &Path) -> bool {
    let Ok(text) = read(path) else {
        return false;
    };
    // Whether the variables are set here, and to what, says nothing.
    let Ok(file) = serde_saphyr::from_str::<RawFile>(&text) else {
        return false;
    };
    file.cameras.value.iter().any(|camera| {
        let password = camera.password.as_ref();
        let password = password.and_then(|it| literal(it.value.expose(), ""));
        password.is_some_and(|it| !it.is_empty()) || camera.urls().any(has_literal_secret)
    })
}

pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, CamerasError> {
    let failed = |source| CamerasError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(CamerasError::TooLong {
            path: path.to_owned(),
        });
    }
    Ok(text)
}

/// As [`load`], for text that stands in `path`.
///
/// # Errors
/// As [`load`].
pub fn parse(path: &Path, text: &str, lookup: Lookup<'_>) -> Result<Vec<Camera>, CamerasError> {
    let may_lack = false;
    parse_with(path, text, Variables { lookup, may_lack })
}

/// As [`parse`], with something valid for each value that needs a variable which is not set:
/// another process has it.
///
/// # Errors
/// As [`load`].
pub(crate) fn parse_elsewhere(
    path: &Path,
    text: &str,
    lookup: Lookup<'_>,
) -> Result<Vec<Camera>, CamerasError> {
    let may_lack = true;
    parse_with(path, text, Variables { lookup, may_lack })
}

/// One camera of the text, with the variables that are set; `None`: there is none with this id.
///
/// # Errors
/// As [`load`], of this camera alone.
pub(crate) fn parse_one(
    path: &Path,
    text: &str,
    id: &str,
    lookup: Lookup<'_>,
) -> Result<Option<Camera>, CamerasError> {
    let may_lack = false;
    let variables = Variables { lookup, may_lack };
    let reader = Reader { path, variables };
    let file: RawFile = serde_saphyr::from_str(text).map_err(|error| reader.syntax(&error))?;
    let raw = file.cameras.value.into_iter().find(|it| it.id.value == id);
    raw.map(|raw| reader.camera(raw)).transpose()
}

/// The cameras of the text of which a URL needs a variable that is not set.
pub(crate) fn without_url(text: &str, lookup: Lookup<'_>) -> Vec<String> {
    let may_lack = true;
    let variables = Variables { lookup, may_lack };
    let file: Option<RawFile> = serde_saphyr::from_str(text).ok();
    let cameras = file.into_iter().flat_map(|file| file.cameras.value);
    let lacking = cameras.filter(|it| it.urls().any(|url| variables.lacks(url)));
    lacking.map(|it| it.id.value).collect()
}

fn parse_with(
    path: &Path,
    text: &str,
    variables: Variables<'_>,
) -> Result<Vec<Camera>, CamerasError> {
    let reader = Reader { path, variables };
    let file: RawFile = serde_saphyr::from_str(text).map_err(|error| reader.syntax(&error))?;
    if file.cameras.value.is_empty() {
        return Err(reader.error(
            file.cameras.referenced,
            "'cameras' is empty, expected at least one camera ('- id: …' and 'url: …')",
        ));
    }
    if file.cameras.value.len() > MAX_CAMERAS {
        let count = file.cameras.value.len();
        return Err(reader.error(
            file.cameras.referenced,
            format!("{count} cameras, expected at most {MAX_CAMERAS}"),
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
    variables: Variables<'a>,
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

    fn syntax(&self, error: &Error) -> CamerasError {
        let at = error.location().unwrap_or(Location::UNKNOWN);
        self.error(at, syntax(error, at))
    }

    /// `stand_in`: something valid, for a value that needs a variable of another process.
    fn expanded(&self, value: &Spanned<String>, stand_in: &str) -> Result<String, CamerasError> {
        if self.variables.lacks(&value.value) {
            return Ok(stand_in.to_owned());
        }
        expand(value.value.trim(), self.variables.lookup)
            .map_err(|message| self.error(value.referenced, message))
    }

    /// With nothing trimmed, and errors that quote nothing.
    fn secret(&self, value: &Spanned<Secret>, stand_in: &str) -> Result<Secret, CamerasError> {
        if self.variables.lacks(value.value.expose()) {
            return Ok(Secret::from(stand_in.to_owned()));
        }
        expand_secret(&value.value, self.variables.lookup)
            .map_err(|message| self.error(value.referenced, message))
    }

    fn camera(&self, raw: RawCamera) -> Result<Camera, CamerasError> {
        let id = raw.id.value.clone();
        if !camera_id::is_valid(&id) {
            return Err(self.error(
                raw.id.referenced,
                format!(
                    "id '{}' cannot name a camera, expected {}",
                    printable(&id),
                    camera_id::RULE
                ),
            ));
        }
        let has_fields = raw.username.is_some() || raw.password.is_some();
        let urls = (raw.url.as_ref(), raw.streams.as_ref());
        let urls = read_urls(&raw.id, urls, has_fields, self.variables)
            .map_err(|(at, message)| self.error(at, message))?;
        let at = urls.at;
        let transport = match &raw.transport {
            None => None,
            Some(value) => match self.expanded(value, "tcp")?.as_str() {
                "tcp" => Some(Transport::Tcp),
                "udp" => Some(Transport::Udp),
                _ => {
                    // As it stands in the file: a variable's value is not for printing.
                    let shown = printable(&value.value);
                    return Err(self.error(
                        value.referenced,
                        format!("transport '{shown}', expected 'tcp' or 'udp'"),
                    ));
                }
            },
        };
        if transport == Some(Transport::Udp)
            && let Some(scheme) = urls.schemes().find(|it| *it != "rtsp")
        {
            let at = raw.transport.as_ref().map_or(at, |value| value.referenced);
            return Err(self.error(
                at,
                format!("transport 'udp' with url scheme '{scheme}', expected it with rtsp alone"),
            ));
        }
        let client = self.client(raw.client.as_ref(), &urls)?;
        let (selection, motion) = self.selection(&raw)?;
        let areas = read_areas(raw.region.as_ref(), raw.ignore.as_ref(), self.variables)
            .map_err(|(at, message)| self.error(at, message))?;
        let username = raw
            .username
            .as_ref()
            .map(|value| self.secret(value, "1"))
            .transpose()?;
        let password = raw
            .password
            .as_ref()
            .map(|value| self.secret(value, "1"))
            .transpose()?;
        let credentials = match (username, password) {
            (None, None) => None,
            (Some(_), Some(_)) if urls.have_login() => {
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
        let with_login = |(url, in_url): (SecretUrl, Option<Credentials>)| RecordStream {
            url,
            credentials: credentials.clone().or(in_url),
        };
        let record = urls.record.map(with_login);
        let (url, in_url) = urls.url;
        Ok(Camera {
            id,
            url,
            record,
            transport,
            client,
            selection,
            motion,
            areas,
            credentials: credentials.or(in_url),
        })
    }

    fn selection(&self, raw: &RawCamera) -> Result<(Selection, Option<NonZeroU32>), CamerasError> {
        // As it stands in the file: a variable's value is not for printing.
        let refuse = |value: &Spanned<String>, field: &str, expected: &str| {
            let shown = printable(&value.value);
            let message = format!("{field} '{shown}', expected {expected}");
            Err(self.error(value.referenced, message))
        };
        let selection = match &raw.detect_fps {
            None => Selection::All,
            Some(value) => {
                let fps = self.expanded(value, "1")?.parse().unwrap_or(f64::NAN);
                if !DETECT_FPS.contains(&fps) {
                    let expected = "a number from 0.01 to 1000 ('detect: off' for none)";
                    return refuse(value, "detect_fps", expected);
                }
                let nanos = NonZeroU64::new((1e9 / fps).round() as u64);
                nanos.map_or(Selection::All, Selection::Every)
            }
        };
        let area = match &raw.motion_area {
            None => DEFAULT_MOTION_PPM,
            Some(value) => {
                let percent = self.expanded(value, "1")?.parse().unwrap_or(f64::NAN);
                if !MOTION_AREA.contains(&percent) {
                    let expected = "a percentage of the frame from 0.01 to 100";
                    return refuse(value, "motion_area", expected);
                }
                (percent * 1e4).round() as u32
            }
        };
        let moving = (selection, NonZeroU32::new(area));
        let stand_in = raw.motion_area.as_ref().map_or("on", |_| "motion");
        let detected = match &raw.detect {
            None => (selection, None),
            Some(value) => match self.expanded(value, stand_in)?.as_str() {
                "on" | "true" => (selection, None),
                "off" | "false" => (Selection::Off, None),
                "motion" => moving,
                _ => return refuse(value, "detect", "'on', 'off' or 'motion'"),
            },
        };
        match &raw.motion_area {
            Some(value) if detected != moving => {
                refuse(value, "motion_area", "'detect: motion' together with it")
            }
            _ => Ok(detected),
        }
    }

    fn client(
        &self,
        value: Option<&Spanned<String>>,
        urls: &Urls,
    ) -> Result<ClientKind, CamerasError> {
        let Some(value) = value else {
            return Ok(ClientKind::default());
        };
        let other = urls.schemes().find(|it| *it != "rtsp");
        match self.expanded(value, "auto")?.as_str() {
            "auto" => Ok(ClientKind::Auto),
            "ffmpeg" => Ok(ClientKind::Ffmpeg),
            // 'retina', after the library, is an older name of it.
            "rtsp" | "retina" => match other {
                None => Ok(ClientKind::Rtsp),
                Some(scheme) => Err(self.error(
                    value.referenced,
                    format!("client 'rtsp' with url scheme '{scheme}', which it cannot open, expected 'auto' or 'ffmpeg'"),
                )),
            },
            _ => {
                // As it stands in the file: a variable's value is not for printing.
                let shown = printable(&value.value);
                Err(self.error(
                    value.referenced,
                    format!("client '{shown}', expected 'auto', 'rtsp' or 'ffmpeg'"),
                ))
            }
        }
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
