//! Frames whose pixels are held, in whichever memory they are.

use camweave_cuda::letterbox::FrameDescriptor;
use camweave_cuda::{Context, CudaMemory};
use camweave_detect::infer::{ModelInfo, View, malformed};
use camweave_message::Frame;
use camweave_pool::{Attachments, HostMemory, Memory as _, ReadSlot};
use camweave_stage::Refusal;
use camweave_vision::{Letterbox, Picture, PictureLayout};

/// Where a frame's pixels are.
pub enum Pixels {
    /// On this device, written by a hardware decoder.
    Device(ReadSlot<CudaMemory>),
    /// In the host's memory, written by a software decoder.
    Host(ReadSlot),
}

/// A frame that is held, and its place in the network's input.
pub struct HeldPicture {
    pub layout: PictureLayout,
    pub letterbox: Letterbox,
    pub pixels: Pixels,
}

/// The pools that frames come from.
pub struct PicturePools {
    host: Attachments,
    device: Attachments<CudaMemory>,
}

impl PicturePools {
    pub fn new(host: Attachments, context: &Context) -> Self {
        let device = Attachments::new_in(context.clone());
        Self { host, device }
    }

    /// Releases pools that are over.
    pub fn sweep(&self) {
        self.device.sweep();
    }

    /// Holds a frame's pixels, and checks that they are what the frame says.
    pub fn hold(&self, frame: &Frame, model: &ModelInfo) -> Result<HeldPicture, Refusal> {
        let picture = &frame.picture;
        let View { layout, letterbox } = View::of(frame, model)?;
        let refused = |error| Refusal::from(&error);
        let pixels = if &*picture.slot.pool.address().backend == HostMemory::BACKEND {
            let slot = self.host.acquire(&picture.slot).map_err(refused)?;
            Picture::new(&layout, &slot).map_err(malformed)?;
            Pixels::Host(slot)
        } else {
            let slot = self.device.acquire(&picture.slot).map_err(refused)?;
            FrameDescriptor::new(&layout, slot.address(), &letterbox).map_err(malformed)?;
            Pixels::Device(slot)
        };
        Ok(HeldPicture {
            layout,
            letterbox,
            pixels,
        })
    }
}
