use std::collections::HashMap;
use std::time::{Duration, Instant};

use camweave_message::{Passage, Unit};
use camweave_stage::{Context, DropReason, Output, Stage, StageError};
use tracing::warn;

use crate::camera::{Camera, Pacing};
use crate::drops::DROPS;
use crate::feed::Opening;
use crate::files::FileSpec;
use crate::playback::Extent;
use crate::recorded::{self, Recorded};
use crate::settings::{FileSourceSettings, Times};

/// Rows of one message at most.
const ROWS_PER_MESSAGE: usize = 64;
/// Coded bytes after which a message is sent, well below what dora carries (64 MiB).
const BYTES_PER_MESSAGE: usize = 8 << 20;

/// All files are opened at once; one that takes longer is not played.
const OPEN_WITHIN: Duration = Duration::from_secs(20);

/// Plays media files.
pub struct FileSource {
    context: Context,
    cameras: Vec<Camera>,
    pacing: Pacing,
    any_returned: bool,
    warned: bool,
    more: bool,
}

impl Stage for FileSource {
    const KIND: &'static str = "file-source";
    const ABOUT: &'static str = "Plays media files (H.264, H.265, VP9, AV1, Motion JPEG, MPEG-4) as cameras, in real time or as fast as frames are returned.";
    const OPTIONAL_INPUT: bool = true;
    type Settings = FileSourceSettings;
    const DROPS: &'static [DropReason] = DROPS;
    type In = Passage;
    type Out = Unit;

    fn open(settings: FileSourceSettings, context: &Context) -> Result<Self, StageError> {
        let files = settings.files()?;
        // Its errors have no text before.
        ffmpeg_next::init()
            .map_err(|error| StageError::missing(format!("FFmpeg does not start: {error}")))?;
        // What it says of damaged files is counted and said here, by camera.
        ffmpeg_next::util::log::set_level(ffmpeg_next::util::log::Level::Quiet);
        let mut recorded = match settings.times {
            Times::Played => HashMap::new(),
            Times::Recorded => recorded::of_files(&files)?,
        };
        let cameras = open_all(files, settings.extent(), &mut recorded, context)?;
        Ok(Self {
            context: context.clone(),
            cameras,
            pacing: settings.pacing(),
            any_returned: false,
            warned: false,
            more: true,
        })
    }

    fn rows(&mut self, rows: Vec<Passage>, _: &mut Output<Unit>) -> Result<(), StageError> {
        for row in rows {
            if let Some(camera) = self.cameras.iter_mut().find(|camera| camera.is(&row.id)) {
                self.any_returned |= camera.window.returned(row.id.sequence);
            }
        }
        Ok(())
    }

    fn tick(&mut self, out: &mut Output<Unit>) -> Result<(), StageError> {
        if self.context.stopping() {
            return Ok(());
        }
        let now = Instant::now();
        self.more = false;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for camera in &mut self.cameras {
            let lost = camera.give_up(self.pacing, now);
            if lost > 0 && !self.any_returned && !self.warned {
                self.warned = true;
                warn!(
                    "PACE=fast, but no frame was returned: connect the output of the last stage to this node (for example 'inputs: {{done: nms/out}}'), or set PACE=realtime"
                );
            }
            while rows.len() < ROWS_PER_MESSAGE && bytes < BYTES_PER_MESSAGE {
                let Some(unit) = camera.next(self.pacing, now) else {
                    break;
                };
                bytes += unit.data.len();
                rows.push(unit);
            }
            if rows.len() == ROWS_PER_MESSAGE || bytes >= BYTES_PER_MESSAGE {
                self.more = true;
                bytes = 0;
                out.send(std::mem::take(&mut rows));
            }
        }
        out.send(rows);
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        if self.more {
            return Some(Instant::now());
        }
        self.cameras
            .iter()
            .filter_map(|camera| camera.deadline(self.pacing))
            .min()
    }

    fn finished(&self) -> bool {
        self.context.stopping() || self.cameras.iter().all(Camera::is_finished)
    }

    fn close(&mut self, out: &mut Output<Unit>) -> Result<(), StageError> {
        out.send(self.cameras.iter_mut().filter_map(Camera::end).collect());
        Ok(())
    }
}

/// Opens each file. One that cannot be played is that camera's state; the others play.
///
/// # Errors
/// None can be played.
fn open_all(
    files: Vec<FileSpec>,
    extent: Extent,
    recorded: &mut HashMap<String, Recorded>,
    context: &Context,
) -> Result<Vec<Camera>, StageError> {
    let (mut cameras, mut unplayed) = (Vec::new(), Vec::new());
    let count = files.len();
    let openings: Vec<Opening> = files
        .into_iter()
        .map(|spec| Opening::begin(spec, extent, context.waker()))
        .collect::<Result<_, _>>()
        .map_err(|error| {
            StageError::resource(format!("cannot start {count} threads, one a file: {error}"))
        })?;
    let until = Instant::now() + OPEN_WITHIN;
    for opening in openings {
        let id = opening.spec.id.clone();
        match opening.wait(until, || context.stopping()) {
            Ok(feed) => cameras.push(Camera::new(feed, recorded.remove(&id), context.clone())),
            Err(error) => {
                let (kind, advice) = (error.kind(), error.advice());
                let state = format!("offline: {kind} ({advice})");
                context.counters.camera_state(&id, &state);
                context.counters.error(&id, kind);
                if count > 1 {
                    warn!(camera = id, "not played: {error}");
                }
                unplayed.push(error.to_string());
            }
        }
    }
    match unplayed.first() {
        Some(first) if cameras.is_empty() => Err(StageError::input(match unplayed.len() {
            1 => first.clone(),
            count => format!("none of the {count} files can be played; the first: {first}"),
        })),
        _ => Ok(cameras),
    }
}
