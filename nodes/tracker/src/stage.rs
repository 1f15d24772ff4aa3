use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use camweave_message::{DetectedBox, Detections};
use camweave_stage::telemetry::{Counters, Spans, span_names};
use camweave_stage::{Context, DropReason, Output, Stage, StageError, frame_key};
use camweave_vision::Detection;

use crate::camera::Camera;
use crate::drops::DROPS;
use crate::settings::{BoxClass, TrackerSettings};

/// Ids count from the milliseconds since then: 2026-01-01, in Unix time. No later start gives one
/// again while fewer than a thousand tracks begin per second.
const IDS_SINCE: Duration = Duration::from_secs(1_767_225_600);
/// Added for each restart in a run, in case the machine's clock was set back.
const IDS_PER_START: u64 = 1000;
/// Bits of an id that count, for 34 years; ...
const COUNT_BITS: u32 = 40;
/// ... those above them are of the node's name. Both together are a number that JavaScript holds
/// exactly.
const NAME_BITS: u32 = 13;
/// How often silent cameras are looked for, and tracks counted.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Tracks of all cameras. Beyond them the camera that has the most starts over.
const MOST_TRACKS: usize = 65_536;

/// The ids of one start of a node, one after the other.
#[derive(Debug, Clone, Copy)]
struct Ids {
    name: u64,
    count: u64,
}

impl Ids {
    /// Those of the node `stage`, of which `starts` counts the starts in the run, from 1.
    fn new(stage: &str, now: SystemTime, starts: u64) -> Self {
        // FNV-1a, whose last byte does not reach the upper bits: so a step of MurmurHash3's
        // finalizer follows.
        let hash = stage.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let since = now.duration_since(SystemTime::UNIX_EPOCH + IDS_SINCE);
        // A clock that is not set has no time to offer.
        let millis = since.map_or(0, |since| since.as_millis() as u64);
        let earlier = starts.saturating_sub(1).saturating_mul(IDS_PER_START);
        Self {
            name: hash >> (u64::BITS - NAME_BITS),
            count: millis.saturating_add(earlier),
        }
    }

    fn next(&mut self) -> u64 {
        self.count = self.count.wrapping_add(1);
        self.name << COUNT_BITS | self.count & ((1 << COUNT_BITS) - 1)
    }
}

/// The indices of the `most` boxes of the highest score, in their order.
fn strongest(boxes: &[DetectedBox], most: usize) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..boxes.len()).collect();
    if indices.len() > most {
        // Stable: of equal scores the first stay.
        indices.sort_by(|&a, &b| boxes[b].score.total_cmp(&boxes[a].score));
        indices.truncate(most);
        indices.sort_unstable();
    }
    indices
}

/// One tracker per camera, ids unique over all cameras and trackers of the run.
pub struct Tracker {
    settings: TrackerSettings,
    cameras: HashMap<String, Camera>,
    looked: Instant,
    ids: Ids,
    counters: Option<Counters>,
    spans: Spans,
}

impl Tracker {
    /// A stage that has seen nothing; `starts` counts this node's starts in the run, from 1.
    fn new(settings: TrackerSettings, stage: &str, starts: u64) -> Self {
        Self {
            settings,
            cameras: HashMap::new(),
            looked: Instant::now(),
            ids: Ids::new(stage, SystemTime::now(), starts),
            counters: None,
            spans: Spans::default(),
        }
    }

    fn track(&mut self, row: &mut Detections) {
        let arrived = Instant::now();
        let settings = &self.settings;
        let new = || Camera::new(settings.follower(), &row.id, arrived);
        let camera = self
            .cameras
            .entry(row.id.camera.to_string())
            .or_insert_with(new);
        if camera.is_of_the_future(&row.id, arrived) {
            *camera = new();
        }
        for item in &mut row.boxes {
            item.track_id = None;
        }
        let followed = strongest(&row.boxes, settings.max_boxes);
        if followed.len() < row.boxes.len()
            && let Some(counters) = &self.counters
        {
            counters.error(&row.id.camera, "boxes_over_limit");
        }
        let detection = |&index: &usize| {
            let DetectedBox {
                bbox,
                score,
                class_id,
                ..
            } = row.boxes[index];
            Detection {
                bbox,
                score,
                class_id,
            }
        };
        let boxes: Vec<Detection> = followed.iter().map(detection).collect();
        camera.learn_labels(&row.boxes);
        let tracks = camera.update(&row.id, arrived, &boxes, || self.ids.next());
        for (index, track) in followed.into_iter().zip(tracks) {
            let Some((id, class_id)) = track else {
                continue;
            };
            let item = &mut row.boxes[index];
            item.track_id = Some(id);
            if item.class_id != class_id
                && settings.box_class == BoxClass::Voted
                && let Some(label) = camera.label(class_id)
            {
                item.class_id = class_id;
                item.label = Arc::clone(label);
            }
        }
    }

    /// Bounds what is kept of all cameras.
    fn tidy(&mut self, now: Instant, most_tracks: usize) {
        self.cameras.retain(|_, camera| !camera.is_over(now));
        let mut tracks: usize = self.cameras.values().map(Camera::ids).sum();
        while tracks > most_tracks {
            let heaviest = self.cameras.iter().max_by_key(|(_, it)| it.ids());
            let Some(name) = heaviest.map(|(name, _)| name.clone()) else {
                return;
            };
            if let Some(counters) = &self.counters {
                counters.error(&name, "tracks_over_limit");
            }
            let gone = self.cameras.remove(&name);
            tracks -= gone.map_or(0, |camera| camera.ids());
        }
    }
}

impl Stage for Tracker {
    const KIND: &'static str = "tracker";
    const ABOUT: &'static str = "Tracks objects from frame to frame, one tracker per camera.";
    type Settings = TrackerSettings;
    const DROPS: &'static [DropReason] = DROPS;
    type In = Detections;
    type Out = Detections;

    fn open(settings: TrackerSettings, context: &Context) -> Result<Self, StageError> {
        let stage = Self::new(settings, &context.stage, context.counters.report().starts);
        Ok(Self {
            spans: context.counters.spans().clone(),
            counters: Some(context.counters.clone()),
            ..stage
        })
    }

    fn rows(
        &mut self,
        mut rows: Vec<Detections>,
        out: &mut Output<Detections>,
    ) -> Result<(), StageError> {
        for row in &mut rows {
            let span = self.spans.frame(&span_names::TRACK, frame_key(&row.id));
            self.track(row);
            drop(span);
        }
        out.send(rows);
        Ok(())
    }

    fn tick(&mut self, _: &mut Output<Detections>) -> Result<(), StageError> {
        let now = Instant::now();
        if now.saturating_duration_since(self.looked) >= LOOK_EVERY {
            self.looked = now;
            self.tidy(now, MOST_TRACKS);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
