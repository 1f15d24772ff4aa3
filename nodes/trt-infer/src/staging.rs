//! Frames of the host on their way to the device.

use std::ops::Range;

use camweave_cuda::{Context, CudaError, DeviceBuffer, DeviceSlice, PinnedBuffer};
use tracing::debug;

use crate::frames::{HeldPicture, Pixels};

/// Room for one transfer. It grows by doubling, so that it soon does not grow any more.
#[derive(Default)]
pub struct Staging {
    buffers: Option<Buffers>,
    /// Of the transfer that was put together last.
    bytes: usize,
}

struct Buffers {
    pinned: PinnedBuffer,
    device: DeviceBuffer,
}

/// One transfer: from the first bytes of one to the other.
pub struct Transfer<'a> {
    pub pinned: &'a mut PinnedBuffer,
    pub device: DeviceSlice<'a>,
}

/// Where each frame begins, a multiple of this many bytes.
const PICTURE_ALIGNMENT: usize = 256;

impl Staging {
    /// Puts the frames of the host together for one transfer, once the one before is done; gives
    /// which of its bytes each frame is.
    pub fn put(
        &mut self,
        context: &Context,
        pictures: &[HeldPicture],
    ) -> Result<Vec<Option<Range<usize>>>, CudaError> {
        let mut bytes = 0;
        let places = pictures.iter().map(|picture| {
            let Pixels::Host(slot) = &picture.pixels else {
                return None;
            };
            // The layout has been checked against the slot.
            let needed = picture.layout.required_bytes().unwrap_or(0).min(slot.len());
            let place = bytes..bytes + needed;
            bytes = place.end.next_multiple_of(PICTURE_ALIGNMENT);
            Some(place)
        });
        let places: Vec<_> = places.collect();
        self.bytes = bytes;
        if bytes == 0 {
            return Ok(places);
        }
        let pinned = self.grown(context, bytes)?.pinned.bytes_mut()?;
        for (picture, place) in pictures.iter().zip(&places) {
            if let (Pixels::Host(slot), Some(place)) = (&picture.pixels, place) {
                slot.copy_to(&mut pinned[place.clone()]);
            }
        }
        Ok(places)
    }

    /// The transfer of what was put together, if there is any byte.
    pub fn transfer(&mut self) -> Result<Option<Transfer<'_>>, CudaError> {
        match &mut self.buffers {
            Some(Buffers { pinned, device }) if self.bytes > 0 => {
                let device = device.slice().part(0, self.bytes)?;
                Ok(Some(Transfer { pinned, device }))
            }
            _ => Ok(None),
        }
    }

    fn grown(&mut self, context: &Context, bytes: usize) -> Result<&mut Buffers, CudaError> {
        // What is too small goes first.
        let fitting = self.buffers.take().filter(|it| it.pinned.len() >= bytes);
        let buffers = match fitting {
            Some(buffers) => buffers,
            None => {
                let bytes = bytes.next_power_of_two();
                debug!(bytes, "room for frames in host memory");
                let what = "frames in host memory on their way to the device";
                Buffers {
                    pinned: PinnedBuffer::new(context, bytes, what)?,
                    device: DeviceBuffer::new(context, bytes, what)?,
                }
            }
        };
        Ok(self.buffers.insert(buffers))
    }
}
