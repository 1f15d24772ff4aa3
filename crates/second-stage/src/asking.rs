//! The stage but for the model: rows in, questions out; answers in, rows out.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_message::limits::MAX_FRAME_VALUES;
use camweave_message::{Attribute, DetectedBox, Detections, Extras};
use camweave_model::{Classifier, Meaning};
use camweave_stage::telemetry::Counters;
use camweave_stage::{Context, Output, StageError};
use tracing::warn;

use crate::classes::Classes;
use crate::crops::CropRule;
use crate::facts::{CROPS, OUTPUT};
use crate::failures::Failures;
use crate::opinion::{Opinion, Verdict};
use crate::settings::AskSettings;
use crate::tracks::{Times, Track, Tracks};
use crate::work::{Ask, Backend, Outcome, Ticket, Work};

/// Messages that wait for answers; beyond them the oldest is passed on.
const MOST_MESSAGES: usize = 1024;
/// Tracks of all cameras; beyond them the camera with the most starts over.
const MOST_TRACKS: usize = 65_536;
/// Bytes of all their vectors. A track has two: the sum of its answers, and what its rows carry.
const MOST_VECTOR_BYTES: usize = 256 << 20;
/// A camera without rows is forgotten after so long, or after `MEMORY_MS` if that is longer.
const CAMERA_MEMORY: Duration = Duration::from_secs(10);
/// How often totals are reported and bounds are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A crop whose frame had expired.
const EXPIRED: &str = "crop_expired";
/// A crop that was not asked about: too many waited, or the frame had too many.
const SKIPPED: &str = "crop_skipped";
/// A crop that could not be read, or an answer that was no numbers.
const FAILED: &str = "crop_failed";
/// An answer about a box without a track, after its row had been passed on.
const LATE: &str = "answer_late";
/// A box whose vector no message has room for.
const OVER_LIMIT: &str = "embedding_over_limit";

/// Decides which objects the model is asked about, and keeps what it has said of them.
pub struct Asking {
    name: Arc<str>,
    /// Names of the model's classes; empty of an embedding.
    labels: Vec<Arc<str>>,
    classes: Classes,
    rule: CropRule,
    times: Times,
    max_crops: usize,
    answer_wait: Duration,
    cameras: HashMap<Arc<str>, Tracks>,
    most_tracks: usize,
    camera_memory: Duration,
    messages: VecDeque<Message>,
    /// Number of the first of them.
    first: u64,
    work: Work,
    /// Whether a message has waited in vain: none waits until the model has caught up.
    is_behind: bool,
    asked: u64,
    looked: Instant,
    failures: Failures,
    counters: Counters,
}

/// A message that waits.
struct Message {
    rows: Vec<Detections>,
    /// Questions about its boxes without an answer.
    left: usize,
    until: Instant,
}

/// In which order the boxes of a frame are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// Nothing is known of its track.
    Unknown,
    /// Its track is due again.
    Due,
    /// It is wanted in each frame, and its answer serves for that one alone.
    Untracked,
}

impl Turn {
    fn of(track: &Track) -> Self {
        if track.is_unknown() {
            Self::Unknown
        } else {
            Self::Due
        }
    }
}

impl Asking {
    /// Begins to ask a model whose input is of this width and height.
    ///
    /// # Errors
    /// There is no thread.
    pub fn start(
        settings: &AskSettings,
        classifier: &Classifier,
        size: (u32, u32),
        backend: Box<dyn Backend>,
        context: &Context,
    ) -> Result<Self, StageError> {
        let (labels, output) = match &classifier.meaning {
            Meaning::Classes { names, .. } => (
                names.iter().map(|name| Arc::from(name.as_str())).collect(),
                format!("probabilities of {} classes", names.len()),
            ),
            Meaning::Embedding(values) => (Vec::new(), format!("an embedding of {values} values")),
        };
        context.counters.fact(&OUTPUT, &output);
        let work = Work::start(
            backend,
            settings.max_batch,
            settings.max_waiting,
            context.waker(),
        )?;
        Ok(Self {
            name: Arc::from(settings.name.as_str()),
            labels,
            classes: Classes::new(settings.asked_classes()),
            rule: CropRule {
                min_size: settings.min_size as f32,
                margin: settings.margin as f32,
                fit: classifier.fit,
                model: size,
            },
            times: Times::new(settings),
            max_crops: settings.max_crops,
            answer_wait: Duration::from_millis(settings.answer_wait_ms.into()),
            cameras: HashMap::new(),
            most_tracks: most_tracks(&classifier.meaning),
            camera_memory: CAMERA_MEMORY.max(Duration::from_millis(settings.memory_ms.into())),
            messages: VecDeque::new(),
            first: 0,
            work,
            is_behind: false,
            asked: 0,
            looked: Instant::now(),
            failures: Failures::default(),
            counters: context.counters.clone(),
        })
    }

    /// Takes a message, and passes on those that wait for nothing.
    ///
    /// # Errors
    /// The model's thread has ended.
    pub fn rows(
        &mut self,
        rows: Vec<Detections>,
        out: &mut Output<Detections>,
    ) -> Result<(), StageError> {
        let message = self.first + self.messages.len() as u64;
        let mut left = 0;
        for (place, row) in rows.iter().enumerate() {
            left += self.ask(message, place, row);
        }
        self.messages.push_back(Message {
            rows,
            left,
            until: Instant::now() + self.answer_wait,
        });
        self.tick(out)
    }

    /// Takes answers, and passes on what need not wait any longer.
    ///
    /// # Errors
    /// The model's thread has ended.
    pub fn tick(&mut self, out: &mut Output<Detections>) -> Result<(), StageError> {
        for (ask, outcome) in self.work.done()? {
            self.take(&ask, outcome);
        }
        if self.is_behind && self.work.is_idle() {
            self.is_behind = false;
        }
        let now = Instant::now();
        while let Some(message) = self.messages.front() {
            let is_whole = message.left == 0;
            if !is_whole && !self.is_behind && self.messages.len() <= MOST_MESSAGES {
                if now < message.until {
                    break;
                }
                self.is_behind = true;
            }
            self.pass(out);
        }
        if now.saturating_duration_since(self.looked) >= LOOK_EVERY {
            self.looked = now;
            self.look(now);
        }
        Ok(())
    }

    /// When [`Asking::tick`] must be called at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.messages.front().map(|message| message.until)
    }

    /// Passes on all that is left, after the answers that come in time.
    ///
    /// # Errors
    /// The model's thread has ended.
    pub fn close(&mut self, out: &mut Output<Detections>) -> Result<(), StageError> {
        loop {
            self.tick(out)?;
            let Some(until) = self.deadline() else {
                break;
            };
            self.work.wait(until);
        }
        self.look(Instant::now());
        Ok(())
    }

    /// Asks about the boxes of a row; gives how many answers it waits for.
    fn ask(&mut self, message: u64, place: usize, row: &Detections) -> usize {
        let nanos = row.id.captured_unix_nanos;
        let tracks = self.cameras.entry(Arc::clone(&row.id.camera)).or_default();
        tracks.begin(nanos, Instant::now(), &self.times);
        if let Some(line) = self.classes.note(&row.boxes) {
            warn!("{line}");
        }
        let mut wanted = Vec::new();
        for (index, item) in row.boxes.iter().enumerate() {
            let (is_due, turn) = match item.track_id {
                Some(id) => {
                    let track = tracks.see(id, nanos, &self.times);
                    (track.is_due(nanos), Turn::of(track))
                }
                None => (true, Turn::Untracked),
            };
            let Some(picture) = &row.picture else {
                continue;
            };
            let image = (picture.layout.width, picture.layout.height);
            if is_due
                && self.classes.are_of(item)
                && let Some((crop, weight)) = self.rule.crop(item, image)
            {
                wanted.push((turn, index, crop, weight));
            }
        }
        // Boxes come by their scores, and of equal turns they stay so.
        wanted.sort_by_key(|(turn, ..)| *turn);
        let mut count = 0;
        for (_, index, crop, weight) in wanted {
            let track = row.boxes[index].track_id;
            let ticket = Ticket {
                message,
                row: place,
                index,
                track,
                weight,
            };
            let ask = row.picture.as_ref().map(|picture| Ask {
                id: row.id.clone(),
                picture: picture.clone(),
                crop,
                ticket,
            });
            let is_room = count < self.max_crops;
            let is_taken = is_room && ask.is_some_and(|ask| self.work.push(ask).is_ok());
            if is_taken {
                count += 1;
                if let Some(track) = track.and_then(|id| tracks.get_mut(id)) {
                    track.ask();
                }
            } else if is_room || track.is_none() {
                // A track that is one too many has its turn in a later frame.
                self.counters.error(&row.id.camera, SKIPPED);
            }
        }
        self.asked += count as u64;
        count
    }

    /// Takes what came of a question.
    fn take(&mut self, ask: &Ask, outcome: Outcome) {
        let Ask { id, ticket, .. } = ask;
        let has_failed = matches!(outcome, Outcome::Failed(_));
        let answer = match outcome {
            Outcome::Answer(answer) => Some(answer),
            Outcome::Expired => {
                self.counters.error(&id.camera, EXPIRED);
                None
            }
            Outcome::Failed(why) => {
                self.counters.error(&id.camera, FAILED);
                self.failures.note(&id.camera, &why);
                None
            }
        };
        let place = ticket.message.checked_sub(self.first);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let mut message = place.and_then(|place| self.messages.get_mut(place));
        if let Some(message) = &mut message {
            message.left -= 1;
        }
        if let Some(track) = ticket.track {
            let tracks = self.cameras.get_mut(&id.camera);
            let Some(track) = tracks.and_then(|it| it.get_mut(track)) else {
                return;
            };
            match answer {
                Some(answer) => {
                    let nanos = id.captured_unix_nanos;
                    track.answer(&answer, ticket.weight, nanos, &self.times);
                }
                None if has_failed => track.fail(id.captured_unix_nanos),
                None => track.give_up(),
            }
            return;
        }
        let Some(answer) = answer else { return };
        let Some(message) = message else {
            return self.counters.error(&id.camera, LATE);
        };
        let item = message.rows[ticket.row].boxes.get_mut(ticket.index);
        let verdict = Opinion::of(&answer, 1.0, 0).verdict();
        if let (Some(item), Some(verdict)) = (item, verdict) {
            attach(&self.name, &self.labels, &verdict, &mut item.extras);
        }
    }

    /// Passes the first message on, with what is known of its tracks.
    fn pass(&mut self, out: &mut Output<Detections>) {
        let Some(Message { mut rows, .. }) = self.messages.pop_front() else {
            return;
        };
        self.first += 1;
        for row in &mut rows {
            let Some(tracks) = self.cameras.get(&row.id.camera) else {
                continue;
            };
            for item in &mut row.boxes {
                let track = item.track_id.and_then(|id| tracks.get(id));
                if let Some(verdict) = track.and_then(|it| it.verdict()) {
                    attach(&self.name, &self.labels, verdict, &mut item.extras);
                }
            }
        }
        for row in &mut rows {
            for _ in 0..leave_out(&mut row.boxes) {
                self.counters.error(&row.id.camera, OVER_LIMIT);
            }
        }
        out.send(rows);
    }

    /// Reports totals, and bounds what is kept of all cameras.
    fn look(&mut self, now: Instant) {
        self.counters.fact(&CROPS, &self.asked.to_string());
        let memory = self.camera_memory;
        self.cameras.retain(|_, it| !it.is_over(now, memory));
        let mut tracks: usize = self.cameras.values().map(Tracks::len).sum();
        while tracks > self.most_tracks {
            let heaviest = self.cameras.iter().max_by_key(|(_, it)| it.len());
            let Some(name) = heaviest.map(|(name, _)| Arc::clone(name)) else {
                return;
            };
            self.counters.error(&name, "tracks_over_limit");
            tracks -= self.cameras.remove(&name).map_or(0, |it| it.len());
        }
    }
}

/// Tracks of all cameras at most.
fn most_tracks(meaning: &Meaning) -> usize {
    match meaning {
        Meaning::Classes { .. } => MOST_TRACKS,
        Meaning::Embedding(values) => {
            let vectors = 2 * values * size_of::<f32>();
            MOST_TRACKS.min(MOST_VECTOR_BYTES / vectors.max(1))
        }
    }
}

/// Leaves out the vectors of a frame beyond those that a message carries; how many. The next node
/// would refuse the whole row.
fn leave_out(boxes: &mut [DetectedBox]) -> usize {
    let (mut room, mut left_out) = (MAX_FRAME_VALUES, 0);
    for item in boxes {
        let values = item.extras.embedding.as_ref().map_or(0, |it| it.len());
        match room.checked_sub(values) {
            Some(rest) => room = rest,
            None => {
                item.extras.embedding = None;
                left_out += 1;
            }
        }
    }
    left_out
}

/// Sets what the model thinks of an object.
fn attach(name: &Arc<str>, labels: &[Arc<str>], verdict: &Verdict, extras: &mut Extras) {
    match verdict {
        Verdict::Class {
            class_id,
            confidence,
            ..
        } => {
            if let Some(label) = labels.get(*class_id as usize) {
                extras.set_attribute(Attribute {
                    name: Arc::clone(name),
                    label: Arc::clone(label),
                    confidence: *confidence,
                });
            }
        }
        Verdict::Embedding(values) => extras.embedding = Some(Arc::clone(values)),
    }
}

#[cfg(test)]
#[path = "asking_tests.rs"]
mod tests;
