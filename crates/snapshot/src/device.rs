//! Frames in a GPU's memory, copied to the host one at a time.

use std::time::{Duration, Instant};

use camweave_cuda::{Context, CudaError, CudaMemory, PinnedBuffer, Stream};
use camweave_pool::{Attachments, ReadSlot, Reference};
use camweave_stage::Refusal;
use camweave_vision::{Picture, PictureLayout};

use crate::no_picture::NoPicture;

/// How soon the device memory of a dead decoder goes back where no frame comes any more.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// Device memory, read a frame at a time. CUDA is opened with the first frame that needs it, so a
/// graph on the CPU never does.
pub(crate) struct DevicePictures {
    ordinal: u32,
    state: State,
    swept: Instant,
}

enum State {
    Unopened,
    Open(Reader),
    /// It could not be opened, which has been said.
    Unusable,
}

struct Reader {
    /// Room for the largest frame so far.
    pinned: Option<PinnedBuffer>,
    stream: Stream,
    pools: Attachments<CudaMemory>,
    context: Context,
}

impl DevicePictures {
    /// Will read from the CUDA device of this number.
    pub fn new(ordinal: u32) -> Self {
        Self {
            ordinal,
            state: State::Unopened,
            swept: Instant::now(),
        }
    }

    /// Holds a frame.
    ///
    /// # Errors
    /// It is gone or cannot be reached, or there is no device.
    pub fn hold(&mut self, reference: &Reference) -> Result<ReadSlot<CudaMemory>, NoPicture> {
        if matches!(self.state, State::Unopened) {
            self.state = match Reader::open(self.ordinal) {
                Ok(reader) => State::Open(reader),
                Err(error) => {
                    self.state = State::Unusable;
                    return Err(NoPicture::Unopened(error.to_string()));
                }
            };
        }
        let State::Open(reader) = &self.state else {
            return Err(NoPicture::Gone);
        };
        reader.pools.acquire(reference).map_err(|error| {
            let refusal = Refusal::from(&error);
            match refusal.error {
                None => NoPicture::Gone,
                Some(_) => NoPicture::Failed(refusal.message),
            }
        })
    }

    /// The frame of a slot as packed RGB; the slot is released when it is copied.
    ///
    /// # Errors
    /// The slot does not hold what the layout says; the driver's.
    pub fn rgb8(
        &mut self,
        layout: &PictureLayout,
        slot: ReadSlot<CudaMemory>,
    ) -> Result<Vec<u8>, String> {
        match &mut self.state {
            State::Open(reader) => reader.rgb8(layout, slot),
            // Slots come from `hold`.
            State::Unopened | State::Unusable => Err("there is no CUDA device".to_owned()),
        }
    }

    /// Releases pools that are over, now and then.
    pub fn sweep(&mut self) {
        if let State::Open(reader) = &self.state
            && self.swept.elapsed() >= SWEEP_EVERY
        {
            self.swept = Instant::now();
            reader.pools.sweep();
        }
    }
}

impl Reader {
    fn open(ordinal: u32) -> Result<Self, CudaError> {
        let context = Context::open(ordinal)?;
        Ok(Self {
            pinned: None,
            stream: Stream::new(&context)?,
            pools: Attachments::new_in(context.clone()),
            context,
        })
    }

    fn rgb8(
        &mut self,
        layout: &PictureLayout,
        slot: ReadSlot<CudaMemory>,
    ) -> Result<Vec<u8>, String> {
        let bytes = layout.required_bytes().map_err(|error| error.to_string())?;
        let data = self
            .download(bytes, &slot)
            .map_err(|error| error.to_string())?;
        drop(slot);
        let picture = Picture::new(layout, data).map_err(|error| error.to_string())?;
        Ok(picture.to_rgb8())
    }

    /// The slot's first bytes, copied behind the decoder's writes.
    fn download(
        &mut self,
        bytes: usize,
        slot: &ReadSlot<CudaMemory>,
    ) -> Result<&[u8], Box<dyn std::error::Error>> {
        let memory = slot.address().part(0, bytes)?;
        slot.wait_on(&self.stream)?;
        let fitting = self.pinned.take().filter(|pinned| pinned.len() >= bytes);
        let pinned = match fitting {
            Some(pinned) => pinned,
            None => PinnedBuffer::new(&self.context, bytes, "a frame for people")?,
        };
        let pinned = self.pinned.insert(pinned);
        self.stream.download(memory, pinned, 0..bytes)?;
        Ok(&pinned.bytes()?[..bytes])
    }
}
