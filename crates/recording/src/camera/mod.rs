//! One camera: its last seconds, its events, and the clips that are being recorded.

mod clips;
mod detections;

use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_bitstream::{NalCodec, NalKind, StartCodes};
use camweave_message::{Codec, Event, FrameId, Unit};

use crate::coded::{Coded, nal_codec};
use crate::disk::Disk;
use crate::lent::Lent;
use crate::line::CameraLine;
use crate::moments::{Moment, Moments};
use crate::open_clip::{OpenClip, Pace};
use crate::plan::{Mode, Plan, nanos};
use crate::report::Report;
use crate::ring::Ring;
use crate::seen::Seen;

/// Answers about the last frames of a clip are waited for so long.
const SETTLE: Duration = Duration::from_secs(3);
/// A clip of a camera that has been silent for so long is over.
const SILENT: Duration = Duration::from_secs(10);
/// After so many frames it is known by how much they are reordered.
const KNOWN_AFTER: u32 = 50;
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
    /// What was to be recorded and is in no clip begins here.
    unrecorded: Option<u64>,
    newest: i64,
    reordered: i64,
    counted: u32,
    unsupported: Option<Codec>,
    /// Its clips have failed of late: none begins until then.
    blocked_until: Option<Instant>,
    /// For how long, after the last failure.
    pause: Option<Duration>,
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
            unrecorded: None,
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
        self.note_order(&unit.id, unit.keyframe)?;
        let line = self.line.unit(&unit.id);
        let coded = Arc::new(Coded::new(unit, codec, self.units, line));
        self.units += 1;
        self.note_pace(line);
        if coded.keyframe {
            self.note_key(&coded, lent.plan);
        }
        self.ring.push(&coded);
        let Plan {
            ring,
            ring_camera_bytes,
            ..
        } = lent.plan;
        let oldest = self.newest.saturating_sub(nanos(*ring));
        self.ring.trim(oldest, *ring_camera_bytes);
        self.record(&coded, lent);
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

    /// Whether the unit follows the one before it, or needs none.
    fn note_order(&mut self, id: &FrameId, keyframe: bool) -> Result<(), Refused> {
        let (session, sequence) = (id.session_unix_nanos, id.sequence);
        if let Some((of, last)) = self.last {
            if of == session && sequence <= last {
                return Err(REPEATED);
            }
            if of != session || sequence > last + 1 {
                self.is_cut = true;
                self.clips.iter_mut().for_each(OpenClip::note_gap);
            }
            if of != session {
                self.seal();
            }
        }
        self.last = Some((session, sequence));
        self.is_cut &= !keyframe;
        if self.is_cut {
            return Err(BEFORE_KEYFRAME);
        }
        Ok(())
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

    /// A clip is of one codec and of one set of sequence parameters, and no longer than the longest.
    fn note_key(&mut self, key: &Coded, plan: &Plan) {
        let sets = (key.codec, sequence_sets(key));
        let is_other = self.sets.as_ref().is_some_and(|known| *known != sets);
        let is_long = |clip: &OpenClip| clip.sealed.is_none() && clip.is_long(key, plan.longest);
        if is_other || self.clips.last().is_some_and(is_long) {
            self.seal_at(key.index);
        }
        self.sets = Some(sets);
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
        if let Some(end) = self.end(lent.plan) {
            self.pump(end, None, lent);
        }
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
        let end = self.end(lent.plan);
        let (number, newest) = (self.number, self.newest);
        self.clips.retain_mut(|clip| {
            let is_past = clip.sealed.is_some() || end.is_none_or(|end| newest > end);
            if !is_past {
                clip.complete = None;
                return true;
            }
            let since = *clip.complete.get_or_insert(now);
            let is_over = now.saturating_duration_since(since) >= SETTLE;
            if is_over {
                clip.end(number, lent.disk);
            }
            !is_over
        });
    }

    /// Ends all clips: nothing comes any more.
    pub fn close(&mut self, disk: &Disk) {
        self.place_all(disk);
        for clip in self.clips.drain(..) {
            clip.end(self.number, disk);
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
fn sequence_sets(key: &Coded) -> Vec<u8> {
    let codes = StartCodes::new(&key.data);
    let mut sets = Vec::new();
    for code in codes.clone() {
        let kind = key.codec.kind(&key.data[code.nal_at..]);
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
