//! Which of the cameras that were found can be written into a cameras.yml.

use camweave_cameras::edit::Value;
use camweave_message::limits::MAX_CAMERAS;
use camweave_onvif::Stream;
use camweave_redact::SecretUrl;

use super::streams::{Entry, Which};
use crate::cameras::ids::id_of;
use crate::cameras::reach::checked;

/// Fields of a camera.
type Fields = Vec<(&'static str, Value)>;

/// What is to become of a camera that was found.
pub enum Chosen<'a> {
    /// It can be written.
    New(Written<'a>),
    /// This one has its URL.
    Known(String),
    /// It cannot be written, for this reason.
    LeftOut(String),
}

/// A camera as it is to be written.
pub struct Written<'a> {
    pub id: String,
    pub fields: Fields,
    pub stream: &'a Stream,
    pub url: &'a SecretUrl,
}

/// Chooses what to do with a camera. `login`: what it gets besides its URL, if it has asked for a login.
/// `there`: ids of those that are written already, and their URLs, where they are known.
pub fn choose<'a>(
    entry: &'a Entry<'_>,
    which: Which,
    login: &[(&'static str, Value)],
    there: &[(String, Option<SecretUrl>)],
) -> Chosen<'a> {
    let Some((stream, url)) = entry.stream(which).zip(entry.url(which)) else {
        return Chosen::LeftOut("it names no stream of its own".to_owned());
    };
    let url = &url.url;
    if let Some((id, _)) = there.iter().find(|(_, known)| known.as_ref() == Some(url)) {
        return Chosen::Known(id.clone());
    }
    if there.len() >= MAX_CAMERAS {
        return Chosen::LeftOut(format!(
            "there are {MAX_CAMERAS} cameras, the most that may be"
        ));
    }
    let id = id_of(&entry.name, |id| there.iter().any(|(known, _)| known == id));
    let mut fields = vec![("url", Value::text(url.expose().as_str()))];
    if entry.asked.has_login() {
        fields.extend(login.iter().cloned());
    }
    match checked(&id, &fields) {
        Ok(_) => Chosen::New(Written {
            id,
            fields,
            stream,
            url,
        }),
        Err(error) => Chosen::LeftOut(error.to_string()),
    }
}
