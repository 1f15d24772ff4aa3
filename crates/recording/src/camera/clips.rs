//! Which of a camera's access units are in which clip.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_bitstream::NalCodec;
use camweave_fmp4::Track;
use camweave_message::Codec;
use camweave_vision::Polygon;

use super::Camera;
use crate::coded::Coded;
use crate::lent::Lent;
use crate::media_clock::TIMESCALE;
use crate::notes::ClipHead;
use crate::open_clip::OpenClip;
use crate::plan::{Mode, Plan, nanos};
use crate::report::{Report, loss};

/// A begin that is later by more than this, in nanoseconds, is not what was asked for.
const SHORTENED: i64 = 100_000_000;
/// After a failure no clip of the camera begins for so long, and for longer with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Camera {
    /// The clip that takes what comes takes nothing from here on.
    pub(super) fn seal(&mut self) {
        self.seal_at(self.units);
    }

    pub(super) fn seal_at(&mut self, index: u64) {
        if let Some(clip) = self.clips.last_mut()
            && clip.sealed.is_none()
        {
            clip.sealed = Some(index);
            self.unrecorded = Some(index);
        }
    }

    /// Records what is to be recorded and is in no clip yet. The `newest` unit may be of a group that is
    /// too large to be kept.
    pub(super) fn record(&mut self, newest: Option<&Arc<Coded>>, lent: &mut Lent<'_>) {
        while self.mend(lent) {}
        let end = self.end(lent.plan);
        loop {
            for place in 0..self.clips.len() {
                self.feed(place, end, newest, lent);
            }
            if let Some(clip) = self.clips.last()
                && clip.sealed.is_none()
            {
                let next = self.ring.from(clip.next).and_then(|mut it| it.next());
                if next.is_none_or(|next| clip.is_of(next)) {
                    return;
                }
                // What comes is of another session, or has other parameters.
                let boundary = clip.next;
                self.seal_at(boundary);
            }
            let Some(end) = end else {
                self.unrecorded = None;
                return;
            };
            let Some(from) = self.unrecorded.or(newest.map(|it| it.index)) else {
                return;
            };
            if from >= self.units {
                return;
            }
            let Some(key) = self.ring.key_for(from).cloned() else {
                return;
            };
            if key.line > end {
                self.unrecorded = None;
                return;
            }
            if !self.begin(&key, 0.0, lent) {
                // What is before it is recorded.
                self.unrecorded = self.unrecorded.map(|it| it.max(from));
                return;
            }
            if let Some(clip) = self.clips.last_mut() {
                clip.from = from.max(key.index);
            }
            self.note_moments(lent);
        }
    }

    /// Records what the end of a clip lacks once more, as a clip of its own; whether there was some.
    fn mend(&mut self, lent: &mut Lent<'_>) -> bool {
        let Some((from, up_to)) = self.torn.first().copied() else {
            return false;
        };
        let key = self.ring.key_for(from).cloned();
        let Some(key) = key.filter(|it| it.index < up_to) else {
            self.torn.remove(0);
            self.lost(loss::NOT_WRITTEN, up_to - from, lent);
            return true;
        };
        let unrecorded = self.unrecorded;
        if !self.begin(&key, 0.0, lent) {
            self.unrecorded = unrecorded;
            return false;
        }
        self.unrecorded = unrecorded;
        self.torn.remove(0);
        self.lost(loss::NOT_WRITTEN, key.index.saturating_sub(from), lent);
        let place = self.clips.len() - 1;
        self.clips[place].sealed = Some(up_to);
        self.clips[place].from = from.max(key.index);
        self.feed(place, None, None, lent);
        self.note_moments(lent);
        // The last one is the one that takes what comes.
        if place > 0 {
            self.clips.swap(place - 1, place);
        }
        true
    }

    /// Up to when is recorded; `None`: nothing is.
    pub(super) fn end(&self, plan: &Plan) -> Option<i64> {
        match plan.mode {
            Mode::Continuous => Some(i64::MAX),
            Mode::Events => {
                let newest = self.line.newest()?;
                let end = self.moments.end(newest, nanos(plan.silent_event))?;
                // Frames that are presented before it come after others that are presented after it.
                let reordered = self.reordered;
                Some(
                    end.saturating_add(nanos(plan.post_roll))
                        .saturating_add(reordered),
                )
            }
        }
    }

    /// Begins a clip with a keyframe; whether it does.
    fn begin(&mut self, key: &Arc<Coded>, missing_seconds: f64, lent: &mut Lent<'_>) -> bool {
        if self.is_blocked(lent.now) {
            self.unrecorded.get_or_insert(key.index);
            return false;
        }
        if self.unwritable == Some(key.index) {
            return false;
        }
        if let Err(error) = Track::new(key.codec, &key.data, TIMESCALE) {
            self.unrecorded = None;
            self.unwritable = Some(key.index);
            lent.reports.push(Report::Unwritable {
                camera: Arc::clone(&self.id),
                error: error.to_string(),
            });
            return false;
        }
        let id = *lent.next_clip;
        *lent.next_clip += 1;
        let head = self.head(key, missing_seconds);
        let begun = OpenClip::begin(id, self.number, head, key, self.pace(), lent.disk);
        let Some(clip) = begun else {
            // It is tried again as long as the keyframe is kept.
            self.unrecorded.get_or_insert(key.index);
            return false;
        };
        self.unrecorded = None;
        self.clips.push(clip);
        true
    }

    /// Notes in the last clip, which has just begun, what is known of its events.
    fn note_moments(&self, lent: &Lent<'_>) {
        if let Some(clip) = self.clips.last() {
            for moment in self.moments.between(clip.begin.line, i64::MAX) {
                clip.event(self.number, moment, lent.disk);
            }
        }
    }

    fn lost(&self, reason: &'static str, units: u64, lent: &mut Lent<'_>) {
        if units > 0 {
            lent.reports.push(Report::Lost {
                camera: Arc::clone(&self.id),
                reason,
                units,
            });
        }
    }

    fn head(&self, key: &Coded, missing_seconds: f64) -> ClipHead {
        let ignored = key.areas.ignored.polygons().iter();
        ClipHead {
            camera: self.id.to_string(),
            session_unix_nanos: key.session_unix_nanos,
            begin_unix_nanos: key.captured_unix_nanos,
            codec: match key.codec {
                NalCodec::H264 => Codec::H264,
                NalCodec::H265 => Codec::H265,
            }
            .as_str()
            .to_owned(),
            rotation: key.orientation.degrees(),
            mirrored: key.orientation.mirrored(),
            region: key
                .areas
                .region
                .map_or_else(Vec::new, |it| it.edges().to_vec()),
            ignore: ignored.map(Polygon::values).map(<[f32]>::to_vec).collect(),
            missing_seconds,
            ..ClipHead::default()
        }
    }

    /// Gives a clip what it has not had yet, up to `end` on the line, as far as the disk has room: what is
    /// in memory waits there.
    fn feed(
        &mut self,
        place: usize,
        end: Option<i64>,
        newest: Option<&Arc<Coded>>,
        lent: &mut Lent<'_>,
    ) {
        let clip = &mut self.clips[place];
        match (clip.sealed, end) {
            (None, Some(end)) => clip.until = end,
            (None, None) => return,
            (Some(_), _) => {}
        }
        let kept = self.ring.from(clip.next);
        let kept = kept.map(|units| units.take_while(|it| clip.takes(it)).cloned().collect());
        let units: Vec<Arc<Coded>> = match (kept, newest) {
            (Some(units), _) => units,
            (None, Some(unit)) if unit.index == clip.next => newest
                .into_iter()
                .filter(|it| clip.takes(it))
                .cloned()
                .collect(),
            _ => return self.skip(place, lent),
        };
        for unit in &units {
            if !clip.unit(self.number, unit, lent.disk) {
                return;
            }
            clip.complete = None;
            let key = (unit.session_unix_nanos, unit.sequence);
            if let Some(note) = self.seen.of(key) {
                clip.seen(self.number, note, lent.disk);
            }
        }
    }

    /// What a clip was to have next is not kept any more, as the disk is too slow: it goes on with the
    /// newest keyframe, so that it is not behind again at once.
    fn skip(&mut self, place: usize, lent: &mut Lent<'_>) {
        let clip = &mut self.clips[place];
        let sealed = clip.sealed.unwrap_or(u64::MAX);
        if clip.next >= sealed || self.newest > clip.until {
            return;
        }
        let key = self.ring.newest_key();
        let next = key.map_or(self.units, |it| it.index).min(sealed);
        let lost = next.saturating_sub(clip.next);
        clip.skip_to(next);
        self.lost(loss::BACKLOG, lost, lent);
    }

    /// Whether a clip has had all that is for it.
    pub(super) fn is_fed(&self, clip: &OpenClip) -> bool {
        let next = self.ring.from(clip.next).and_then(|mut it| it.next());
        next.is_none_or(|next| !clip.takes(next))
    }

    /// Drops the oldest that is kept; whether there was anything.
    pub fn drop_oldest(&mut self, lent: &mut Lent<'_>) -> bool {
        let Some(units) = self.ring.drop_oldest() else {
            return false;
        };
        let end = self.end(lent.plan);
        if let (Some(from), Some(end), Some(last)) = (self.unrecorded, end, units.last()) {
            let was_to_be = |it: &&Arc<Coded>| it.index >= from && it.line <= end;
            let lost = units.iter().filter(was_to_be).count();
            self.unrecorded = Some(from.max(last.index + 1));
            let reason = if self.is_blocked(lent.now) {
                loss::NOT_WRITTEN
            } else {
                loss::BACKLOG
            };
            self.lost(reason, lost as u64, lent);
        }
        true
    }

    /// Sees to it that what is from `wanted` on is in a clip, as far as it is still there.
    pub(super) fn reach_back(&mut self, wanted: i64, lent: &mut Lent<'_>) {
        let Some(mut key) = self.ring.begin_at(wanted).cloned() else {
            // The first keyframe that comes begins it.
            self.unrecorded.get_or_insert(self.units);
            return;
        };
        let missing = key.line.saturating_sub(wanted).max(0);
        let mut missing_seconds = missing as f64 / 1e9;
        let takes = |clip: &&OpenClip| clip.sealed.is_none();
        let open = self.clips.last().filter(takes).map(|it| it.begin.index);
        // What is in a clip already needs no other. The first clip of an event may be one that has ended.
        let covered = self.covered(key.index);
        if covered >= self.units || open.is_some_and(|begin| begin <= covered) {
            if open.is_none() {
                self.unrecorded.get_or_insert(covered);
            }
            return;
        }
        if covered > key.index
            && let Some(next) = self.ring.key_for(covered)
        {
            key = Arc::clone(next);
        }
        if missing > SHORTENED {
            lent.reports.push(Report::Shortened {
                camera: Arc::clone(&self.id),
                seconds: missing_seconds,
            });
        }
        while self.begin(&key, missing_seconds, lent) {
            let Some(later) = open else {
                return self.note_moments(lent);
            };
            // What is before the clip that takes what comes is one of its own.
            let place = self.clips.len() - 1;
            self.clips[place].sealed = Some(later);
            self.feed(place, None, None, lent);
            self.note_moments(lent);
            let clip = &mut self.clips[place];
            let next = self.ring.from(clip.next).and_then(|mut it| it.next());
            let boundary = next.filter(|it| it.index < later && !clip.is_of(it));
            let boundary = boundary.cloned();
            if let Some(next) = &boundary {
                clip.sealed = Some(next.index);
            }
            self.clips.swap(place - 1, place);
            let Some(next) = boundary else { return };
            (key, missing_seconds) = (next, 0.0);
        }
    }

    /// The first unit from `index` on that is in no clip.
    fn covered(&self, mut index: u64) -> u64 {
        let ended = self.ended.iter().map(|it| it.units.clone());
        let all = self.clips.iter().map(|it| {
            let end = if it.sealed.is_some() {
                it.next
            } else {
                self.units
            };
            it.begin.index..end
        });
        let mut all: Vec<Range<u64>> = ended.chain(all).collect();
        all.sort_by_key(|it| it.start);
        for units in all {
            if units.contains(&index) {
                index = units.end;
            }
        }
        index
    }

    fn is_blocked(&self, now: Instant) -> bool {
        self.blocked_until.is_some_and(|until| now < until)
    }

    /// A clip cannot be written any more: what is in it ends before the unit of index `resume`. For a
    /// while, none begins; then what is not in it and is still kept is in another.
    pub fn failed(&mut self, clip: u64, resume: u64, lent: &mut Lent<'_>) {
        let pause = match self.pause {
            None => FIRST_PAUSE,
            Some(pause) if self.is_blocked(lent.now) => pause,
            Some(pause) => LONGEST_PAUSE.min(2 * pause),
        };
        self.pause = Some(pause);
        self.blocked_until = Some(lent.now + pause);
        let torn = match self.clips.iter().position(|it| it.is(clip)) {
            Some(place) => {
                let gone = self.clips.remove(place);
                gone.end(self.number, lent.disk);
                let resume = resume.max(gone.from);
                if gone.sealed.is_none() {
                    self.unrecorded = Some(resume);
                    return;
                }
                gone.sealed.map(|it| (resume, it))
            }
            None => {
                let place = self.ended.iter().position(|it| it.clip == clip);
                let gone = place.and_then(|it| self.ended.remove(it));
                gone.map(|it| (resume.max(it.units.start), it.units.end))
            }
        };
        self.torn.extend(torn.filter(|(from, up_to)| from < up_to));
    }

    /// There is room on the disk again: clips may begin at once.
    pub fn unblock(&mut self) {
        self.blocked_until = None;
    }

    /// Whether clips of it could not be written lately.
    pub fn is_failing(&self) -> bool {
        self.pause.is_some()
    }

    /// A clip has been written to; whether that is news.
    pub fn written(&mut self) -> bool {
        self.blocked_until = None;
        self.pause.take().is_some()
    }

    /// How many units are to be recorded and are in no clip.
    pub(super) fn owed(&self, plan: &Plan) -> u64 {
        let Some((from, end)) = self.unrecorded.zip(self.end(plan)) else {
            return 0;
        };
        let kept = self.ring.from(from).into_iter().flatten();
        kept.filter(|it| it.line <= end).count() as u64
    }

    /// The same of the ends of clips.
    pub(super) fn owed_to_ends(&self) -> u64 {
        self.torn.iter().map(|(from, up_to)| up_to - from).sum()
    }

    pub fn clip_session(&self, clip: u64) -> Option<i64> {
        let clip = self.clips.iter().find(|it| it.is(clip));
        clip.map(OpenClip::session)
    }
}
