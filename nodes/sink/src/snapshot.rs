//! `<camera>.png`: the camera's last available frame, with its boxes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use camweave_image::Image;
use camweave_message::Detections;
use camweave_outdir::{FILE_MODE, Folder, replace};
use camweave_pool::Attachments;
use camweave_snapshot::NoPicture;
use camweave_stage::Context;
use camweave_telemetry::span_names;
use tracing::error;

use crate::annotate;

/// Keeps one annotated frame per camera up to date on disk.
pub(crate) struct Snapshots {
    folder: Folder,
    every: Duration,
    /// When the camera's last one was taken, or could not be.
    taken: HashMap<String, Instant>,
    frames: camweave_snapshot::Snapshots,
}

impl Snapshots {
    /// Frames in device memory are read from the CUDA device of the given number.
    pub fn new(folder: &Folder, every: Duration, host: &Attachments, device: u32) -> Self {
        Self {
            folder: folder.clone(),
            every,
            taken: HashMap::new(),
            frames: camweave_snapshot::Snapshots::new(host, device),
        }
    }

    /// Releases the device memory of decoders that are gone, and forgets cameras whose next one is
    /// due anyway.
    pub fn sweep(&mut self) {
        self.taken.retain(|_, last| last.elapsed() < self.every);
        self.frames.sweep();
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
        let held = match self.frames.hold(picture) {
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
        let pixels = match self.frames.rgb8(picture, held) {
            Ok(pixels) => pixels,
            Err(line) => return Err(self.failed(camera, &line)),
        };
        let mut canvas = Image {
            width: picture.layout.width,
            height: picture.layout.height,
            rgb: pixels,
        };
        annotate(&mut canvas, &row.boxes);
        self.taken.insert(camera.to_owned(), Instant::now());
        let path = self.folder.claim(&format!("{camera}.png"));
        let path = path.map_err(|error| error.to_string())?;
        let png = canvas.to_png().map_err(std::io::Error::other);
        let written = png.and_then(|bytes| replace(&path, &bytes, FILE_MODE));
        written.map_err(|error| format!("'{}': {error}", path.display()))?;
        Ok(true)
    }

    /// The line of a frame that is not available. The next try is when the next snapshot is due.
    fn failed(&mut self, camera: &str, line: &str) -> String {
        self.taken.insert(camera.to_owned(), Instant::now());
        format!("{camera}: picture: {line}")
    }
}
