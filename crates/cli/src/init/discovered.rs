//! Cameras that answer on the local network.

use camweave_cameras::edit::Value;
use camweave_probe::FailureKind;
use camweave_redact::{SecretUrl, printable};
use url::Url;

use super::cameras::{Found, Told, one};
use crate::cameras::{Chosen, Search, choose, entries, show_found};
use crate::error::CliError;
use crate::say::note;
use crate::terminal::agrees;

/// Adds the cameras that a search finds to `all`, and looks at them. Where `may_ask`, a person is asked
/// for their login and about each of them.
///
/// # Errors
/// The search cannot be done, or nobody could be asked.
pub fn discover(search: &Search, may_ask: bool, all: &mut Vec<Found>) -> Result<(), CliError> {
    let found = search.run(may_ask)?;
    let cameras = entries(&found.asked);
    show_found(&found.asked, &cameras)?;
    if cameras.is_empty() {
        note!("no camera that names its streams is found");
    }
    for camera in &cameras {
        let name = printable(&camera.name).into_owned();
        let there: Vec<_> = all.iter().map(|it| (it.id.clone(), url_of(it))).collect();
        let new = match choose(camera, search.stream(), &found.login, &there) {
            Chosen::New(new) => new,
            Chosen::Known(id) => {
                note!("{name}: there already, as '{id}'");
                continue;
            }
            Chosen::LeftOut(why) => {
                note!("{name}: left out: {why}");
                continue;
            }
        };
        if may_ask && !agrees(&format!("add '{name}' ({})?", new.url))? {
            continue;
        }
        let told = Told {
            size: new.stream.size,
            fps: new.stream.fps,
            is_stranger: true,
        };
        let (id, has_login) = (new.id, new.fields.len() > 1);
        let (camera, failure) = one(&id, new.fields, told)?;
        if has_login && failure == Some(FailureKind::Unauthorized) {
            note!(
                "{id}: left out, as it would be sent user and password; 'camweave cameras add' adds it"
            );
            continue;
        }
        all.push(camera);
    }
    Ok(())
}

/// A camera's URL without a login in it; `None` where a variable stands in its place.
fn url_of(camera: &Found) -> Option<SecretUrl> {
    let is_url = |(field, value): &(&'static str, Value)| match value {
        Value::Text(text) if *field == "url" => Url::parse(text.expose()).ok(),
        _ => None,
    };
    let mut url = camera.fields.iter().find_map(is_url)?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(SecretUrl::new(url))
}
