//! Single frames of any pool, read for people: held while they are there, and copied to the host as
//! RGB.
//!
//! References are weak: a frame that is looked at late is gone, which is no error.

mod device;
mod no_picture;

use camweave_cuda::CudaMemory;
use camweave_message::PictureRef;
use camweave_pool::{Attachments, Memory as _, ReadSlot};
use camweave_vision::Picture;

use device::DevicePictures;

pub use no_picture::NoPicture;

/// A frame's pixels, in whichever memory they are.
pub struct Held(In);

enum In {
    Host(ReadSlot),
    Device(ReadSlot<CudaMemory>),
}

/// Reads frames of all pools that this process reaches.
pub struct Snapshots {
    host: Attachments,
    device: DevicePictures,
}

impl Snapshots {
    /// Frames in host memory are read from the pools in `host`, those in device memory from the CUDA
    /// device of the given number.
    #[must_use]
    pub fn new(host: &Attachments, device: u32) -> Self {
        Self {
            host: host.clone(),
            device: DevicePictures::new(device),
        }
    }

    /// Releases the device memory of decoders that are gone.
    pub fn sweep(&mut self) {
        self.device.sweep();
    }

    /// Holds a frame: until it is read or dropped, its slot is not written.
    ///
    /// # Errors
    /// It is gone or cannot be reached, or there is no device.
    pub fn hold(&mut self, picture: &PictureRef) -> Result<Held, NoPicture> {
        let backend = &*picture.slot.pool.address().backend;
        if backend == CudaMemory::BACKEND {
            let held = self.device.hold(&picture.slot);
            return held.map(In::Device).map(Held);
        }
        let held = self.host.acquire(&picture.slot);
        held.map(In::Host).map(Held).map_err(|_| NoPicture::Gone)
    }

    /// A held frame as packed RGB; its slot is released when it is copied.
    ///
    /// # Errors
    /// The slot does not hold what the layout says; the driver's.
    pub fn rgb8(&mut self, picture: &PictureRef, held: Held) -> Result<Vec<u8>, String> {
        match held.0 {
            In::Device(slot) => self.device.rgb8(&picture.layout, slot),
            In::Host(slot) => {
                let view = Picture::new(&picture.layout, &slot);
                Ok(view.map_err(|error| error.to_string())?.to_rgb8())
            }
        }
    }
}
