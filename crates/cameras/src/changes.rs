//! What differs between two lists of cameras.

use std::collections::HashMap;

use super::Camera;

/// What happens to one camera when one list takes the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is not in the new list: its session ends.
    Removed(String),
    /// It is new.
    Added(Camera),
    /// It is reached in another way: its session ends, and another begins.
    Reconnect(Camera),
    /// Its session goes on, and what is done with its frames differs.
    Adjust(Camera),
}

impl Camera {
    /// Whether a session that was opened for `other` is one of this camera, too. All that does not
    /// count here can change while the session goes on.
    #[must_use]
    pub fn connects_as(&self, other: &Self) -> bool {
        self.id == other.id
            && self.url == other.url
            && self.transport == other.transport
            && self.client == other.client
            && self.credentials == other.credentials
    }
}

/// What must be done for `new` to take the place of `old`, removals first. The order of the cameras
/// in a file means nothing.
#[must_use]
pub fn changes(old: &[Camera], new: &[Camera]) -> Vec<Change> {
    let by_id = |cameras: &'_ [Camera]| -> HashMap<String, usize> {
        let ids = cameras.iter().enumerate();
        ids.map(|(index, camera)| (camera.id.clone(), index))
            .collect()
    };
    let (before, after) = (by_id(old), by_id(new));
    let removed = old.iter().filter(|camera| !after.contains_key(&camera.id));
    let mut changes: Vec<Change> = removed
        .map(|camera| Change::Removed(camera.id.clone()))
        .collect();
    changes.extend(new.iter().filter_map(|camera| {
        match before.get(&camera.id).map(|index| &old[*index]) {
            None => Some(Change::Added(camera.clone())),
            Some(known) if known == camera => None,
            Some(known) if camera.connects_as(known) => Some(Change::Adjust(camera.clone())),
            Some(_) => Some(Change::Reconnect(camera.clone())),
        }
    }));
    changes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn cameras(lines: &str) -> Vec<Camera> {
        let text = format!("cameras:\n{lines}");
        crate::parse(Path::new("cameras.yml"), &text, &|_| None).expect("valid")
    }

    /// The kinds of the changes, with the cameras' ids.
    fn shown(old: &str, new: &str) -> Vec<String> {
        let changes = changes(&cameras(old), &cameras(new));
        let shown = changes.iter().map(|change| match change {
            Change::Removed(id) => format!("removed {id}"),
            Change::Added(camera) => format!("added {}", camera.id),
            Change::Reconnect(camera) => format!("reconnect {}", camera.id),
            Change::Adjust(camera) => format!("adjust {}", camera.id),
        });
        shown.collect()
    }

    #[test]
    fn what_a_change_of_each_field_means() {
        let a = "  - {id: a, url: 'rtsp://h/'";
        for (before, after, expected) in [
            ("", "", ""),
            ("", ", transport: tcp", "reconnect a"),
            (", transport: tcp", ", transport: udp", "reconnect a"),
            ("", ", client: rtsp", "reconnect a"),
            ("", ", client: auto", ""),
            ("", ", username: u, password: p", "reconnect a"),
            (
                ", username: u, password: p",
                ", username: u, password: q",
                "reconnect a",
            ),
            ("", ", detect_fps: 5", "adjust a"),
            (", detect_fps: 5", ", detect_fps: 5.0", ""),
            ("", ", detect: off", "adjust a"),
            (", detect: off", ", detect: on", "adjust a"),
            (
                ", detect: motion",
                ", detect: motion, motion_area: 3",
                "adjust a",
            ),
            (
                ", detect_fps: 5",
                ", detect_fps: 2, client: rtsp",
                "reconnect a",
            ),
        ] {
            let changes = shown(&format!("{a}{before}}}\n"), &format!("{a}{after}}}\n"));
            assert_eq!(changes.join(", "), expected, "{before} -> {after}");
        }
        let url = |url: &str| format!("  - {{id: a, url: '{url}'}}\n");
        for (before, after, expected) in [
            ("rtsp://h/", "rtsp://g/", "reconnect a"),
            ("rtsp://h/", "rtsp://h/?x=1", "reconnect a"),
            ("rtsp://h/", "rtsp://u:p@h/", "reconnect a"),
        ] {
            assert_eq!(shown(&url(before), &url(after)).join(", "), expected);
        }
    }

    #[test]
    fn who_comes_and_who_goes_and_that_order_is_nothing() {
        let list = |ids: &[&str]| -> String {
            let lines = ids
                .iter()
                .map(|id| format!("  - {{id: {id}, url: 'rtsp://h/{id}'}}\n"));
            lines.collect()
        };
        for (old, new, expected) in [
            (&["a", "b"][..], &["b", "a"][..], ""),
            (&["a"], &["a", "b", "c"], "added b, added c"),
            (&["a", "b", "c"], &["b"], "removed a, removed c"),
            (&["a", "b"], &["c", "b"], "removed a, added c"),
            (&["a"], &["A"], "removed a, added A"),
        ] {
            let changes = shown(&list(old), &list(new)).join(", ");
            assert_eq!(changes, expected, "{old:?} -> {new:?}");
        }
    }
}
