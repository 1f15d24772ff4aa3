//! A camera's login goes to the host that it was given for.
//!
//! Where a page changes the URL and leaves the login in the file as it is, the host must be the
//! same: user and password, which may be variables, are not for whoever the page names.

use camweave_cameras::edit::{Value, camera};
use camweave_cameras::{Camera, Credentials};

/// A camera that has nothing but its URL.
const NAMELESS: &str = "new";

/// What a change does to the URL and the login of a camera.
pub(super) struct Change<'a> {
    /// The new URL; `None`: it stays.
    pub url: Option<&'a str>,
    /// User and password are both given or removed.
    pub has_login: bool,
    /// `None`: the URL needs a variable that is not known here, and may be any.
    pub old_url: Option<&'a Camera>,
    pub old_login: Option<&'a Credentials>,
    pub new: &'a Camera,
}

impl Change<'_> {
    /// Why it must not be made.
    pub fn refusal(&self) -> Option<&'static str> {
        let url = self.url?;
        let (old, new) = (
            self.old_login?.expose(),
            self.new.credentials.as_ref()?.expose(),
        );
        let is_kept = old.0 == new.0 || old.1 == new.1;
        if self.has_login || !is_kept || has_login(url) {
            return None;
        }
        match self.old_url {
            None => Some(
                "the URL in the file needs a variable that this node does not have, so that its host is not known: give user and password again, or remove them",
            ),
            Some(old) if place(old) != place(self.new) => {
                Some("the URL names another host: give user and password again, or remove them")
            }
            Some(_) => None,
        }
    }
}

fn has_login(url: &str) -> bool {
    let fields = [("url", Value::text(url))];
    camera(NAMELESS, &fields).is_ok_and(|camera| camera.credentials.is_some())
}

fn place(camera: &Camera) -> (&str, Option<&str>, Option<u16>) {
    let url = camera.url.expose();
    (url.scheme(), url.host_str(), url.port_or_known_default())
}
