//! `<camera>.png`: the camera's last available frame, with its boxes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use camweave_cuda::CudaMemory;
use camweave_message::{Detections, PictureRef};
use camweave_outdir::{FILE_MODE, Folder, replace};
use camweave_pool::{Memory as _, ReadSlot};
use camweave_stage::Context;
use camweave_telemetry::span_names;
use camweave_vision::Picture;
use tracing::error;

use crate::device::{DevicePictures, NoPicture};
use crate::{Canvas, annotate};

/// Keeps one annotated frame per camera up to date on disk.
pub(crate) struct Snapshots {
    folder: Folder,
    every: Duration,
    /// When the camera's last one was taken, or could not be.
    taken: HashMap<String, Instant>,
    device: DevicePictures,
}

/// A frame's pixels, in whichever memory they are.
enum Held {
    Host(ReadSlot),
    Device(ReadSlot<CudaMemory>),
}

impl Snapshots {
    /// Frames in device memory are read from the CUDA device of the given number.
    pub fn new(folder: &Folder, every: Duration, device: u32) -> Self {
        Self {
            folder: folder.clone(),
            every,
            taken: HashMap::new(),
            device: DevicePictures::new(device),
        }
    }

    /// Releases the device memory of decoders that are gone, and forgets cameras whose next one is
    /// due anyway.
    pub fn sweep(&mut self) {
        self.taken.retain(|_, last| last.elapsed() < self.every);
        self.device.sweep();
    }

    /// Writes the row's frame if the camera's last one is old enough and the
    /// pixels are still there: the reference is weak, so the frame may be gone. Gives whether it did.
    ///
    /// # Errors
    /// What could not be written, in one line.
    pub fn offer(&mut self, context: &Context, row: &Detections) -> Result<bool, String> {
        let camera = &*row.id.camera;
        let due = self
            .taken
            .get(camera)
            .is_none_or(|last| last.elapsed() >= self.every);
        let Some(picture) = row.picture.as_ref().filter(|_| due) else {
            return Ok(false);
        };
        let held = match self.hold(context, picture) {
            Ok(held) => held,
            Err(NoPicture::Gone) => return Ok(false),
            Err(NoPicture::Unopened(line)) => {
                context.counters.stage_error("device_pictures");
                error!("no <camera>.png of frames in device memory: {line}; the run continues");
                return Ok(false);
            }
            Err(NoPicture::Failed(line)) => return Err(self.failed(camera, &line)),
        };
        let _span = context.span(&span_names::DRAW, &row.id);
        let pixels = match self.rgb8(picture, held) {
            Ok(pixels) => pixels,
            Err(line) => return Err(self.failed(camera, &line)),
        };
        let mut canvas = Canvas {
            width: picture.layout.width,
            height: picture.layout.height,
            pixels,
        };
        annotate(&mut canvas, &row.boxes);
        self.taken.insert(camera.to_owned(), Instant::now());
        let path = self.folder.claim(&format!("{camera}.png"));
        let path = path.map_err(|error| error.to_string())?;
        let written = png(&canvas).and_then(|bytes| replace(&path, &bytes, FILE_MODE));
        written.map_err(|error| format!("'{}': {error}", path.display()))?;
        Ok(true)
    }

    fn hold(&mut self, context: &Context, picture: &PictureRef) -> Result<Held, NoPicture> {
        let backend = &*picture.slot.pool.address().backend;
        if backend == CudaMemory::BACKEND {
            return self.device.hold(&picture.slot).map(Held::Device);
        }
        let held = context.attachments.acquire(&picture.slot);
        held.map(Held::Host).map_err(|_| NoPicture::Gone)
    }

    fn rgb8(&mut self, picture: &PictureRef, held: Held) -> Result<Vec<u8>, String> {
        match held {
            Held::Device(slot) => self.device.rgb8(&picture.layout, slot),
            Held::Host(slot) => {
                let view = Picture::new(&picture.layout, &slot);
                Ok(view.map_err(|error| error.to_string())?.to_rgb8())
            }
        }
    }

    /// The line of a frame that is not available. The next try is when the next snapshot is due.
    fn failed(&mut self, camera: &str, line: &str) -> String {
        self.taken.insert(camera.to_owned(), Instant::now());
        format!("{camera}: picture: {line}")
    }
}

fn png(canvas: &Canvas) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, canvas.width, canvas.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(std::io::Error::other)?;
    writer
        .write_image_data(&canvas.pixels)
        .map_err(std::io::Error::other)?;
    writer.finish().map_err(std::io::Error::other)?;
    Ok(bytes)
}
