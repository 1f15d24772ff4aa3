//! One camera: its last seconds, its events, and the clips that are being recorded.

mod clips;
mod detections;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_bitstream::{NalCodec, NalKind, StartCodes};
use camweave_message::{Codec, Event, FrameId, Unit};

use crate::coded::{Coded, Place, nal_codec};
use crate::lent::Lent;
use crate::line::CameraLine;
use crate::moments::{Moment, Moments};
use crate::open_clip::{OpenClip, Pace};
use crate::plan::{Mode, Plan, nanos};
use crate::report::{Report, loss};
use crate::ring::Ring;
use crate::seen::Seen;

/// Answers about the last frames of a clip are waited for so long.
const SETTLE: Duration = Duration::from_secs(3);
/// A clip of a camera that has been silent for so long is over.
const SILENT: Duration = Duration::from_secs(10);
/// After so many frames it is known by how much they are reordered.
const KNOWN_AFTER: u32 = 50;
/// A clip that is long enough ends at a keyframe that players do not begin with only after so long.
const WAIT_FOR_SYNC: Duration = Duration::from_secs(10);
/// Multiples of it lie evenly between the whole numbers.
const GOLDEN: f64 = 0.618_033_988_75;
/// Clips that have ended and are remembered.
const MOST_ENDED: usize = 16;
/// More is no reordering.
const MOST_REORDERED: i64 = 2_000_000_000;

pub(crate) struct Camera {
    id: Arc<str>,
    /// Its number among the cameras.
    number: usize,
    line: CameraLine,
    pub ring: Ring,
    moments: Moments,
    /// The last one takes what comes; those before it wait for answers.
    clips: Vec<OpenClip>,
    seen: Seen,
    units: u64,
    last: Option<(i64, u64)>,
    last_came: Option<Instant>,
    sets: Option<(NalCodec, Vec<u8>)>,
    /// Up to the next keyframe, units refer to one that is missing.
    is_cut: bool,
    /// Of the newest unit.
    epoch: u64,
    /// A clip of it has become as long as clips may be.
    has_rotated: bool,
    /// What was to be recorded and is in no clip begins here.
    unrecorded: Option<u64>,
    /// What the ends of clips lack that could not be written: from one index up to another.
    torn: Vec<(u64, u64)>,
    /// The last clips that have ended: they may still fail.
    ended: VecDeque<Ended>,
    /// No clip can begin with this keyframe.
    unwritable: Option<u64>,
    newest: i64,
    reordered: i64,
    counted: u32,
    unsupported: Option<Codec>,
    /// Its clips have failed of late: none begins until then.
    blocked_until: Option<Instant>,
    /// For how long, after the last failure.
    pause: Option<Duration>,
}

/// A clip that has ended.
struct Ended {
    clip: u64,
    /// The indices of its units.
    units: Range<u64>,
}

/// What became of an access unit, where nothing did.
pub(crate) type Refused = &'static str;
/// It refers to one that never came.
pub(crate) const BEFORE_KEYFRAME: &str = "before_keyframe";
/// It came before.
pub(crate) const REPEATED: &str = "repeated";
/// MP4 is not written of its codec.
pub(crate) const UNSUPPORTED: &str = "unsupported_codec";

impl Camera {
    pub fn new(id: Arc<str>, number: usize) -> Self {
        Self {
            id,
            number,
            line: CameraLine::default(),
            ring: Ring::default(),
            moments: Moments::default(),
            clips: Vec::new(),
            seen: Seen::default(),
            units: 0,
            last: None,
            last_came: None,
            sets: None,
            is_cut: true,
            epoch: 0,
            has_rotated: false,
            unrecorded: None,
            torn: Vec::new(),
            ended: VecDeque::new(),
            unwritable: None,
            newest: i64::MIN,
            reordered: 0,
            counted: 0,
            unsupported: None,
            blocked_until: None,
            pause: None,
        }
    }

    /// Takes the next access unit.
    pub fn unit(&mut self, unit: &Unit, now: Instant, lent: &mut Lent<'_>) -> Result<(), Refused> {
        self.last_came = Some(now);
        if unit.data.is_empty() {
            self.seal();
            self.is_cut = true;
            return Ok(());
        }
        let Some(codec) = nal_codec(unit.codec) else {
            return Err(self.refuse(unit.codec, lent));
        };
        let is_after_gap = self.note_order(&unit.id, unit.keyframe)?;
        let line = self.line.unit(&unit.id);
        if unit.keyframe {
            self.note_sets(codec, unit.data.as_slice());
        }
        let place = Place {
            index: self.units,
            epoch: self.epoch,
            is_after_gap,
            line,
        };
        let coded = Arc::new(Coded::new(unit, codec, place));
        self.units += 1;
        self.note_pace(line);
        if coded.keyframe {
            self.note_length(&coded, lent.plan);
        }
        self.ring.push(&coded);
        let Plan {
            ring,
            ring_camera_bytes,
            ..
        } = *lent.plan;
        self.record(Some(&coded), lent);
        let oldest = self.newest.saturating_sub(nanos(ring));
        while self.ring.is_beyond(oldest, ring_camera_bytes) && self.drop_oldest(lent) {}
        self.place_waiting(lent);
        self.forget(oldest, lent.plan);
        Ok(())
    }

    fn refuse(&mut self, codec: Codec, lent: &mut Lent<'_>) -> Refused {
        self.seal();
        self.is_cut = true;
        if self.unsupported.replace(codec) != Some(codec) {
            lent.reports.push(Report::Unsupported {
                camera: Arc::clone(&self.id),
                codec: codec.as_str(),
            });
        }
        UNSUPPORTED
    }

    /// Whether units before this one are missing. One that depends on them is refused.
    fn note_order(&mut self, id: &FrameId, keyframe: bool) -> Result<bool, Refused> {
        let (session, sequence) = (id.session_unix_nanos, id.sequence);
        if let Some((of, last)) = self.last {
            if of == session && sequence <= last {
                return Err(REPEATED);
            }
            if of != session || sequence > last + 1 {
                self.is_cut = true;
            }
            if of != session {
                self.epoch += 1;
            }
        }
        self.last = Some((session, sequence));
        let was_cut = self.is_cut;
        self.is_cut &= !keyframe;
        if self.is_cut {
            return Err(BEFORE_KEYFRAME);
        }
        Ok(was_cut)
    }

    fn note_pace(&mut self, line: i64) {
        let back = self.newest.saturating_sub(line);
        if (1..MOST_REORDERED).contains(&back) {
            self.reordered = self.reordered.max(back);
        }
        self.newest = self.newest.max(line);
        self.counted = self.counted.saturating_add(1);
    }

    fn pace(&self) -> Pace {
        let is_known = self.counted >= KNOWN_AFTER || self.reordered > 0;
        Pace {
            reordered: is_known.then_some(self.reordered),
            step: self.ring.step(),
        }
    }

    /// A clip is of one codec and of one set of sequence parameters.
    fn note_sets(&mut self, codec: NalCodec, key: &[u8]) {
        let sets = (codec, sequence_sets(codec, key));
        if self.sets.as_ref().is_some_and(|known| *known != sets) {
            self.epoch += 1;
        }
        self.sets = Some(sets);
    }

    /// A clip is no longer than the longest. It goes on with a keyframe that players begin with, where
    /// one comes soon.
    fn note_length(&mut self, key: &Coded, plan: &Plan) {
        let longest = self.longest(plan);
        let is_over = |clip: &OpenClip| {
            clip.sealed.is_none()
                && clip.is_long(key, longest)
                && (key.is_sync || clip.is_long(key, longest + WAIT_FOR_SYNC))
        };
        if self.clips.last().is_some_and(is_over) {
            self.has_rotated = true;
            self.seal_at(key.index);
        }
    }

    /// Where all cameras are recorded from the same moment on, their clips do not all end at once.
    fn longest(&self, plan: &Plan) -> Duration {
        if plan.mode == Mode::Events || self.has_rotated {
            return plan.longest;
        }
        plan.longest
            .mul_f64(1.0 - (self.number as f64 * GOLDEN).fract() / 2.0)
    }

    /// Takes what is known of an event.
    pub fn event(&mut self, row: &Event, lent: &mut Lent<'_>) {
        let Some(heard) = self.line.of(&row.id) else {
            return lent.reports.push(Report::Unplaced {
                camera: Arc::clone(&self.id),
            });
        };
        let moment = Moment::new(row.clone(), heard);
        for clip in &self.clips {
            clip.event(self.number, &moment, lent.disk);
        }
        let began = moment.began;
        let is_new = self.moments.note(moment);
        if lent.plan.mode == Mode::Continuous {
            return;
        }
        if is_new {
            self.reach_back(began.saturating_sub(nanos(lent.plan.pre_roll)), lent);
        }
        self.record(None, lent);
    }

    /// Forgets what no clip needs.
    fn forget(&mut self, oldest: i64, plan: &Plan) {
        // A clip may begin with it as long as it is kept.
        let oldest = oldest.saturating_sub(nanos(plan.post_roll));
        self.moments.forget(oldest, nanos(plan.silent_event));
    }

    /// Ends the clips of which nothing more comes.
    pub fn tick(&mut self, now: Instant, lent: &mut Lent<'_>) {
        if self.silent_for(now).is_some_and(|it| it >= SILENT) {
            self.seal();
        }
        self.place_waiting(lent);
        self.record(None, lent);
        let end = self.end(lent.plan);
        let is_past = |clip: &OpenClip| {
            let is_over = clip.sealed.is_some() || end.is_none_or(|end| self.newest > end);
            is_over && self.is_fed(clip)
        };
        let past: Vec<bool> = self.clips.iter().map(is_past).collect();
        let mut past = past.into_iter();
        let (number, ended) = (self.number, &mut self.ended);
        self.clips.retain_mut(|clip| {
            if past.next() != Some(true) {
                clip.complete = None;
                return true;
            }
            let since = *clip.complete.get_or_insert(now);
            let is_over = now.saturating_duration_since(since) >= SETTLE;
            if is_over {
                clip.end(number, lent.disk);
                if ended.len() == MOST_ENDED {
                    ended.pop_front();
                }
                ended.push_back(Ended {
                    clip: clip.id(),
                    units: clip.from..clip.next,
                });
            }
            !is_over
        });
    }

    /// Whether clips wait for room on the disk.
    pub fn is_behind(&self) -> bool {
        !self.clips.iter().all(|clip| self.is_fed(clip))
    }

    /// Ends all clips: nothing comes any more.
    pub fn close(&mut self, lent: &mut Lent<'_>) {
        self.place_all(lent.disk);
        let mut missing = self.owed(lent.plan) + self.owed_to_ends();
        for clip in &self.clips {
            let next = self.ring.from(clip.next).into_iter().flatten();
            missing += next.take_while(|it| clip.takes(it)).count() as u64;
            clip.end(self.number, lent.disk);
        }
        self.clips.clear();
        self.unrecorded = None;
        if missing > 0 {
            lent.reports.push(Report::Lost {
                camera: Arc::clone(&self.id),
                reason: loss::NOT_WRITTEN,
                units: missing,
            });
        }
    }

    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// How many clips are being recorded.
    pub fn recording(&self) -> usize {
        self.clips.iter().filter(|it| it.sealed.is_none()).count()
    }

    /// Since when nothing has come.
    pub fn last_came(&self) -> Option<Instant> {
        self.last_came
    }

    /// For how long nothing has come.
    fn silent_for(&self, now: Instant) -> Option<Duration> {
        let came = self.last_came?;
        Some(now.saturating_duration_since(came))
    }

    /// Whether no clips are being recorded or wait for their end, and nothing waits for its frame.
    pub fn is_idle(&self) -> bool {
        self.clips.is_empty() && !self.seen.is_waiting()
    }
}

/// The sequence parameter sets before the slices, H.265's video parameter sets as well. Picture
/// parameter sets may change within a clip.
fn sequence_sets(codec: NalCodec, key: &[u8]) -> Vec<u8> {
    let codes = StartCodes::new(key);
    let mut sets = Vec::new();
    for code in codes.clone() {
        let kind = codec.kind(&key[code.nal_at..]);
        if kind.is_slice() {
            break;
        }
        if matches!(kind, NalKind::Sps | NalKind::Vps) {
            sets.extend_from_slice(codes.nal(code.nal_at));
        }
    }
    sets
}

#[cfg(test)]
pub(crate) mod tests {
    use camweave_message::{Areas, CapturedClock, Orientation};

    use super::*;

    /// The unit of this index, one a second.
    pub(crate) fn coded(index: u64, keyframe: bool) -> Arc<Coded> {
        Arc::new(Coded {
            index,
            epoch: 0,
            is_after_gap: false,
            line: index as i64 * 1_000_000_000,
            session_unix_nanos: 1,
            sequence: index,
            pts_nanos: 0,
            captured_unix_nanos: 0,
            captured_clock: CapturedClock::Arrival,
            codec: NalCodec::H264,
            keyframe,
            is_sync: keyframe,
            orientation: Orientation::UPRIGHT,
            areas: Areas::default(),
            data: Box::from([0_u8; 100]),
        })
    }
}
