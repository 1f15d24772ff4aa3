//! One camera: from units in decode order to frames in presentation order.

use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use camweave_bitstream::NalCodec;
use camweave_message::{Codec, Frame, Orientation, Selection, Unit};
use camweave_stage::frame_key;
use camweave_telemetry::{Counters, span_names};
use tracing::{debug, info, warn};

use crate::backend::{Backend, Decoder, Failure, Unpublished};
use crate::identity::{Identities, Identity};
use crate::motion::MotionGate;
use crate::reason;
use crate::selector::Selector;
use crate::shortage::Shortage;

/// A camera's errors of one kind of trouble are logged at most so often.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The camera's state in this stage's report while there is no decoder for it, and after that.
const NO_DECODER: &str = "waits for a decoder";
const DECODING: &str = "decoding";

/// Takes a frame that is ready.
pub(crate) type Send<'a> = dyn FnMut(Frame) + 'a;

/// One camera's decoder and its account.
pub(crate) struct Camera<B: Backend> {
    id: Arc<str>,
    counters: Counters,
    backend: B,
    /// `None` until the session's first keyframe.
    stream: Option<Stream<B::Decoder>>,
    has_opened: bool,
    /// Not of the stream: a decoder that is restarted within a session keeps the grid.
    selector: Selector,
    motion: MotionGate,
    said_that_it_is_blind: bool,
    /// There was no decoder left, and none has been had since.
    shortage: Option<Shortage>,
    /// The last unit found no decoder left.
    has_run_short: bool,
    /// [`Backend::released`] before the last keyframe.
    released: u64,
    /// Held by the camera that tries again: hundreds may wait, and the driver opens one decoder at
    /// a time, for which each would keep a thread waiting.
    retries: Arc<Mutex<()>>,
    trouble: Trouble,
}

/// Whether a decoder can begin with a unit. The source puts parameter sets in front of each
/// keyframe; without them no decoder is opened, which costs half a megabyte.
fn can_begin(unit: &Unit) -> bool {
    let has_parameters = |codec| {
        let unit = unit.data.as_slice();
        camweave_bitstream::has_sequence_parameters(codec, unit)
    };
    unit.keyframe && nal_codec(unit.codec).is_none_or(has_parameters)
}

/// The codecs that consist of NAL units.
fn nal_codec(codec: Codec) -> Option<NalCodec> {
    match codec {
        Codec::H264 => Some(NalCodec::H264),
        Codec::H265 => Some(NalCodec::H265),
        _ => None,
    }
}

/// The reason under which a unit is dropped that the decoder refused.
fn refusal_reason(error: &Failure) -> &'static str {
    match error.kind {
        reason::TOO_LARGE => reason::TOO_LARGE,
        reason::ROTATED => reason::ROTATED,
        reason::NO_DECODER_LEFT => reason::NO_DECODER_LEFT,
        _ => reason::DECODE_ERROR,
    }
}

/// A session from a keyframe on.
struct Stream<D> {
    session: i64,
    codec: Codec,
    orientation: Orientation,
    last_sequence: u64,
    /// The highest temporal sub-layer so far.
    highest_layer: u8,
    /// So many have been decoded: after the second, a whole group of pictures has been seen.
    entry_points: u64,
    decoder: D,
    identities: Identities,
}

impl<B: Backend> Camera<B> {
    pub fn new(id: Arc<str>, backend: B, counters: Counters, retries: Arc<Mutex<()>>) -> Self {
        Self {
            id,
            counters,
            backend,
            stream: None,
            has_opened: false,
            selector: Selector::default(),
            motion: MotionGate::default(),
            said_that_it_is_blind: false,
            shortage: None,
            has_run_short: false,
            released: 0,
            retries,
            trouble: Trouble::default(),
        }
    }

    /// Decodes a unit; gives the frames that are ready. `more_waiting`: units of the camera are queued.
    pub fn take(&mut self, unit: &Unit, more_waiting: bool, send: &mut Send<'_>) {
        let id = &unit.id;
        let goes_on = self.stream.as_ref().is_some_and(|stream| {
            let follows = stream.last_sequence.checked_add(1) == Some(id.sequence);
            stream.session == id.session_unix_nanos
                && stream.codec == unit.codec
                && stream.orientation == unit.orientation
                // At a keyframe after a gap, frames that refer to what is
                // gone must be told from those that do not: by a decoder that has nothing.
                && (follows || !unit.keyframe)
        });
        if !goes_on || unit.data.is_empty() {
            self.finish(send);
        }
        if unit.data.is_empty() {
            return;
        }
        self.selector.enter(id.session_unix_nanos);
        self.motion.enter(id.session_unix_nanos);
        if unit.selection == Selection::Off {
            // Nobody looks at its frames: it needs no decoder.
            self.finish(send);
            self.selector = Selector::default();
            self.motion = MotionGate::default();
            self.dropped(reason::NOT_SELECTED, 1);
            return;
        }
        if nal_codec(unit.codec)
            .is_some_and(|codec| camweave_bitstream::is_fragment(codec, unit.data.as_slice()))
        {
            self.counters.error(&self.id, "fragment");
            self.dropped(reason::CORRUPT, 1);
            if let Some(stream) = &mut self.stream {
                stream.last_sequence = unit.id.sequence;
            }
            return;
        }
        if self.stream.is_none() && !can_begin(unit) {
            let reason = if self.shortage.is_some() {
                reason::NO_DECODER_LEFT
            } else {
                reason::BEFORE_KEYFRAME
            };
            self.dropped(reason, 1);
            return;
        }
        let retries = Arc::clone(&self.retries);
        let mut turn = None;
        if self.stream.is_none()
            && let Some(shortage) = &self.shortage
        {
            if shortage.is_due(Instant::now(), self.backend.released()) {
                turn = match retries.try_lock() {
                    Err(TryLockError::WouldBlock) => None,
                    Ok(turn) => Some(turn),
                    Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
                };
            }
            if turn.is_none() {
                self.dropped(reason::NO_DECODER_LEFT, 1);
                return;
            }
        }
        if unit.keyframe {
            // Before the attempt: what is released during it may be for this camera.
            self.released = self.backend.released();
        }
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => match self
                .backend
                .open(unit.codec, unit.orientation)
                .map(|it| Stream::new(unit, it))
            {
                Ok(stream) => {
                    self.has_opened = true;
                    stream
                }
                Err(error) => {
                    self.failed(unit, &error);
                    self.has_run_short = false;
                    self.dropped(refusal_reason(&error), 1);
                    return;
                }
            },
        };
        let is_out = self.selector.is_out(unit.selection, unit.id.pts_nanos);
        if is_out && stream.can_leave_out(unit) {
            stream.last_sequence = unit.id.sequence;
            self.dropped(reason::NOT_SELECTED, 1);
        } else {
            self.decode(&mut stream, unit, more_waiting, send);
        }
        drop(turn);
        self.stream = Some(stream);
        if self.has_run_short {
            self.finish(send);
            self.has_run_short = false;
        }
        self.backend.tidy();
        self.note_slots();
    }

    /// Leaves a unit out that no other frame refers to, and counts it; whether it is one.
    pub fn leave_out(&mut self, unit: &Unit) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        let is_left_out = stream.can_leave_out(unit);
        if is_left_out {
            stream.last_sequence = unit.id.sequence;
            self.dropped(reason::DISPOSABLE, 1);
        }
        is_left_out
    }

    /// Gives the frames that are decoded: nothing of the camera waits any longer.
    pub fn catch_up(&mut self, send: &mut Send<'_>) {
        if let Some(mut stream) = self.stream.take() {
            self.receive(&mut stream, false, send);
            self.stream = Some(stream);
        }
    }

    /// Counts frames that waited too long for this decoder.
    pub fn gave_way(&self, frames: usize) {
        self.dropped(reason::DECODER_BACKLOG, frames as u64);
    }

    /// Ends the session: gives the frames that the decoder still holds back.
    pub fn finish(&mut self, send: &mut Send<'_>) {
        let Some(mut stream) = self.stream.take() else {
            return;
        };
        if let Err(error) = stream.decoder.finish() {
            debug!(camera = %self.id, "at the end of the session: {}", error.message);
        }
        self.receive(&mut stream, false, send);
        // A parser that reads ahead asks for a decoder at a later unit than the first.
        let reason = if self.has_run_short {
            reason::NO_DECODER_LEFT
        } else {
            reason::UNDECODABLE
        };
        self.dropped(reason, stream.identities.forget_all());
        self.backend.close(stream.decoder);
    }

    /// Whether no session is under way.
    pub fn is_closed(&self) -> bool {
        self.stream.is_none()
    }

    /// Whether it has had a decoder, and so may have memory.
    pub fn has_opened(&self) -> bool {
        self.has_opened
    }

    /// Whether a consumer holds a slot.
    pub fn is_held(&self) -> bool {
        self.backend.is_held()
    }

    fn note_slots(&self) {
        let spans = self.counters.spans();
        if spans.are_traced()
            && let Some(slots) = self.backend.slots_in_use()
        {
            spans.gauge(&span_names::SLOTS_IN_USE, &self.id, slots);
        }
    }

    fn decode(
        &mut self,
        stream: &mut Stream<B::Decoder>,
        unit: &Unit,
        more_waiting: bool,
        send: &mut Send<'_>,
    ) {
        let gap = unit.id.sequence != stream.last_sequence.wrapping_add(1)
            && unit.id.sequence != stream.last_sequence;
        stream.last_sequence = unit.id.sequence;
        if gap {
            self.counters.error(&self.id, "sequence_gap");
        }
        if let Some(codec) = nal_codec(unit.codec) {
            let layer = camweave_bitstream::layer_of(codec, unit.data.as_slice());
            stream.highest_layer = stream.highest_layer.max(layer);
        }
        stream.entry_points += u64::from(unit.keyframe);
        let ticket = stream.identities.enter(Identity {
            id: unit.id.clone(),
            trace: unit.trace.clone(),
            selection: unit.selection,
            motion: unit.motion,
            after_loss: !unit.keyframe && (gap || unit.lost_packets > 0),
        });
        if unit.motion.is_some() {
            stream.decoder.expect_luma(ticket);
        }
        let span = self
            .counters
            .spans()
            .frame(&span_names::DECODE, frame_key(&unit.id));
        if let Err(error) = stream.decoder.send(unit.data.as_slice(), ticket) {
            self.failed(unit, &error);
            if stream.identities.take(ticket).is_some() {
                self.dropped(refusal_reason(&error), 1);
            }
        }
        self.receive(stream, more_waiting, send);
        drop(span);
        self.dropped(reason::UNDECODABLE, stream.identities.forget_overdue());
    }

    fn receive(
        &mut self,
        stream: &mut Stream<B::Decoder>,
        more_waiting: bool,
        send: &mut Send<'_>,
    ) {
        // A decoder that fails here has still more to say, but only so often per unit.
        let mut failures = 0;
        while failures < 4 {
            let output = match stream.decoder.receive(more_waiting) {
                Ok(Some(output)) => output,
                Ok(None) => break,
                Err(error) => {
                    failures += 1;
                    self.counters.error(&self.id, error.kind);
                    self.trouble.log(&self.id, &error.message);
                    continue;
                }
            };
            if !self.has_run_short {
                self.note_end_of_shortage();
            }
            // A ticket that is gone was counted when it went.
            if let Some(identity) = stream.identities.take(output.ticket) {
                if output.is_damaged || identity.after_loss {
                    self.dropped(reason::CORRUPT, 1);
                } else if !self.is_chosen(stream, &identity) {
                    self.dropped(reason::NOT_SELECTED, 1);
                } else {
                    self.publish(stream, identity, send);
                }
            }
            stream.decoder.release();
        }
    }

    /// Whether the frame that was received last goes on to the detector.
    fn is_chosen(&mut self, stream: &Stream<B::Decoder>, identity: &Identity) -> bool {
        let pts = identity.id.pts_nanos;
        if !self.selector.chooses(identity.selection, pts) {
            return false;
        }
        let Some(area) = identity.motion else {
            self.motion.pause();
            return true;
        };
        match stream.decoder.luma() {
            Ok(Some(grid)) => self.motion.passes(area, grid, pts),
            Ok(None) => true,
            Err(why) => {
                if !std::mem::replace(&mut self.said_that_it_is_blind, true) {
                    warn!(camera = %self.id, "detect: motion: frames that cannot be analysed all pass: {why}");
                }
                true
            }
        }
    }

    fn publish(
        &mut self,
        stream: &mut Stream<B::Decoder>,
        identity: Identity,
        send: &mut Send<'_>,
    ) {
        let Identity { id, trace, .. } = identity;
        let spans = self.counters.spans();
        if let Some(range) = stream.decoder.copied() {
            let members = spans.members([frame_key(&id)]);
            spans.device(&span_names::COPY, range, &members);
        }
        let span = spans.frame(&span_names::PUBLISH, frame_key(&id));
        let published = stream.decoder.publish();
        drop(span);
        match published {
            Ok(picture) => send(Frame { id, trace, picture }),
            Err(Unpublished::Exhausted(message)) => {
                self.dropped(reason::POOL_EXHAUSTED, 1);
                self.trouble.log(&self.id, &message);
            }
            Err(Unpublished::TooLarge(message)) => {
                self.dropped(reason::TOO_LARGE, 1);
                self.counters.error(&self.id, reason::TOO_LARGE);
                self.trouble.log(&self.id, &message);
            }
            Err(Unpublished::Failed(message)) => {
                self.dropped(reason::UNPUBLISHED, 1);
                self.counters.error(&self.id, "unpublished");
                self.trouble.log(&self.id, &message);
            }
        }
    }

    fn dropped(&self, reason: &str, count: u64) {
        self.counters.dropped(&self.id, reason, count);
    }

    fn failed(&mut self, unit: &Unit, error: &Failure) {
        self.counters.error(&self.id, error.kind);
        if error.kind == reason::NO_DECODER_LEFT {
            self.note_shortage(error);
            return;
        }
        let text = format!("sequence {}: {}", unit.id.sequence, error.message);
        self.trouble.log(&self.id, &text);
    }

    /// Logged once, until it is over.
    fn note_shortage(&mut self, error: &Failure) {
        self.has_run_short = true;
        let now = Instant::now();
        if let Some(shortage) = &mut self.shortage {
            shortage.go_on(now, self.released);
            debug!(camera = %self.id, wait = ?shortage.wait(), "{}", error.message);
            return;
        }
        let shortage = Shortage::begin(now, self.released);
        self.shortage = Some(shortage);
        self.counters.camera_state(&self.id, NO_DECODER);
        warn!(camera = %self.id, "camera '{}' waits for a decoder: {}", self.id, error.message);
    }

    fn note_end_of_shortage(&mut self) {
        let Some(shortage) = self.shortage.take() else {
            return;
        };
        self.counters.camera_state(&self.id, DECODING);
        let seconds = shortage.duration(Instant::now()).as_secs();
        info!(camera = %self.id, "camera '{}' has a decoder after {seconds} s without one", self.id);
    }
}

impl<D> Stream<D> {
    fn new(unit: &Unit, decoder: D) -> Self {
        Self {
            session: unit.id.session_unix_nanos,
            codec: unit.codec,
            orientation: unit.orientation,
            last_sequence: unit.id.sequence.wrapping_sub(1),
            highest_layer: 0,
            entry_points: 0,
            decoder,
            identities: Identities::default(),
        }
    }

    /// Whether no other frame refers to this unit's, and it is the next.
    fn can_leave_out(&self, unit: &Unit) -> bool {
        let follows = self.session == unit.id.session_unix_nanos
            && self.codec == unit.codec
            && self.last_sequence.checked_add(1) == Some(unit.id.sequence);
        let knows_layers = unit.codec != Codec::H265 || self.entry_points > 1;
        follows
            && knows_layers
            && unit.lost_packets == 0
            && nal_codec(unit.codec).is_some_and(|codec| {
                camweave_bitstream::is_disposable(codec, unit.data.as_slice(), self.highest_layer)
            })
    }
}

/// One line per burst of errors.
#[derive(Debug, Default)]
struct Trouble {
    logged: Option<Instant>,
    silent: u64,
}

impl Trouble {
    fn log(&mut self, camera: &str, text: &str) {
        if self.logged.is_some_and(|at| at.elapsed() < LOG_EVERY) {
            self.silent += 1;
            return;
        }
        let not_logged = std::mem::take(&mut self.silent);
        warn!(camera, not_logged, "{text}");
        self.logged = Some(Instant::now());
    }
}

#[cfg(test)]
#[path = "camera_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "camera_motion_tests.rs"]
mod motion_tests;
