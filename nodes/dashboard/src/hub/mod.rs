//! The hub: what comes from the graph, brought together and given to those who watch.

mod camera;
mod delay;
mod fragments;
mod group;
mod meter;
mod moments;
mod pairing;
mod seat;
mod spacing;
mod timeline;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use camweave_message::{Detections, Event, Row, Unit, Watched};
use camweave_stage::Context;
use camweave_stage::telemetry::clock;

use crate::drops::{BEFORE_KEYFRAME, REPEATED};
use crate::events::Events;
use crate::facts::{LATE, SKIPPED};
use crate::images::{Images, Made, is_due};
use crate::viewers::{Viewers, Way};

use camera::Camera;
pub(crate) use camera::Measured;
use pairing::{Outcome, Pair};
use seat::Seat;

/// Bytes of all cameras' groups of pictures.
const MOST_CACHED: usize = 256 << 20;
/// Cameras that have a number at once.
const MOST_CAMERAS: usize = 4096;
/// A camera that was silent for so long, and is watched by nobody, is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// How often the measurements are given out.
const MEASURE_EVERY: Duration = Duration::from_millis(250);
/// How often it is looked whether cameras can be given as they are wanted.
const SETTLE_EVERY: Duration = Duration::from_secs(1);

/// What the hub measures of each camera, for the page's state.
pub(crate) type Shared = Arc<Mutex<BTreeMap<Arc<str>, Measured>>>;

pub(crate) struct Hub {
    context: Context,
    viewers: Arc<Viewers>,
    cameras: HashMap<Arc<str>, Camera>,
    seats: Vec<Seat>,
    /// Cameras of which any page asks for images.
    as_images: HashSet<Arc<str>>,
    images: Images,
    events: Arc<Events>,
    /// How long an access unit waits for its detections.
    wait_at_most: Duration,
    measured: Shared,
    cached: usize,
    skipped: u64,
    measured_at: Instant,
    settled_at: Instant,
    settle_soon: bool,
    next: Option<Instant>,
}

impl Hub {
    pub fn new(
        context: &Context,
        viewers: Arc<Viewers>,
        measured: Shared,
        images: Images,
        events: Arc<Events>,
        wait_at_most: Duration,
    ) -> Self {
        let now = Instant::now();
        Self {
            context: context.clone(),
            viewers,
            cameras: HashMap::new(),
            seats: Vec::new(),
            as_images: HashSet::new(),
            images,
            events,
            wait_at_most,
            measured,
            cached: 0,
            skipped: 0,
            measured_at: now,
            settled_at: now,
            settle_soon: false,
            next: None,
        }
    }

    /// Takes a row.
    pub fn take(&mut self, row: Watched, now: Instant) {
        match row {
            Watched::Unit(unit) => self.unit(unit, now),
            Watched::Detections(row) => self.detections(row, now),
            Watched::Event(event) => self.event(&event),
        }
    }

    fn unit(&mut self, unit: Unit, now: Instant) {
        let id = Arc::clone(&unit.id.camera);
        let is_frame = unit.is_frame();
        self.know(&id);
        let Some(camera) = self.cameras.get_mut(&id) else {
            return self.dropped(&id, BEFORE_KEYFRAME, is_frame);
        };
        camera.note_unit(&unit, now);
        if !camera.begins(&unit) {
            return self.dropped(&id, BEFORE_KEYFRAME, is_frame);
        }
        let mut pairs = Vec::new();
        let is_new = camera.pairing.unit(unit, now, &mut pairs);
        self.give(&id, &pairs, now);
        if !is_new {
            self.dropped(&id, REPEATED, is_frame);
        }
    }

    fn detections(&mut self, row: Detections, now: Instant) {
        let id = Arc::clone(&row.id.camera);
        let entered = entered(&row);
        self.know(&id);
        let Some(camera) = self.cameras.get_mut(&id) else {
            return self.dropped(&id, REPEATED, true);
        };
        if self.as_images.contains(&id)
            && is_due(camera.imaged, now)
            && let Some(codec) = camera.codec
            && self.images.order(camera.index, codec, &row)
        {
            camera.imaged = Some(now);
        }
        if let Some(picture) = &row.picture {
            for thumbnail in camera.moments.picture(&row.id, picture) {
                self.images.order_thumbnail(thumbnail);
            }
        }
        let (outcome, late) = camera.detections(row, now);
        if let Some(late) = late {
            let late = late.to_string();
            self.context.counters.camera_fact(&id, &LATE, &late);
        }
        match outcome {
            Outcome::Repeated => self.dropped(&id, REPEATED, true),
            _ => self.context.counters.sent(&id, since(entered)),
        }
    }

    fn event(&mut self, row: &Event) {
        if !self.events.take(row) {
            return;
        }
        self.know(&row.id.camera);
        let camera = self.cameras.get_mut(&row.id.camera);
        if let Some(thumbnail) = camera.and_then(|it| it.moments.event(row)) {
            self.images.order_thumbnail(thumbnail);
        }
    }

    /// Makes the camera of this id known, unless there are too many.
    fn know(&mut self, id: &Arc<str>) {
        if self.cameras.contains_key(id) {
            return;
        }
        let is_free = |index: &u16| self.cameras.values().all(|it| it.index != *index);
        let index = (0..=u16::MAX).find(is_free);
        if let Some(index) = index.filter(|_| self.cameras.len() < MOST_CAMERAS) {
            let camera = Camera::new(index, self.wait_at_most);
            self.cameras.insert(Arc::clone(id), camera);
            // Pages may be waiting for it.
            self.settle_soon = true;
        }
    }

    fn dropped(&self, camera: &str, reason: &str, is_frame: bool) {
        let count = u64::from(is_frame);
        self.context.counters.dropped(camera, reason, count);
    }

    /// Lets those units go that need not wait any more.
    pub fn release(&mut self, now: Instant) {
        let mut all = Vec::new();
        for (id, camera) in &mut self.cameras {
            let mut pairs = Vec::new();
            camera.pairing.release(now, &mut pairs);
            if !pairs.is_empty() {
                all.push((Arc::clone(id), pairs));
            }
        }
        for (id, pairs) in all {
            self.give(&id, &pairs, now);
        }
        let cameras = self.cameras.values();
        self.next = cameras.filter_map(|it| it.pairing.deadline(now)).min();
    }

    /// Gives all units, since nothing comes any more.
    pub fn flush(&mut self, now: Instant) {
        let ids: Vec<Arc<str>> = self.cameras.keys().cloned().collect();
        for id in ids {
            let mut pairs = Vec::new();
            if let Some(camera) = self.cameras.get_mut(&id) {
                camera.pairing.flush(&mut pairs);
            }
            self.give(&id, &pairs, now);
        }
    }

    fn give(&mut self, id: &Arc<str>, pairs: &[Pair], now: Instant) {
        let Some(camera) = self.cameras.get_mut(id) else {
            return;
        };
        let mut skipped = 0;
        for pair in pairs {
            let before = camera.kept_bytes();
            let sent = camera.sent(pair, now);
            let fragment = camera.fragment(&sent, now);
            self.cached = self.cached - before + camera.kept_bytes();
            if self.cached > MOST_CACHED {
                self.cached -= camera.kept_bytes();
                camera.clear_kept();
            }
            for seat in &self.seats {
                let given = match seat.way(sent.index) {
                    Some(Way::Video) => Some(&sent),
                    Some(Way::Mse) => fragment.as_ref(),
                    _ => None,
                };
                skipped += given.map_or(0, |it| seat.viewer.queue.unit(it, now));
            }
            if pair.unit.is_frame() {
                let entered = entered(&pair.unit);
                self.context.counters.sent(id, since(entered));
            }
        }
        if skipped > 0 {
            self.skipped += skipped;
            let skipped = self.skipped.to_string();
            self.context.counters.fact(&SKIPPED, &skipped);
        }
    }

    /// What is due now.
    pub fn tick(&mut self, now: Instant) {
        if let Some(open) = self.viewers.take_changed() {
            self.seats.retain(|seat| !seat.viewer.is_gone());
            for viewer in open {
                let number = viewer.number;
                let index = self.seats.iter().position(|it| it.viewer.number == number);
                let index = index.unwrap_or_else(|| {
                    self.seats.push(Seat::new(Arc::clone(&viewer)));
                    self.seats.len() - 1
                });
                if let Some(wanted) = viewer.take_wanted() {
                    let seat = &mut self.seats[index];
                    seat.want(wanted);
                    seat.settle(&mut self.cameras, now);
                }
            }
            let wanted = self.seats.iter().flat_map(|seat| seat.wants(Way::Jpeg));
            self.as_images = wanted.cloned().collect();
            self.end_fragments();
        }
        let is_due = now.saturating_duration_since(self.settled_at) >= SETTLE_EVERY;
        if std::mem::take(&mut self.settle_soon) || is_due {
            self.settled_at = now;
            for seat in &mut self.seats {
                seat.settle(&mut self.cameras, now);
            }
            self.forget(now);
            self.end_fragments();
        }
        if now.saturating_duration_since(self.measured_at) >= MEASURE_EVERY {
            self.measured_at = now;
            let cameras = self.cameras.iter_mut();
            let measured = cameras.map(|(id, camera)| (Arc::clone(id), camera.measured(now)));
            let measured = measured.collect();
            *self.measured.lock().unwrap_or_else(PoisonError::into_inner) = measured;
            self.events.tell();
        }
        while let Some(made) = self.images.take() {
            let image = match made {
                Made::Image(image) => image,
                Made::Thumbnail { event, jpeg } => {
                    self.events.set_image(&event, jpeg);
                    continue;
                }
            };
            let seats = self.seats.iter();
            for seat in seats.filter(|seat| seat.way(image.index) == Some(Way::Jpeg)) {
                seat.viewer.queue.image(image.index, image.message.clone());
            }
        }
        self.release(now);
    }

    fn forget(&mut self, now: Instant) {
        let seats = &self.seats;
        self.cameras.retain(|_, camera| {
            let is_silent = camera.silent(now).is_none_or(|it| it >= FORGOTTEN_AFTER);
            let is_watched = seats.iter().any(|seat| seat.way(camera.index).is_some());
            !is_silent || is_watched
        });
    }

    /// Ends the fragments of cameras of which no viewer asks for any, and counts again what is kept.
    fn end_fragments(&mut self) {
        let wanted = self.seats.iter().flat_map(|seat| seat.wants(Way::Mse));
        let wanted: HashSet<&Arc<str>> = wanted.collect();
        for (id, camera) in &mut self.cameras {
            if !wanted.contains(id) {
                camera.end_fragments();
            }
        }
        self.cached = self.cameras.values().map(Camera::kept_bytes).sum();
    }

    /// When the hub has to be called at the latest.
    pub fn deadline(&self) -> Instant {
        let measure = self.measured_at + MEASURE_EVERY;
        self.next.map_or(measure, |next| next.min(measure))
    }
}

/// When the row came, in monotonic nanoseconds.
fn entered(row: &impl Row) -> i64 {
    let pass = row.trace().0.last();
    pass.map_or_else(clock::monotonic_nanos, |pass| pass.enter_nanos)
}

fn since(entered: i64) -> i64 {
    clock::monotonic_nanos().saturating_sub(entered)
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
