use std::collections::HashMap;
use std::time::{Duration, Instant};

use camweave_message::{DetectedBox, Detections};
use camweave_stage::telemetry::{Counters, Spans, span_names};
use camweave_stage::{Context, DropReason, Output, Stage, StageError, frame_key};

use crate::byte_track::{ByteTracker, TrackerConfig};
use crate::drops::DROPS;
use crate::settings::TrackerSettings;

/// After a pause this long a camera's tracker starts over: what moved meanwhile is not known.
const FORGET_AFTER_NANOS: u64 = 3_000_000_000;
/// Ids of a restarted tracker begin at the next multiple, so that none is given twice in a run.
const IDS_PER_START: u64 = 1_000_000_000;
/// Frames between two looks for ids that are over, unless there are many.
const FORGET_IDS_EVERY: u64 = 256;
/// A camera that was silent for so long is forgotten: its tracker would start over in any case.
const SILENT: Duration = Duration::from_secs(10);
/// How often such cameras are looked for, and tracks counted.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Tracks of all cameras. Beyond them the camera that has the most starts over.
const MOST_TRACKS: usize = 65_536;

struct Camera {
    tracker: ByteTracker,
    /// The tracker's own number to the id that went out.
    ids: HashMap<u64, Id>,
    frames: u64,
    last_captured_nanos: i64,
    last_seen: Instant,
}

struct Id {
    id: u64,
    last_frame: u64,
}

impl Camera {
    /// Forgets the ids of tracks that the tracker has given up: a camera runs for months.
    fn forget(&mut self, track_buffer: usize, max_boxes: usize) {
        let are_many = self.ids.len() > 4 * max_boxes && self.frames.is_multiple_of(8);
        if are_many || self.frames.is_multiple_of(FORGET_IDS_EVERY) {
            let kept = track_buffer as u64 + 1;
            let frames = self.frames;
            self.ids.retain(|_, id| frames - id.last_frame <= kept);
        }
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

/// One tracker per camera, ids unique over all cameras of the run.
pub struct Tracker {
    config: TrackerConfig,
    cameras: HashMap<String, Camera>,
    looked: Instant,
    next_id: u64,
    counters: Option<Counters>,
    spans: Spans,
}

impl Tracker {
    /// A stage that has seen nothing; `starts` counts this node's starts in the run, from 1.
    fn new(config: TrackerConfig, starts: u64) -> Self {
        let next_id = (starts.saturating_sub(1))
            .saturating_mul(IDS_PER_START)
            .saturating_add(1);
        Self {
            config,
            cameras: HashMap::new(),
            looked: Instant::now(),
            next_id,
            counters: None,
            spans: Spans::default(),
        }
    }

    fn track(&mut self, row: &mut Detections) {
        let now = row.id.captured_unix_nanos;
        let config = self.config;
        let fresh = || Camera {
            tracker: ByteTracker::new(&config),
            ids: HashMap::new(),
            frames: 0,
            last_captured_nanos: now,
            last_seen: Instant::now(),
        };
        let camera = self
            .cameras
            .entry(row.id.camera.to_string())
            .or_insert_with(fresh);
        if now.abs_diff(camera.last_captured_nanos) > FORGET_AFTER_NANOS {
            *camera = fresh();
        }
        camera.last_captured_nanos = now;
        camera.last_seen = Instant::now();
        camera.frames += 1;
        let frame = camera.frames;
        for item in &mut row.boxes {
            item.track_id = None;
        }
        let followed = strongest(&row.boxes, config.max_boxes);
        if followed.len() < row.boxes.len()
            && let Some(counters) = &self.counters
        {
            counters.error(&row.id.camera, "boxes_over_limit");
        }
        let boxes: Vec<DetectedBox> = followed.iter().map(|&it| row.boxes[it].clone()).collect();
        let tracks = camera.tracker.update(&boxes);
        for (&index, track) in followed.iter().zip(tracks) {
            row.boxes[index].track_id = track.map(|track| {
                let known = camera.ids.entry(track).or_insert_with(|| {
                    let id = self.next_id;
                    self.next_id = self.next_id.wrapping_add(1);
                    Id {
                        id,
                        last_frame: frame,
                    }
                });
                known.last_frame = frame;
                known.id
            });
        }
        camera.forget(config.track_buffer, config.max_boxes);
    }

    /// Bounds what is kept of all cameras.
    fn tidy(&mut self, now: Instant, most_tracks: usize) {
        self.cameras
            .retain(|_, camera| now.saturating_duration_since(camera.last_seen) < SILENT);
        let mut tracks: usize = self.cameras.values().map(|camera| camera.ids.len()).sum();
        while tracks > most_tracks {
            let heaviest = self.cameras.iter().max_by_key(|(_, it)| it.ids.len());
            let Some(name) = heaviest.map(|(name, _)| name.clone()) else {
                return;
            };
            if let Some(counters) = &self.counters {
                counters.error(&name, "tracks_over_limit");
            }
            let gone = self.cameras.remove(&name);
            tracks -= gone.map_or(0, |camera| camera.ids.len());
        }
    }
}

impl Stage for Tracker {
    const KIND: &'static str = "tracker";
    const ABOUT: &'static str =
        "Tracks objects from frame to frame with ByteTrack, one tracker per camera.";
    type Settings = TrackerSettings;
    const DROPS: &'static [DropReason] = DROPS;
    type In = Detections;
    type Out = Detections;

    fn open(settings: TrackerSettings, context: &Context) -> Result<Self, StageError> {
        let stage = Self::new(settings.config(), context.counters.report().starts);
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
