//! Which of a camera's access units are in which clip.

use std::sync::Arc;

use camweave_bitstream::NalCodec;
use camweave_message::Codec;
use camweave_vision::Polygon;

use super::Camera;
use crate::coded::Coded;
use crate::lent::Lent;
use crate::notes::ClipHead;
use crate::open_clip::OpenClip;
use crate::plan::{Mode, Plan, nanos};
use crate::report::{Report, loss};

/// A begin that is later by more than this, in nanoseconds, is not what was asked for.
const SHORTENED: i64 = 100_000_000;

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
        } else if self.unrecorded.is_some() && lent.is_blocked {
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
                Some(end.saturating_add(nanos(plan.post_roll)))
            }
        }
    }

    /// Begins a clip with a keyframe; whether it does.
    fn begin(&mut self, key: &Arc<Coded>, missing_seconds: f64, lent: &mut Lent<'_>) -> bool {
        if lent.is_blocked {
            self.unrecorded.get_or_insert(key.index);
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
        for moment in self.moments.between(key.line, i64::MAX) {
            clip.event(self.number, moment, lent.disk);
        }
        self.unrecorded = None;
        self.clips.push(clip);
        true
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
                    if let Some(note) = self.seen.get(&key) {
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
        let begun = self.begin(&key, missing_seconds, lent);
        if let Some(later) = open.filter(|_| begun) {
            // What is before the clip that takes what comes is one of its own.
            let place = self.clips.len() - 1;
            self.clips[place].sealed = Some(later);
            self.pump(i64::MAX, None, lent);
            self.clips.swap(place - 1, place);
        }
    }

    /// A clip cannot be written any more; whether it is one of this camera's.
    pub fn failed(&mut self, clip: u64) -> bool {
        let Some(place) = self.clips.iter().position(|it| it.is(clip)) else {
            return false;
        };
        let gone = self.clips.remove(place);
        if gone.sealed.is_none() {
            self.unrecorded = Some(gone.next);
        }
        true
    }

    pub fn clip_session(&self, clip: u64) -> Option<i64> {
        let clip = self.clips.iter().find(|it| it.is(clip));
        clip.map(OpenClip::session)
    }
}
