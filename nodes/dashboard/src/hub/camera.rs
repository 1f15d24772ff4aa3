//! What the hub knows of one camera.

use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_message::{Codec, Detections, FrameId, Unit};
use camweave_stage::telemetry::clock;

use super::fragments::Fragments;
use super::group::Group;
use super::meter::Meter;
use super::moments::Moments;
use super::pairing::{Outcome, Pair, Pairing};
use crate::viewers::Sent;
use crate::wire::{self, Header, KEYFRAME, Kind, LOST, NO_BOXES_KNOWN};

/// A camera whose frames had no reference for so long has no images.
const NO_IMAGES_AFTER: Duration = Duration::from_secs(10);
/// No camera takes longer from capture to the first stage: its clock is wrong.
const MOST_BEFORE_FIRST: i64 = 10_000_000_000;

/// What is known of a camera at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Measured {
    pub codec: Option<&'static str>,
    pub size: Option<(u32, u32)>,
    pub fps: f64,
    pub detected_fps: f64,
    /// Median and 95th percentile, from capture to this node, with detections.
    pub latency_ms: Option<(f32, f32)>,
    /// Access units that came since the start.
    pub units: u64,
    pub silent: Duration,
    /// Whether detections take longer than a unit may wait for them.
    pub is_too_late: bool,
}

pub(crate) struct Camera {
    pub index: u16,
    pub pairing: Pairing,
    pub group: Group,
    /// While a viewer asks for them.
    fragments: Option<Fragments>,
    pub codec: Option<Codec>,
    size: Option<(u32, u32)>,
    units: u64,
    late: u64,
    last_unit: Option<Instant>,
    /// When a frame's reference came last, of which an image can be made.
    picture: Option<Instant>,
    /// When the last image was asked for.
    pub imaged: Option<Instant>,
    pub moments: Moments,
    session: Option<i64>,
    is_begun: bool,
    /// Session and sequence of the unit that was sent last.
    last_sent: Option<(i64, u64)>,
    frames: Meter,
    latency: Meter,
}

impl Camera {
    pub fn new(index: u16, wait_at_most: Duration) -> Self {
        Self {
            index,
            pairing: Pairing::new(wait_at_most),
            group: Group::default(),
            fragments: None,
            codec: None,
            size: None,
            units: 0,
            late: 0,
            last_unit: None,
            picture: None,
            imaged: None,
            moments: Moments::default(),
            session: None,
            is_begun: false,
            last_sent: None,
            frames: Meter::default(),
            latency: Meter::default(),
        }
    }

    /// Whether the unit can be decoded by one who has those that came before: a session begins with
    /// a keyframe.
    pub fn begins(&mut self, unit: &Unit) -> bool {
        if self.session != Some(unit.id.session_unix_nanos) {
            self.session = Some(unit.id.session_unix_nanos);
            self.is_begun = false;
        }
        self.is_begun |= unit.keyframe || unit.data.is_empty();
        self.is_begun
    }

    /// Notes a unit that came.
    pub fn note_unit(&mut self, unit: &Unit, now: Instant) {
        self.last_unit = Some(now);
        self.codec = Some(unit.codec);
        if !unit.data.is_empty() {
            self.units += 1;
            self.frames.note(0.0, now);
        }
    }

    /// Notes detections that came, and takes them; the second is how many were late, where that has
    /// changed.
    pub fn detections(&mut self, row: Detections, now: Instant) -> (Outcome, Option<u64>) {
        self.size = Some(row.image_size);
        if row.picture.is_some() {
            self.picture = Some(now);
        }
        let by_clock = clock::unix_nanos().saturating_sub(row.id.captured_unix_nanos);
        let first = row.trace.0.first();
        let inside = first.map(|it| {
            clock::monotonic_nanos()
                .saturating_sub(it.enter_nanos)
                .max(0)
        });
        let latency = latency(by_clock, inside);
        self.latency.note((latency as f64 / 1e6) as f32, now);
        let outcome = self.pairing.detections(row, now);
        self.late += u64::from(outcome == Outcome::Late);
        (outcome, (outcome == Outcome::Late).then_some(self.late))
    }

    pub fn has_images(&self, now: Instant) -> bool {
        let since = self.picture.map(|it| now.saturating_duration_since(it));
        since.is_some_and(|it| it < NO_IMAGES_AFTER)
    }

    /// How long no unit has come.
    pub fn silent(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.last_unit?))
    }

    /// The message of a unit and its detections, kept for those that join.
    pub fn sent(&mut self, pair: &Pair, now: Instant) -> Arc<Sent> {
        let Pair { unit, detections } = pair;
        let json = detections.as_ref().map(wire::json).unwrap_or_default();
        let mut flags = 0;
        if unit.keyframe {
            flags |= KEYFRAME;
        }
        if json.is_empty() && !unit.data.is_empty() {
            flags |= NO_BOXES_KNOWN;
        }
        // A keyframe needs none of those before, and an end shows nothing.
        let has_gap = self.is_after_gap(&unit.id) && !unit.keyframe && !unit.data.is_empty();
        if unit.lost_packets > 0 || has_gap {
            flags |= LOST;
        }
        let header = Header {
            kind: Kind::Unit,
            flags,
            codec: unit.codec,
            orientation: unit.orientation,
            index: self.index,
            id: &unit.id,
        };
        let sent = Arc::new(Sent {
            index: self.index,
            is_keyframe: unit.keyframe && !unit.data.is_empty(),
            is_end: unit.data.is_empty(),
            codec: unit.codec,
            session_unix_nanos: unit.id.session_unix_nanos,
            pts_nanos: unit.id.pts_nanos,
            message: wire::message(header, &json, unit.data.as_slice()),
            data_at: wire::data_at(&json),
        });
        self.group.push(&sent, now);
        sent
    }

    /// The same as a fragment of MP4, where a viewer asks for these.
    pub fn fragment(&mut self, sent: &Sent, now: Instant) -> Option<Arc<Sent>> {
        self.fragments.as_mut()?.push(sent, now)
    }

    /// Its fragments, made from now on where there were none.
    pub fn fragments(&mut self, now: Instant) -> &Fragments {
        let group = &self.group;
        self.fragments
            .get_or_insert_with(|| Fragments::of_group(group, now))
    }

    /// Nobody asks for fragments any more.
    pub fn end_fragments(&mut self) {
        self.fragments = None;
    }

    /// Bytes that are kept for viewers that join.
    pub fn kept_bytes(&self) -> usize {
        let fragments = self.fragments.as_ref();
        self.group.bytes() + fragments.map_or(0, |it| it.group.bytes())
    }

    /// Keeps nothing until the next keyframe.
    pub fn clear_kept(&mut self) {
        self.group.clear();
        if let Some(fragments) = &mut self.fragments {
            fragments.group.clear();
        }
    }

    /// Whether a unit of the same session is missing before this one: a stage upstream, or this one,
    /// had no room for it.
    fn is_after_gap(&mut self, id: &FrameId) -> bool {
        let (session, sequence) = (id.session_unix_nanos, id.sequence);
        let before = self.last_sent.replace((session, sequence));
        before.is_some_and(|(of, last)| of == session && sequence.saturating_sub(last) > 1)
    }

    pub fn measured(&mut self, now: Instant) -> Measured {
        Measured {
            codec: self.codec.map(Codec::as_str),
            size: self.size,
            fps: self.frames.rate(now),
            detected_fps: self.latency.rate(now),
            latency_ms: self.latency.percentiles(now),
            units: self.units,
            silent: self.silent(now).unwrap_or(Duration::MAX),
            is_too_late: self.pairing.is_too_late(now),
        }
    }
}

/// A frame's latency, in nanoseconds: from its capture by the clocks, unless these cannot be right.
/// A frame is captured before the first stage has it (`inside`: for how long it was in the graph),
/// and not long before; where the clocks say otherwise, one of them is wrong, and the frame's time
/// in the graph is what is known.
fn latency(by_clock: i64, inside: Option<i64>) -> i64 {
    match inside {
        Some(inside)
            if by_clock < inside || by_clock.saturating_sub(inside) > MOST_BEFORE_FIRST =>
        {
            inside
        }
        _ => by_clock,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_whose_clock_is_wrong_has_the_latency_of_the_graph() {
        const SECOND: i64 = 1_000_000_000;
        let inside = Some(SECOND / 10);
        for (by_clock, expected) in [
            (SECOND / 5, SECOND / 5),
            (5 * SECOND, 5 * SECOND),
            (3600 * SECOND, SECOND / 10),
            (SECOND / 20, SECOND / 10),
            (-3600 * SECOND, SECOND / 10),
            (i64::MIN, SECOND / 10),
            (i64::MAX, SECOND / 10),
        ] {
            assert_eq!(latency(by_clock, inside), expected, "{by_clock}");
            assert_eq!(latency(by_clock, None), by_clock, "no stage has noted it");
        }
    }
}
