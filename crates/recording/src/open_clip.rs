//! A clip that is being recorded, as the recorder sees it.

use std::sync::Arc;
use std::time::Instant;

use camweave_bitstream::presents_in_decode_order;

use crate::coded::Coded;
use crate::disk::Disk;
use crate::media_clock::MediaClock;
use crate::moments::Moment;
use crate::notes::{ClipHead, EventNote, Note, SeenNote};
use crate::plan::nanos;
use crate::queue::Job;

/// By how much frames are assumed to be reordered where nothing is known of it.
const UNKNOWN_LEAD: i64 = 400_000_000;
/// More than rounding, less than a frame.
const LEAD_MARGIN: i64 = 1_000_000;
/// What is assumed between two frames where nothing is known.
const STEP: i64 = 40_000_000;

/// What is known of a camera's frames when a clip begins.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    /// By how much frames have been reordered at most, where enough have been seen.
    pub reordered: Option<i64>,
    /// The usual step.
    pub step: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct OpenClip {
    id: u64,
    pub begin: Arc<Coded>,
    /// What is before this is in another clip already: it is here for those that depend on it.
    pub from: u64,
    /// The next unit that it takes.
    pub next: u64,
    /// It takes none from this one on.
    pub sealed: Option<u64>,
    /// It takes none that is after this on the line.
    pub until: i64,
    /// Since when nothing is missing but answers about its last frames.
    pub complete: Option<Instant>,
    last_sequence: Option<u64>,
    pub last_line: i64,
    clock: MediaClock,
    /// Frames that are presented before it refer to what is not in the clip.
    decodable_from: i64,
}

impl OpenClip {
    /// Begins a clip with the keyframe `key`; `None` where the disk has no room for it.
    pub fn begin(
        id: u64,
        camera: usize,
        head: ClipHead,
        key: &Arc<Coded>,
        pace: Pace,
        disk: &Disk,
    ) -> Option<Self> {
        let lead = match presents_in_decode_order(key.codec, &key.data) {
            Some(true) => 0,
            _ => match pace.reordered {
                Some(0) => 0,
                Some(most) => most + LEAD_MARGIN,
                None => UNKNOWN_LEAD,
            },
        };
        let clock = MediaClock::new(key.line, lead, pace.step.unwrap_or(STEP));
        let begin = Job::Begin {
            clip: id,
            head: Box::new(head),
            key: Arc::clone(key),
            step_micros: clock.step as u32,
        };
        disk.push(camera, begin).then(|| Self {
            id,
            begin: Arc::clone(key),
            from: key.index,
            next: key.index,
            sealed: None,
            until: i64::MAX,
            complete: None,
            last_sequence: None,
            last_line: key.line,
            clock,
            decodable_from: key.line,
        })
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn is(&self, id: u64) -> bool {
        self.id == id
    }

    /// Whether it can have this unit: its file is of one codec and one set of sequence parameters.
    pub fn is_of(&self, unit: &Coded) -> bool {
        self.begin.epoch == unit.epoch
    }

    pub fn session(&self) -> i64 {
        self.begin.session_unix_nanos
    }

    /// Whether a unit is for it.
    pub fn takes(&self, unit: &Coded) -> bool {
        let is_before = self.sealed.is_none_or(|sealed| unit.index < sealed);
        is_before && unit.line <= self.until && self.is_of(unit)
    }

    /// Takes the next access unit; `false` where the disk has no room for it yet.
    pub fn unit(&mut self, camera: usize, unit: &Arc<Coded>, disk: &Disk) -> bool {
        let is_after_gap = unit.is_after_gap || self.decodable_from == i64::MAX;
        if unit.keyframe && is_after_gap {
            self.decodable_from = unit.line;
        }
        if unit.line >= self.decodable_from {
            if !disk.has_room(unit.bytes()) {
                return false;
            }
            let job = Job::Unit {
                clip: self.id,
                unit: Arc::clone(unit),
                times: self.clock.next(unit.line),
            };
            disk.push(camera, job);
            self.last_sequence = Some(unit.sequence);
            self.last_line = self.last_line.max(unit.line);
        }
        self.next = unit.index + 1;
        true
    }

    /// What is before this index is not in the clip, as it is not kept any more.
    pub fn skip_to(&mut self, index: u64) {
        self.next = index;
        self.decodable_from = i64::MAX;
    }

    /// Whether the frame is one of those that it has taken.
    pub fn has(&self, session: i64, sequence: u64) -> bool {
        let range = self.last_sequence.map(|last| self.begin.sequence..=last);
        self.session() == session && range.is_some_and(|it| it.contains(&sequence))
    }

    /// Notes what was detected in one of its frames. What has no room is left out of the sidecar.
    pub fn seen(&self, camera: usize, note: &SeenNote, disk: &Disk) {
        self.note(camera, Note::Seen(note.clone()), disk);
    }

    /// Notes an event, if it was while the clip was.
    pub fn event(&self, camera: usize, moment: &Moment, disk: &Disk) {
        let end = if self.sealed.is_some() {
            self.last_line
        } else {
            i64::MAX
        };
        if moment.overlaps(self.begin.line, end) {
            let begin_at = self.clock.seconds(moment.began);
            let end_at = moment.ended.map(|it| self.clock.seconds(it));
            let note = EventNote::new(&moment.row, begin_at, end_at);
            self.note(camera, Note::Event(note), disk);
        }
    }

    fn note(&self, camera: usize, note: Note, disk: &Disk) {
        let note = Box::new(note);
        disk.push(
            camera,
            Job::Note {
                clip: self.id,
                note,
            },
        );
    }

    /// It takes nothing any more.
    pub fn end(&self, camera: usize, disk: &Disk) {
        disk.push(camera, Job::End { clip: self.id });
    }

    /// Whether it is as long as a clip may be.
    pub fn is_long(&self, unit: &Coded, longest: std::time::Duration) -> bool {
        unit.line.saturating_sub(self.begin.line) >= nanos(longest)
    }
}
