//! One camera's decoders and slots, as the shared half of decoding wants them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use camweave_decode::{Backend, Budget, Decoded, Failure, FrameSettings, LumaGrid, Unpublished};
use camweave_message::{Codec, Orientation, PictureRef};
use camweave_telemetry::Counters;

use crate::decoder::{DecodeError, Decoder, PublishError};
use crate::direct::Direct;
use crate::facts::{COPIED_PICTURES, DIRECT_PICTURES};

/// How the frames of all cameras came into their slots.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Written there by the decoder.
    direct: AtomicU64,
    /// Written there from memory of the decoder's own.
    copied: AtomicU64,
    /// Frames that are in the facts.
    noted: AtomicU64,
}

impl Tally {
    /// Writes the facts, where they have changed.
    pub fn note(&self, counters: &Counters) {
        let direct = self.direct.load(Ordering::Relaxed);
        let copied = self.copied.load(Ordering::Relaxed);
        if self.noted.swap(direct + copied, Ordering::Relaxed) != direct + copied {
            counters.fact(&DIRECT_PICTURES, &direct.to_string());
            counters.fact(&COPIED_PICTURES, &copied.to_string());
        }
    }
}

/// One camera's decoders, which write into the camera's pools.
pub(crate) struct Software {
    direct: Arc<Direct>,
    tally: Arc<Tally>,
}

impl Software {
    pub fn new(
        camera: &Arc<str>,
        limits: FrameSettings,
        budget: &Arc<Budget>,
        tally: Arc<Tally>,
    ) -> Self {
        let direct = Arc::new(Direct::new(camera, limits, budget));
        Self { direct, tally }
    }
}

impl Backend for Software {
    type Decoder = Stream;

    fn open(&mut self, codec: Codec, orientation: Orientation) -> Result<Stream, Failure> {
        Ok(Stream {
            decoder: Decoder::open(codec, orientation, &self.direct)?,
            tally: Arc::clone(&self.tally),
        })
    }

    fn tidy(&mut self) {
        self.direct.tidy();
    }

    fn is_held(&self) -> bool {
        self.direct.is_held()
    }

    fn slots_in_use(&self) -> Option<u64> {
        Some(self.direct.slots_in_use())
    }
}

/// A session's decoder.
pub(crate) struct Stream {
    decoder: Decoder,
    tally: Arc<Tally>,
}

impl camweave_decode::Decoder for Stream {
    fn send(&mut self, data: &[u8], ticket: i64) -> Result<(), Failure> {
        Ok(self.decoder.send(data, ticket)?)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        Ok(self.decoder.finish()?)
    }

    fn receive(&mut self, _more_waiting: bool) -> Result<Option<Decoded>, Failure> {
        Ok(self.decoder.receive()?)
    }

    fn luma(&self) -> Result<Option<LumaGrid>, String> {
        let format = "its frames have no plane of luma (RGB)";
        self.decoder
            .luma()
            .map(Some)
            .ok_or_else(|| format.to_owned())
    }

    fn publish(&mut self) -> Result<PictureRef, Unpublished> {
        let published = self.decoder.publish()?;
        let count = if published.is_direct {
            &self.tally.direct
        } else {
            &self.tally.copied
        };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(published.picture)
    }

    fn release(&mut self) {
        self.decoder.release();
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
        }
    }
}

impl From<PublishError> for Unpublished {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Slot(error) => error.into(),
            error => Self::Failed(error.to_string()),
        }
    }
}
