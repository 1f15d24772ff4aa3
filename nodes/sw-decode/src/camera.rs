//! One camera: from units in decode order to frames in presentation order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use camweave_message::{Codec, Frame, Unit};
use camweave_telemetry::Counters;
use tracing::{debug, warn};

use crate::Limits;
use crate::decoder::{DecodeError, Decoder, PublishError};
use crate::direct::Direct;
use crate::identity::{Identities, Identity};
use crate::reason;

/// A camera's errors of one kind of trouble are logged at most so often.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Takes a frame that is ready.
pub(crate) type Send<'a> = dyn FnMut(Frame) + 'a;

/// How the pictures of all cameras came into their slots.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Written there by the decoder.
    pub direct: AtomicU64,
    /// Written there from memory of the decoder's own.
    pub copied: AtomicU64,
}

/// One camera's decoder and its account.
pub(crate) struct Camera {
    id: Arc<str>,
    counters: Counters,
    tally: Arc<Tally>,
    direct: Arc<Direct>,
    /// `None` until the session's first entry point.
    stream: Option<Stream>,
    trouble: Trouble,
}

/// A session from an entry point on.
struct Stream {
    session: i64,
    codec: Codec,
    last_sequence: u64,
    decoder: Decoder,
    identities: Identities,
}

impl Camera {
    pub fn new(id: Arc<str>, limits: Limits, counters: Counters, tally: Arc<Tally>) -> Self {
        let direct = Arc::new(Direct::new(&id, limits));
        Self {
            id,
            counters,
            tally,
            direct,
            stream: None,
            trouble: Trouble::default(),
        }
    }

    /// Decodes a unit; gives the frames that are ready.
    pub fn take(&mut self, unit: &Unit, send: &mut Send<'_>) {
        let id = &unit.id;
        let goes_on = self.stream.as_ref().is_some_and(|stream| {
            let follows = stream.last_sequence.checked_add(1) == Some(id.sequence);
            stream.session == id.session_unix_nanos
                && stream.codec == unit.codec
                // At an entry point after a gap, pictures that refer to what is
                // gone must be told from those that do not: by a decoder that has nothing.
                && (follows || !unit.keyframe)
        });
        if !goes_on || unit.data.is_empty() {
            self.finish(send);
        }
        if unit.data.is_empty() {
            return;
        }
        if self.stream.is_none() && !unit.keyframe {
            self.dropped(reason::BEFORE_KEYFRAME, 1);
            return;
        }
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => match Stream::open(unit, &self.direct) {
                Ok(stream) => stream,
                Err(error) => {
                    self.failed(unit, &error);
                    self.dropped(reason::DECODE_ERROR, 1);
                    return;
                }
            },
        };
        self.decode(&mut stream, unit, send);
        self.stream = Some(stream);
        self.direct.tidy();
    }

    /// Ends the session: gives the frames that the decoder still holds back.
    pub fn finish(&mut self, send: &mut Send<'_>) {
        let Some(mut stream) = self.stream.take() else {
            return;
        };
        if let Err(error) = stream.decoder.finish() {
            debug!(camera = %self.id, "at the end of the session: {error}");
        }
        self.receive(&mut stream, send);
        self.dropped(reason::UNDECODABLE, stream.identities.forget_all());
    }

    /// Whether a consumer holds a slot.
    pub fn is_held(&self) -> bool {
        self.direct.is_held()
    }

    fn decode(&mut self, stream: &mut Stream, unit: &Unit, send: &mut Send<'_>) {
        let gap = unit.id.sequence != stream.last_sequence.wrapping_add(1)
            && unit.id.sequence != stream.last_sequence;
        stream.last_sequence = unit.id.sequence;
        if gap {
            self.counters.error(&self.id, "sequence_gap");
        }
        let ticket = stream.identities.enter(Identity {
            id: unit.id.clone(),
            trace: unit.trace.clone(),
            after_loss: !unit.keyframe && (gap || unit.lost_packets > 0),
        });
        if let Err(error) = stream.decoder.send(unit.data.as_slice(), ticket) {
            self.failed(unit, &error);
            if stream.identities.take(ticket).is_some() {
                self.dropped(reason::DECODE_ERROR, 1);
            }
        }
        self.receive(stream, send);
        self.dropped(reason::UNDECODABLE, stream.identities.forget_overdue());
    }

    fn receive(&mut self, stream: &mut Stream, send: &mut Send<'_>) {
        // A decoder that fails here has still more to say, but only so often per unit.
        let mut failures = 0;
        while failures < 4 {
            let output = match stream.decoder.receive() {
                Ok(Some(output)) => output,
                Ok(None) => break,
                Err(error) => {
                    failures += 1;
                    self.counters.error(&self.id, error.kind());
                    self.trouble.log(&self.id, &error.to_string());
                    continue;
                }
            };
            // A ticket that is gone was counted when it went.
            if let Some(identity) = stream.identities.take(output.ticket) {
                if output.is_damaged || identity.after_loss {
                    self.dropped(reason::CORRUPT, 1);
                } else {
                    self.publish(stream, identity, send);
                }
            }
            stream.decoder.release();
        }
    }

    fn publish(&mut self, stream: &mut Stream, identity: Identity, send: &mut Send<'_>) {
        match stream.decoder.publish() {
            Ok(published) => {
                let count = if published.is_direct {
                    &self.tally.direct
                } else {
                    &self.tally.copied
                };
                count.fetch_add(1, Ordering::Relaxed);
                let Identity { id, trace, .. } = identity;
                send(Frame {
                    id,
                    trace,
                    picture: published.picture,
                });
            }
            Err(PublishError::Pool(error))
                if error.kind() == camweave_pool::PoolErrorKind::Exhausted =>
            {
                self.dropped(reason::POOL_EXHAUSTED, 1);
                self.trouble.log(&self.id, &error.to_string());
            }
            Err(error) => {
                self.dropped(reason::UNPUBLISHED, 1);
                self.counters.error(&self.id, "unpublished");
                self.trouble.log(&self.id, &error.to_string());
            }
        }
    }

    fn dropped(&self, reason: &str, count: u64) {
        self.counters.dropped(&self.id, reason, count);
    }

    fn failed(&mut self, unit: &Unit, error: &DecodeError) {
        self.counters.error(&self.id, error.kind());
        let text = format!("sequence {}: {error}", unit.id.sequence);
        self.trouble.log(&self.id, &text);
    }
}

impl Stream {
    fn open(unit: &Unit, direct: &Arc<Direct>) -> Result<Self, DecodeError> {
        Ok(Self {
            session: unit.id.session_unix_nanos,
            codec: unit.codec,
            last_sequence: unit.id.sequence.wrapping_sub(1),
            decoder: Decoder::open(unit.codec, direct)?,
            identities: Identities::default(),
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
