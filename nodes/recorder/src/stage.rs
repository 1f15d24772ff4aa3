//! The stage: rows to the recorder, and its reports to counters and log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_message::limits::MAX_CAMERAS;
use camweave_message::{FrameId, Never, Row, Watched};
use camweave_outdir::Error;
use camweave_recording::{Recorder as Recording, Report, Store, Taken};
use camweave_stage::{Context, DropReason, Fact, Output, Stage, StageError, Trouble};
use camweave_telemetry::clock;
use tracing::{info, warn};

use crate::drops::DROPS;
use crate::facts::{BYTES, CLIPS, DISK, FACTS, FOLDER, RECORDING, WAITING};
use crate::settings::RecorderSettings;

/// What is written, as an output.
const OUTPUT: &str = "clips";
/// How often the recorder looks what its threads have done.
const TICK_EVERY: Duration = Duration::from_millis(200);
/// At the end, clips get their names in this time; dora kills a node 10 s after a stop. Those that do
/// not are salvaged by the next start.
const CLOSE_WITHIN: Duration = Duration::from_secs(7);
/// Clips that cannot be written, by camera, are errors.
const CLIP_FAILED: &str = "clip_failed";
/// So are keyframes with which none can begin.
const UNWRITABLE: &str = "unwritable";
/// Clips that begin late are counted in the node's errors.
const SHORTENED: &str = "shortened";
/// Events of frames that never came here are, too.
const UNPLACED: &str = "unplaced_event";
/// And what was detected in another stream of a camera, and is on no frame of the recorded one.
const UNMATCHED: &str = "unmatched_detections";
/// And clips that could not be removed.
const NOT_REMOVED: &str = "not_removed";
/// What is written to the counters when all is well.
const WRITTEN: &str = "written";

/// The recorder as a stage.
pub struct Recorder {
    context: Context,
    recording: Recording,
    ticked: Instant,
    trouble: Trouble,
    removal: Trouble,
    /// Cameras whose clips cannot be written.
    failing: BTreeSet<Arc<str>>,
    /// Cameras of which it has been said that what is detected is on none of their frames.
    unmatched: BTreeSet<Arc<str>>,
}

impl Stage for Recorder {
    const KIND: &'static str = "recorder";
    const ABOUT: &'static str = "Records cameras without re-encoding: clips of events with the seconds before and after, or all the time, with events and detections beside them.";
    type Settings = RecorderSettings;
    const DROPS: &'static [DropReason] = DROPS;
    const FACTS: &'static [Fact] = FACTS;
    type In = Watched;
    type Out = Never;

    fn open(settings: RecorderSettings, context: &Context) -> Result<Self, StageError> {
        let refuse = |error: Error| {
            let line = format!(
                "env RECORDINGS='{}': {error}",
                settings.recordings.display()
            );
            match error.is_configuration() {
                true => StageError::configuration(line),
                false => StageError::resource(line),
            }
        };
        let plan = settings.plan();
        let store = Store::open(&plan.folder, &format!("'{}'", context.stage)).map_err(refuse)?;
        salvage(&store);
        let folder = store.path().display().to_string();
        context.counters.fact(&FOLDER, &folder);
        context.counters.fact(&DISK, WRITTEN);
        let waker = context.waker();
        let recording = Recording::start(store, plan, move || waker.wake()).map_err(|error| {
            StageError::resource(format!("the threads that write clips: {error}"))
        })?;
        info!("clips are recorded into '{folder}'");
        Ok(Self {
            context: context.clone(),
            recording,
            ticked: Instant::now(),
            trouble: Trouble::default(),
            removal: Trouble::default(),
            failing: BTreeSet::new(),
            unmatched: BTreeSet::new(),
        })
    }

    fn rows(&mut self, rows: Vec<Watched>, _: &mut Output<Never>) -> Result<(), StageError> {
        let now = Instant::now();
        for row in rows {
            let entered = row.trace().0.last().map(|pass| pass.enter_nanos);
            match &row {
                Watched::Unit(unit) => {
                    let taken = self.recording.unit(unit, now);
                    if row.is_frame() {
                        self.count(&unit.id, taken, entered);
                    }
                }
                Watched::Detections(seen) => {
                    self.recording.detections(seen, now);
                    self.count(&seen.id, Taken::Kept, entered);
                }
                Watched::Event(event) => self.recording.event(event, now),
            }
        }
        Ok(())
    }

    fn tick(&mut self, _: &mut Output<Never>) -> Result<(), StageError> {
        let now = Instant::now();
        if now.saturating_duration_since(self.ticked) >= TICK_EVERY {
            self.ticked = now;
            self.recording.tick(now);
            self.say();
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.ticked + TICK_EVERY)
    }

    fn close(&mut self, _: &mut Output<Never>) -> Result<(), StageError> {
        if !self.recording.close(Instant::now() + CLOSE_WITHIN) {
            warn!(
                "clips are still being written after {} s: the next start finishes what is on the disk",
                CLOSE_WITHIN.as_secs()
            );
        }
        self.say();
        self.trouble.close(OUTPUT);
        self.removal.close("removal of old clips");
        Ok(())
    }
}

impl Recorder {
    fn count(&self, id: &FrameId, taken: Taken, entered: Option<i64>) {
        let counters = &self.context.counters;
        match taken {
            Taken::Kept => {
                let now = clock::monotonic_nanos();
                counters.sent(&id.camera, now - entered.unwrap_or(now));
            }
            Taken::Dropped(reason) => counters.dropped(&id.camera, reason, 1),
        }
    }

    fn say(&mut self) {
        for report in self.recording.take_reports() {
            self.report(report);
        }
        let counters = &self.context.counters;
        counters.fact(&RECORDING, &self.recording.recording().to_string());
        counters.fact(&WAITING, &self.recording.waiting_bytes().to_string());
    }

    fn note_unmatched(&mut self, camera: Arc<str>) {
        let is_known = self.unmatched.contains(&camera) || self.unmatched.len() >= MAX_CAMERAS;
        if !is_known {
            warn!(
                camera = &*camera,
                "what is detected in another stream of the camera is on none of the recorded frames: the streams have no clock in common (captured_clock), or one is more than 10 s later than the other"
            );
            self.unmatched.insert(camera);
        }
    }

    fn report(&mut self, report: Report) {
        let counters = &self.context.counters;
        match report {
            Report::Lost {
                camera,
                reason,
                units,
            } => {
                for _ in 0..units {
                    counters.error(&camera, reason);
                }
                counters.not_written(OUTPUT, units);
                let why = format!("access units are in no clip ({reason})");
                self.trouble.note(OUTPUT, &camera, Err((units, &why)));
            }
            Report::Failed { camera, error } => {
                counters.error(&camera, CLIP_FAILED);
                counters.fact(&DISK, &error);
                self.trouble.note(OUTPUT, &camera, Err((0, &error)));
                self.failing.insert(camera);
            }
            Report::Recovered { camera } => {
                self.failing.remove(&camera);
                if self.failing.is_empty() {
                    counters.fact(&DISK, WRITTEN);
                }
            }
            Report::Unwritable { camera, error } => {
                counters.error(&camera, UNWRITABLE);
                let why = format!("camera '{camera}': {error}");
                self.trouble.note(OUTPUT, &camera, Err((0, &why)));
            }
            Report::Synced { camera, .. } => self.trouble.note(OUTPUT, &camera, Ok(())),
            Report::Unsupported { camera, codec } => warn!(
                camera = &*camera,
                "sends {codec}, which is not recorded: clips are of H.264 and H.265"
            ),
            Report::Shortened { camera, seconds } => {
                counters.error(&camera, SHORTENED);
                warn!(
                    camera = &*camera,
                    "a clip begins {seconds:.1} s later than it should: what was before is not in memory (RING_SECONDS, RING_CAMERA_MIB, RING_MIB), or never came"
                );
            }
            Report::Unplaced { camera } => counters.error(&camera, UNPLACED),
            Report::Unmatched { camera, rows } => {
                for _ in 0..rows {
                    counters.error(&camera, UNMATCHED);
                }
                self.note_unmatched(camera);
            }
            Report::Finished {
                path,
                seconds,
                frames,
                salvaged,
            } => info!(
                "recorded '{}': {frames} frames, {seconds:.1} s{}",
                path.display(),
                if salvaged {
                    ", as far as it was written"
                } else {
                    ""
                }
            ),
            Report::Removed { path, why } => {
                info!("removed '{}': {why}", path.display());
                self.removal.note("removal of old clips", "", Ok(()));
            }
            Report::NotRemoved { error } => {
                counters.stage_error(NOT_REMOVED);
                let result = Err((1, &*error));
                self.removal.note("removal of old clips", "", result);
            }
            Report::ClockSet { seconds } => warn!(
                "this machine's clock was set forward by {seconds} s: for a day, no clip is removed for its age"
            ),
            Report::Kept { clips, bytes } => {
                counters.fact(&CLIPS, &clips.to_string());
                counters.fact(&BYTES, &bytes.to_string());
            }
        }
    }
}

/// Finishes what a killed process has left. What cannot be read of it stops nothing else.
fn salvage(store: &Store) {
    let all = store.salvage().unwrap_or_else(|error| vec![Err(error)]);
    for salvaged in all {
        match salvaged {
            Ok(it) => match it.path {
                Some(path) => info!(
                    "salvaged '{}': its recorder was killed; {} bytes of an incomplete fragment were cut off",
                    path.display(),
                    it.cut_bytes
                ),
                None => info!("removed a clip without a whole fragment: its recorder was killed"),
            },
            Err(error) => warn!("what a killed recorder has left stays as it is: {error}"),
        }
    }
}
