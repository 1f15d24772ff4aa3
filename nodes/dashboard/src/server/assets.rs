//! The page's files, which this program carries.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::answer;

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../assets/", $name)))),*]
    };
}

/// The files of `assets/`.
const FILES: &[(&str, &[u8])] = files![
    "area-fields.js"
    "ask.js"
    "base.css"
    "camera-fields.js"
    "camera-file.js"
    "camera-form.js"
    "camera-list.js"
    "camera-values.js"
    "capture.js"
    "clip-controls.js"
    "clip-frames.js"
    "clip-player.js"
    "clip-text.js"
    "clip-view.js"
    "clips-view.js"
    "clips.css"
    "clips.js"
    "codec.js"
    "colors.js"
    "connection.js"
    "counters.js"
    "counts.js"
    "dom.js"
    "drawing.css"
    "drawing.js"
    "edit.css"
    "edit.js"
    "event-row.js"
    "event-text.js"
    "events-view.js"
    "events.css"
    "events.js"
    "feeds.js"
    "fields.js"
    "filter-form.js"
    "graph.js"
    "grid.css"
    "grid.js"
    "help.js"
    "icon.svg"
    "index.html"
    "keys.js"
    "login.js"
    "losses.js"
    "main.js"
    "model.js"
    "mse.js"
    "note.js"
    "overlay.js"
    "play-mark.js"
    "player.js"
    "plots.js"
    "protocol.js"
    "refusal.js"
    "removal.js"
    "route.js"
    "rule-file.js"
    "rule-form.js"
    "rule-values.js"
    "rules-overlay.js"
    "rules-view.js"
    "screen.js"
    "seek-bar.js"
    "segments.js"
    "settings.js"
    "shapes.js"
    "single.js"
    "support.js"
    "text.js"
    "theme.js"
    "tile.js"
    "topbar.js"
    "trails.js"
    "trial.js"
    "view-switch.js"
    "views.css"
];

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json" | "webmanifest") => "application/json",
        _ => "application/octet-stream",
    }
}

/// A file, by its name.
pub(crate) fn file(name: &str) -> Response {
    let Some((_, bytes)) = FILES.iter().find(|(known, _)| *known == name) else {
        return answer::error(StatusCode::NOT_FOUND, "there is no such page");
    };
    // Another version of the program has other files under the same names.
    let head = [
        (header::CONTENT_TYPE, kind(name)),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, concat!("\"", env!("CARGO_PKG_VERSION"), "\"")),
    ];
    (head, *bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_carried_and_has_a_kind() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
        let files = std::fs::read_dir(folder).expect("the folder");
        let names = files.map(|it| it.expect("a file").file_name().into_string());
        let mut names: Vec<String> = names.map(|it| it.expect("plain")).collect();
        names.sort_unstable();
        let mut carried: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        carried.sort_unstable();
        assert_eq!(carried, names);
        for name in carried {
            assert_ne!(kind(name), "application/octet-stream", "{name}");
        }
    }
}
