//! The `file-source` stage: media files in, units out, each file as one camera.
//!
//! Each file is demuxed with FFmpeg on a thread of its own, a few units ahead. The stage's loop
//! sends what is due and sleeps until the next unit is; it never waits for a file. `README.md` is
//! the node's documentation.

mod camera;
mod feed;
mod files;
mod pace;
mod playback;
mod window;

use std::time::{Duration, Instant};

use camweave_message::{Passage, Unit};
use camweave_stage::{Context, Env, Key, Output, Stage, StageError};
use tracing::warn;

use camera::{Camera, Pacing};
use feed::Opening;
use playback::Extent;

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
    const ABOUT: &'static str = "Plays media files (H.264, H.265, VP9, AV1, Motion JPEG, MPEG-4) as cameras, in real time or as fast as frames come back.";
    const KEYS: &'static [Key] = &[
        Key {
            name: "FILES",
            default: None,
            help: "media files as 'path' or 'id=path', separated by commas; paths with commas in double quotes",
        },
        Key {
            name: "PACE",
            default: Some("realtime"),
            help: "'realtime' (by the file's times) or 'fast' (as frames come back to this node's input)",
        },
        Key {
            name: "WINDOW",
            default: Some("32"),
            help: "frames of one camera that are out at once with PACE=fast",
        },
        Key {
            name: "RETURN_TIMEOUT_MS",
            default: Some("2000"),
            help: "milliseconds after which a frame that has not come back is given up with PACE=fast",
        },
        Key {
            name: "LOOP",
            default: Some("1"),
            help: "passes over each file, 0 for ever",
        },
        Key {
            name: "MAX_FRAMES",
            default: Some("0"),
            help: "frames of each file at most, 0 for all",
        },
    ];
    const OPTIONAL_INPUT: bool = true;
    type In = Passage;
    type Out = Unit;

    fn open(env: &Env, context: &Context) -> Result<Self, StageError> {
        let text = env.required("FILES")?;
        let files = files::parse(text).map_err(|message| {
            StageError::configuration(format!("env FILES='{text}': {message}"))
        })?;
        let timeout = Duration::from_millis(env.number("RETURN_TIMEOUT_MS", 1..=3_600_000_u64)?);
        // The widest reordering of H.264 and H.265 holds 16 frames back.
        let window = env.number("WINDOW", 1..=4096_usize)?;
        let fast = env.choice("PACE", &[("realtime", false), ("fast", true)])?;
        let pacing = if fast {
            Pacing::Fast { window, timeout }
        } else {
            Pacing::Realtime
        };
        let extent = Extent {
            passes: env.number("LOOP", 0..=u64::MAX)?,
            max_units: env.number("MAX_FRAMES", 0..=u64::MAX)?,
        };
        // Its errors have no text before.
        ffmpeg_next::init()
            .map_err(|error| StageError::missing(format!("FFmpeg does not start: {error}")))?;
        // What it says of damaged files is counted and said here, by camera.
        ffmpeg_next::util::log::set_level(ffmpeg_next::util::log::Level::Quiet);
        let cameras = open_all(files, extent, context)?;
        Ok(Self {
            context: context.clone(),
            cameras,
            pacing,
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
                    "PACE=fast, but no frame has come back: connect the output of the last stage to this node (for example 'inputs: {{done: nms/out}}'), or set PACE=realtime"
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
    files: Vec<files::FileSpec>,
    extent: Extent,
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
            Ok(feed) => cameras.push(Camera::new(feed, context.clone())),
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
