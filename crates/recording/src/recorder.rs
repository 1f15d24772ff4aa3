//! All cameras together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_message::{Detections, Event, Unit};

use crate::camera::Camera;
use crate::disk::{Disk, Kept};
use crate::lent::Lent;
use crate::plan::Plan;
use crate::report::Report;
use crate::store::Store;
use crate::worker::Outcome;

/// A camera that has been silent for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// At the end, it is looked so often whether the disk has room.
const ROOM_EVERY: Duration = Duration::from_millis(10);

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is kept, or recorded.
    Kept,
    /// It is not, for this reason.
    Dropped(&'static str),
}

/// Records cameras. Never waits for a disk, except at its end.
pub struct Recorder {
    plan: Plan,
    disk: Disk,
    cameras: BTreeMap<Arc<str>, Camera>,
    numbers: usize,
    next_clip: u64,
    reports: Vec<Report>,
}

impl Recorder {
    /// Of access units that refer to one that never came.
    pub const BEFORE_KEYFRAME: &'static str = crate::camera::BEFORE_KEYFRAME;
    /// Of access units that came before.
    pub const REPEATED: &'static str = crate::camera::REPEATED;
    /// Of access units of a codec that is not recorded.
    pub const UNSUPPORTED: &'static str = crate::camera::UNSUPPORTED;

    /// Records into `store`. `wake` is called, by another thread, when there are reports to be taken.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start(
        store: Store,
        plan: Plan,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Ok(Self {
            disk: Disk::start(store, &plan, wake)?,
            plan,
            cameras: BTreeMap::new(),
            numbers: 0,
            next_clip: 0,
            reports: Vec::new(),
        })
    }

    /// Takes an access unit.
    pub fn unit(&mut self, unit: &Unit, now: Instant) -> Taken {
        let (camera, mut lent) = self.lend(&unit.id.camera, now);
        let taken = camera.unit(unit, now, &mut lent);
        self.keep_within(now);
        taken.map_or_else(Taken::Dropped, |()| Taken::Kept)
    }

    /// Takes what was detected in a frame.
    pub fn detections(&mut self, row: &Detections, now: Instant) {
        let (camera, mut lent) = self.lend(&row.id.camera, now);
        camera.detections(row, &mut lent);
    }

    /// Takes what is known of an event.
    pub fn event(&mut self, row: &Event, now: Instant) {
        let (camera, mut lent) = self.lend(&row.id.camera, now);
        camera.event(row, &mut lent);
    }

    fn lend(&mut self, id: &Arc<str>, now: Instant) -> (&mut Camera, Lent<'_>) {
        if !self.cameras.contains_key(id) {
            let camera = Camera::new(Arc::clone(id), self.numbers);
            self.numbers += 1;
            self.cameras.insert(Arc::clone(id), camera);
        }
        let lent = Lent {
            plan: &self.plan,
            disk: &self.disk,
            next_clip: &mut self.next_clip,
            reports: &mut self.reports,
            now,
        };
        let camera = self.cameras.get_mut(id);
        (camera.expect("it was inserted above"), lent)
    }

    /// Bytes of all rings: the camera that has the most loses its oldest.
    fn keep_within(&mut self, now: Instant) {
        let bytes = || self.cameras.values().map(|it| it.ring.bytes());
        let mut all: usize = bytes().sum();
        while all > self.plan.ring_bytes {
            let largest = self.cameras.iter().max_by_key(|(_, it)| it.ring.bytes());
            let Some(id) = largest.map(|(id, _)| Arc::clone(id)) else {
                return;
            };
            let (camera, mut lent) = self.lend(&id, now);
            all -= camera.ring.bytes();
            if !camera.drop_oldest(&mut lent) {
                return;
            }
            all += camera.ring.bytes();
        }
    }

    /// Ends clips that are due, and takes what the disk says. Several times a second.
    pub fn tick(&mut self, now: Instant) {
        let outcomes: Vec<Outcome> = self.disk.outcomes().collect();
        for outcome in outcomes {
            self.outcome(outcome, now);
        }
        let kept: Vec<Kept> = self.disk.kept().collect();
        for kept in kept {
            if matches!(&kept, Kept::Removed(removal) if removal.error.is_none()) {
                self.cameras.values_mut().for_each(Camera::unblock);
            }
            self.reports.push(match kept {
                Kept::Clips { count, bytes } => Report::Kept {
                    clips: count,
                    bytes,
                },
                Kept::Removed(removal) => match removal.error {
                    None => Report::Removed {
                        path: removal.path,
                        why: removal.why,
                    },
                    Some(error) => Report::NotRemoved {
                        error: error.to_string(),
                    },
                },
                Kept::Failed(error) => Report::NotRemoved {
                    error: error.to_string(),
                },
                Kept::ClockSet { seconds } => Report::ClockSet { seconds },
            });
        }
        let ids: Vec<Arc<str>> = self.cameras.keys().cloned().collect();
        for id in ids {
            let (camera, mut lent) = self.lend(&id, now);
            camera.tick(now, &mut lent);
        }
        self.cameras.retain(|_, camera| {
            let came = camera.last_came();
            let is_recent =
                came.is_some_and(|it| now.saturating_duration_since(it) < FORGOTTEN_AFTER);
            let stays = is_recent || !camera.is_idle();
            if !stays && camera.is_failing() {
                let camera = Arc::clone(camera.id());
                self.reports.push(Report::Recovered { camera });
            }
            stays
        });
    }

    fn outcome(&mut self, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Synced { clip, synced } => {
                let mut cameras = self.cameras.values_mut();
                let found = cameras.find_map(|it| Some((it.clip_session(clip)?, it)));
                let Some((session_unix_nanos, camera)) = found else {
                    return;
                };
                let is_news = camera.written();
                let camera = Arc::clone(camera.id());
                if is_news {
                    let camera = Arc::clone(&camera);
                    self.reports.push(Report::Recovered { camera });
                }
                self.reports.push(Report::Synced {
                    camera,
                    session_unix_nanos,
                    sequence: synced.sequence,
                });
            }
            Outcome::Finished {
                camera,
                finished,
                salvaged,
            } => {
                let camera = self.cameras.get_mut(&*camera);
                if let Some(camera) = camera.filter(|_| salvaged)
                    && camera.written()
                {
                    let camera = Arc::clone(camera.id());
                    self.reports.push(Report::Recovered { camera });
                }
                self.reports.push(Report::Finished {
                    path: finished.path,
                    seconds: finished.seconds,
                    frames: finished.frames,
                    salvaged,
                });
            }
            Outcome::Failed {
                clip,
                camera,
                resume,
                error,
            } => {
                if error.is_full() {
                    self.disk.note_full();
                }
                let id = Arc::from(camera);
                let (camera, mut lent) = self.lend(&id, now);
                camera.failed(clip, resume, &mut lent);
                self.reports.push(Report::Failed {
                    camera: id,
                    error: error.to_string(),
                });
            }
        }
    }

    /// What has happened since the last call.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// How many clips are being recorded.
    #[must_use]
    pub fn recording(&self) -> usize {
        self.cameras.values().map(Camera::recording).sum()
    }

    /// Bytes that wait for the disk.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.disk.waiting()
    }

    /// Ends all clips, and waits until they have their names, to `until` at most. Whether they have.
    pub fn close(&mut self, until: Instant) -> bool {
        let begin = Instant::now();
        // What the disk has had no room for yet gets some of the time.
        let room_until = begin + until.saturating_duration_since(begin) / 2;
        while self.cameras.values().any(Camera::is_behind) && Instant::now() < room_until {
            std::thread::sleep(ROOM_EVERY);
            self.tick(Instant::now());
        }
        let ids: Vec<Arc<str>> = self.cameras.keys().cloned().collect();
        for id in ids {
            let (camera, mut lent) = self.lend(&id, begin);
            camera.close(&mut lent);
        }
        let closed = self.disk.close(until);
        self.tick(Instant::now());
        closed
    }
}
