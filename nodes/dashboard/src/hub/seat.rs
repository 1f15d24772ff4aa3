//! What each viewer watches, as the hub gives it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;

use super::camera::Camera;
use super::fragments::nal_codec;
use crate::viewers::{Queue, Sent, Viewer, Wanted, Way};
use crate::wire;

/// Cameras that a page may watch.
const MOST_WANTED: usize = 1024;
/// Without access units for so long, a camera has no image that is worth anything.
const STALE: Duration = Duration::from_secs(30);

/// What a page is told of a camera that it watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Told {
    #[serde(rename = "type")]
    is: &'static str,
    index: u16,
    id: Arc<str>,
    way: Way,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// A viewer's place at the hub.
pub(crate) struct Seat {
    pub viewer: Arc<Viewer>,
    wanted: Vec<Wanted>,
    given: HashMap<u16, Told>,
}

impl Seat {
    pub fn new(viewer: Arc<Viewer>) -> Self {
        Self {
            viewer,
            wanted: Vec::new(),
            given: HashMap::new(),
        }
    }

    /// The page watches these now; of a camera that it names twice, the first counts.
    pub fn want(&mut self, mut wanted: Vec<Wanted>) {
        let mut seen = HashSet::new();
        wanted.retain(|it| seen.insert(Arc::clone(&it.id)));
        wanted.truncate(MOST_WANTED);
        self.wanted = wanted;
    }

    /// The cameras that the page asks for in this way, whether or not they can be given so.
    pub fn wants(&self, way: Way) -> impl Iterator<Item = &Arc<str>> {
        let wanted = self.wanted.iter().filter(move |it| it.way == way);
        wanted.map(|it| &it.id)
    }

    /// Which way the viewer is given a camera.
    pub fn way(&self, index: u16) -> Option<Way> {
        self.given.get(&index).map(|told| told.way)
    }

    /// Brings what the viewer is given up to what it wants and what there is.
    pub fn settle(&mut self, cameras: &mut HashMap<Arc<str>, Camera>, now: Instant) {
        let mut given = HashMap::with_capacity(self.wanted.len());
        for wanted in &self.wanted {
            let Some(camera) = cameras.get_mut(&wanted.id) else {
                continue; // it has sent nothing yet
            };
            let (way, reason) = way(wanted.way, camera, now);
            let told = Told {
                is: "camera",
                index: camera.index,
                id: Arc::clone(&wanted.id),
                way,
                reason,
            };
            let before = self.given.get(&camera.index);
            if before != Some(&told) {
                self.viewer
                    .queue
                    .text(serde_json::to_string(&told).unwrap_or_default());
            }
            let before = before.map(|it| it.way);
            if way.is_stream() && before != Some(way) {
                // What waits the other way is of no use.
                self.viewer.queue.leave(camera.index);
                join(&self.viewer.queue, way, camera, now);
            }
            given.insert(camera.index, told);
        }
        for (index, told) in &self.given {
            let still = given.get(index);
            if told.way.is_stream() && still.is_none_or(|it| !it.way.is_stream()) {
                self.viewer.queue.leave(*index);
            }
        }
        self.given = given;
    }
}

fn way(wanted: Way, camera: &mut Camera, now: Instant) -> (Way, Option<&'static str>) {
    match wanted {
        Way::Mse if camera.codec.is_some_and(|it| nal_codec(it).is_none()) => {
            (Way::None, Some("only H.264 and H.265 are sent as MP4"))
        }
        Way::Mse => match camera.fragments(now).refusal() {
            Some(reason) => (Way::None, Some(reason)),
            None => (Way::Mse, None),
        },
        Way::Jpeg if !camera.has_images(now) => (
            Way::None,
            Some(
                "images are made of the frames in which objects are detected, and this camera has none of late",
            ),
        ),
        other => (other, None),
    }
}

/// Lets a viewer begin with the camera's current group of pictures.
fn join(queue: &Queue, way: Way, camera: &mut Camera, now: Instant) {
    let is_stale = camera.silent(now).is_none_or(|silent| silent > STALE);
    let kept = match way {
        Way::Mse => &camera.fragments(now).group,
        _ => &camera.group,
    };
    // The group is copied: not for one who has no room for it.
    let group = if !is_stale && queue.has_room(kept.sent().len(), kept.bytes()) {
        catch_up(kept.sent())
    } else {
        Vec::new()
    };
    queue.join(camera.index, &group, now);
}

/// A group of pictures: all but its last frame are decoded and not drawn.
fn catch_up(sent: &[Arc<Sent>]) -> Vec<Bytes> {
    let last = sent.iter().rposition(|it| !it.is_end);
    let each = sent.iter().enumerate();
    each.map(|(index, it)| match last {
        Some(last) if index < last => wire::as_catch_up(&it.message),
        _ => it.message.clone(),
    })
    .collect()
}
