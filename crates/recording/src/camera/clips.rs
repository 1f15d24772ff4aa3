//! Which of a camera's access units are in which clip.

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

    /// Records the newest unit, if it is to be.
    pub(super) fn record(&mut self, unit: &Arc<Coded>, lent: &mut Lent<'_>) {
        let end = self.end(lent.plan);
        let takes = |clip: &OpenClip| clip.sealed.is_none();
        if let Some(end) = end
            && self.clips.last().is_some_and(takes)
        {
            return self.pump(end, Some(unit), lent);
        }
        let Some(end) = end.filter(|end| unit.line <= *end) else {
            self.unrecorded = None;
            return;
        };
        let from = self.unrecorded.unwrap_or(unit.index);
        let key = self.ring.key_from(from).cloned();
        let begins = key.is_some_and(|key| self.begin(&key, 0.0, lent));
        if begins {
            self.pump(end, Some(unit), lent);
            self.note_moments(lent);
        } else if self.unrecorded.is_some() && self.is_blocked(lent.now) {
            self.lost(loss::NOT_WRITTEN, lent);
        }
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
        if let Err(error) = Track::new(key.codec, &key.data, TIMESCALE) {
            self.unrecorded = None;
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
            self.unrecorded.get_or_insert(key.index);
            self.lost(loss::BACKLOG, lent);
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

    fn lost(&self, reason: &'static str, lent: &mut Lent<'_>) {
        lent.reports.push(Report::Lost {
            camera: Arc::clone(&self.id),
            reason,
            units: 1,
        });
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

    /// Gives the last clip what it has not had yet, up to `end` on the line. The `newest` unit may be
    /// of a group that is too large to be kept.
    pub(super) fn pump(&mut self, end: i64, newest: Option<&Arc<Coded>>, lent: &mut Lent<'_>) {
        let Some(clip) = self.clips.last_mut() else {
            return;
        };
        let sealed = clip.sealed.unwrap_or(u64::MAX);
        let takes = |unit: &&Arc<Coded>| unit.index < sealed && unit.line <= end;
        let kept = self.ring.from(clip.next);
        let kept = kept.map(|units| units.take_while(takes).cloned().collect());
        let units: Vec<Arc<Coded>> = match (kept, newest) {
            (Some(units), _) => units,
            (None, Some(unit)) if unit.index == clip.next => {
                newest.into_iter().filter(takes).cloned().collect()
            }
            // It was over for longer than is kept, and goes on as another.
            _ => return self.seal(),
        };
        for unit in &units {
            clip.complete = None;
            match clip.unit(self.number, unit, lent.disk) {
                Ok(()) => {
                    let key = (unit.session_unix_nanos, unit.sequence);
                    if let Some(note) = self.seen.of(key) {
                        clip.seen(self.number, note, lent.disk);
                    }
                }
                Err(reason) => lent.reports.push(Report::Lost {
                    camera: Arc::clone(&self.id),
                    reason,
                    units: 1,
                }),
            }
        }
    }

    /// Sees to it that what is from `wanted` on is in a clip, as far as it is still there.
    pub(super) fn reach_back(&mut self, wanted: i64, lent: &mut Lent<'_>) {
        let Some(key) = self.ring.begin_at(wanted).cloned() else {
            // The first keyframe that comes begins it.
            self.unrecorded.get_or_insert(self.units);
            return;
        };
        let missing = key.line.saturating_sub(wanted).max(0);
        let missing_seconds = missing as f64 / 1e9;
        let takes = |clip: &&OpenClip| clip.sealed.is_none();
        let open = self.clips.last().filter(takes).map(|it| it.begin.index);
        // One that was recorded before it, too, is in both.
        let is_covered = open.is_some_and(|begin| begin <= key.index);
        if is_covered {
            return;
        }
        if missing > SHORTENED {
            lent.reports.push(Report::Shortened {
                camera: Arc::clone(&self.id),
                seconds: missing_seconds,
            });
        }
        if !self.begin(&key, missing_seconds, lent) {
            return;
        }
        let Some(later) = open else {
            return self.note_moments(lent);
        };
        // What is before the clip that takes what comes is one of its own.
        let place = self.clips.len() - 1;
        self.clips[place].sealed = Some(later);
        self.pump(i64::MAX, None, lent);
        self.note_moments(lent);
        self.clips.swap(place - 1, place);
    }

    fn is_blocked(&self, now: Instant) -> bool {
        self.blocked_until.is_some_and(|until| now < until)
    }

    /// A clip cannot be written any more. For a while, none begins.
    pub fn failed(&mut self, clip: u64, lent: &Lent<'_>) {
        let pause = match self.pause {
            None => FIRST_PAUSE,
            Some(pause) if self.is_blocked(lent.now) => pause,
            Some(pause) => LONGEST_PAUSE.min(2 * pause),
        };
        self.pause = Some(pause);
        self.blocked_until = Some(lent.now + pause);
        let Some(place) = self.clips.iter().position(|it| it.is(clip)) else {
            return;
        };
        let gone = self.clips.remove(place);
        gone.end(self.number, lent.disk);
        if gone.sealed.is_none() {
            self.unrecorded = Some(gone.next);
        }
    }

    /// A clip has been written to; whether that is news.
    pub fn written(&mut self) -> bool {
        self.blocked_until = None;
        self.pause.take().is_some()
    }

    pub fn clip_session(&self, clip: u64) -> Option<i64> {
        let clip = self.clips.iter().find(|it| it.is(clip));
        clip.map(OpenClip::session)
    }
}
