//! Cameras that answer on the local network.

use camweave_cameras::edit::Value;
use camweave_redact::printable;

use super::cameras::{Found, Told, one};
use crate::cameras::{Search, entries, id_of, show_found};
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
    for camera in cameras {
        let name = printable(&camera.name).into_owned();
        let Some((stream, url)) = camera.stream(search.stream).zip(camera.url(search.stream))
        else {
            note!("{name}: left out, as it names no stream of its own");
            continue;
        };
        if may_ask && !agrees(&format!("add '{name}' ({})?", url.url))? {
            continue;
        }
        let id = id_of(&camera.name, |id| all.iter().any(|it| it.id == id));
        let mut fields = vec![("url", Value::text(url.url.expose().as_str()))];
        fields.extend(found.login.iter().cloned());
        let told = Told {
            size: stream.size,
            fps: stream.fps,
        };
        all.push(one(&id, fields, told)?.0);
    }
    Ok(())
}
