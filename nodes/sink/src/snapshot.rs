//! `<camera>.png`: the camera's last picture that could be had, with its boxes.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use camweave_message::Detections;
use camweave_stage::Context;
use camweave_telemetry::span_names;
use camweave_vision::Picture;

use crate::{Canvas, annotate};

/// Keeps one annotated picture per camera up to date on disk.
#[derive(Debug)]
pub(crate) struct Snapshots {
    folder: PathBuf,
    every: Duration,
    taken: HashMap<String, Instant>,
}

impl Snapshots {
    pub fn new(folder: &Path, every: Duration) -> Self {
        Self {
            folder: folder.to_owned(),
            every,
            taken: HashMap::new(),
        }
    }

    /// Writes the row's picture if the camera's last one is old enough and the
    /// pixels are still there: the reference is weak, so the frame may be gone.
    ///
    /// # Errors
    /// What could not be written, in one line.
    pub fn offer(&mut self, context: &Context, row: &Detections) -> Result<(), String> {
        let camera = &*row.id.camera;
        let due = self
            .taken
            .get(camera)
            .is_none_or(|last| last.elapsed() >= self.every);
        let Some(picture) = row.picture.as_ref().filter(|_| due) else {
            return Ok(());
        };
        let Ok(slot) = context.attachments.acquire(&picture.slot) else {
            return Ok(());
        };
        let _span = context.span(&span_names::DRAW, &row.id);
        let view = Picture::new(&picture.layout, &slot)
            .map_err(|error| format!("{camera}: picture: {error}"))?;
        let mut canvas = Canvas {
            width: picture.layout.width,
            height: picture.layout.height,
            pixels: view.to_rgb8(),
        };
        drop(slot);
        annotate(&mut canvas, &row.boxes);
        let path = self.folder.join(format!("{camera}.png"));
        write_png(&path, &canvas).map_err(|error| format!("'{}': {error}", path.display()))?;
        self.taken.insert(camera.to_owned(), Instant::now());
        Ok(())
    }
}

/// Replaces the file in one step, so that a viewer never sees half a picture.
fn write_png(path: &Path, canvas: &Canvas) -> std::io::Result<()> {
    let temporary = path.with_extension("png.new");
    let mut encoder = png::Encoder::new(
        BufWriter::new(File::create(&temporary)?),
        canvas.width,
        canvas.height,
    );
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(std::io::Error::other)?;
    writer
        .write_image_data(&canvas.pixels)
        .map_err(std::io::Error::other)?;
    writer.finish().map_err(std::io::Error::other)?;
    fs::rename(temporary, path)
}
