//! What a stage must bring: decoders.

use camweave_message::{Codec, Orientation, PictureRef};
use camweave_pool::{PoolError, PoolErrorKind};
use camweave_telemetry::DeviceRange;
use camweave_vision::LumaGrid;

use crate::pools::SlotError;
use crate::reason;

/// Something that did not work, for the counters and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind of error in the counters. [`crate::reason::TOO_LARGE`],
    /// [`crate::reason::ROTATED`] and [`crate::reason::NO_DECODER_LEFT`] are also the reasons under
    /// which the unit is dropped; after the last one, the camera waits before it tries again.
    pub kind: &'static str,
    /// One line: what was found and what was expected.
    pub message: String,
}

impl Failure {
    /// A decoder that outputs frames only as they are coded. `instead`: the stage that can.
    #[must_use]
    pub fn rotated(stage: &str, orientation: Orientation, instead: &str) -> Self {
        let mirrored = if orientation.mirrored() {
            " and mirrored"
        } else {
            ""
        };
        Self {
            kind: reason::ROTATED,
            message: format!(
                "its frames must be rotated by {} degrees{mirrored} (the file's display matrix), which {stage} cannot do: decode it with {instead}",
                orientation.degrees()
            ),
        }
    }
}

/// Why a decoded picture cannot be given to anyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpublished {
    /// Consumers hold all slots, or other cameras have all memory.
    Exhausted(String),
    /// The frame needs more memory than a camera may have.
    TooLarge(String),
    /// Anything else, in one line.
    Failed(String),
}

impl From<SlotError> for Unpublished {
    fn from(error: SlotError) -> Self {
        match error {
            SlotError::Pool(error) => error.into(),
            SlotError::NoRoom { .. } => Self::Exhausted(error.to_string()),
            SlotError::TooLarge { .. } => Self::TooLarge(error.to_string()),
        }
    }
}

impl From<PoolError> for Unpublished {
    fn from(error: PoolError) -> Self {
        match error.kind() {
            PoolErrorKind::Exhausted => Self::Exhausted(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// What a decoder has output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// The ticket that came with the frame's unit.
    pub ticket: i64,
    /// Whether the decoder found the frame damaged and made up for parts of it.
    pub is_damaged: bool,
}

/// One camera's source of decoders, and its pools.
pub trait Backend: Send + 'static {
    /// What decodes a session.
    type Decoder: Decoder;

    /// A decoder that knows nothing yet. It outputs frames as they are to be shown: `orientation`
    /// says how they are coded.
    ///
    /// # Errors
    /// There is none for this codec, or none that turns frames so.
    fn open(&mut self, codec: Codec, orientation: Orientation) -> Result<Self::Decoder, Failure>;

    /// Takes a decoder whose session has ended and that has output everything.
    fn close(&mut self, decoder: Self::Decoder) {
        drop(decoder);
    }

    /// How many decoders the process has released so far, whatever cameras they were of. When it
    /// grows, a camera for which there was none left tries again.
    fn released(&self) -> u64 {
        0
    }

    /// Gives back pools that are no longer needed.
    fn tidy(&mut self);

    /// Whether a consumer holds a slot.
    fn is_held(&self) -> bool;

    /// Slots that consumers hold or that are being written, for the trace; `None`: not known.
    fn slots_in_use(&self) -> Option<u64> {
        None
    }
}

/// Decodes one session of one camera: units in decode order in, frames in presentation order out.
pub trait Decoder: Send {
    /// Announces that [`Decoder::luma`] will be asked for the frame of the unit that is sent next,
    /// so that a decoder whose frames are not at hand can see to it, and others pay nothing.
    fn expect_luma(&mut self, _ticket: i64) {}

    /// Decodes one unit. Then [`Decoder::receive`] until it gives none.
    ///
    /// # Errors
    /// The unit cannot be decoded; the decoder goes on with the next.
    fn send(&mut self, data: &[u8], ticket: i64) -> Result<(), Failure>;

    /// Makes the decoder output what it holds back; it then takes nothing more.
    ///
    /// # Errors
    /// It cannot.
    fn finish(&mut self) -> Result<(), Failure>;

    /// The next frame in presentation order. Where `more_waiting` units of the camera are
    /// queued, a decoder that works beside the CPU may keep a few frames under way.
    ///
    /// # Errors
    /// A frame is lost; there may be more.
    fn receive(&mut self, more_waiting: bool) -> Result<Option<Decoded>, Failure>;

    /// What the frame that was received last looks like, for cameras that are detected on while
    /// something moves. `None` where there is no frame: [`Decoder::publish`] reports why.
    ///
    /// # Errors
    /// Why it cannot be looked at, in one line; the frame goes on.
    fn luma(&self) -> Result<Option<LumaGrid>, String> {
        Err("this decoder does not look at frames".to_owned())
    }

    /// When a device copied the frame that was received last, where that is measured.
    fn copied(&self) -> Option<DeviceRange> {
        None
    }

    /// Makes the frame that was received last readable for consumers.
    ///
    /// # Errors
    /// It cannot be brought into a slot.
    fn publish(&mut self) -> Result<PictureRef, Unpublished>;

    /// Releases the frame that was received last.
    fn release(&mut self) {}
}
