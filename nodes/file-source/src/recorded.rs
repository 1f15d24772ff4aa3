//! Clips of a recorder, played as what they were recorded of: frames have the identity, the capture
//! time and the areas that the camera's frames had.

use std::collections::HashMap;
use std::path::Path;

use camweave_message::{Areas, CapturedClock, FrameId, Ignored, limits};
use camweave_recording::{ClipFrame, FrameNote, Sidecar, read_sidecar};
use camweave_stage::StageError;
use camweave_vision::{Polygon, Region};

use crate::files::FileSpec;

/// The frames of one clip.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub session_unix_nanos: i64,
    pub areas: Areas,
    frames: Vec<Identity>,
}

#[derive(Debug, Clone, Copy)]
struct Identity {
    sequence: u64,
    pts_nanos: i64,
    captured_unix_nanos: i64,
    captured_clock: CapturedClock,
}

/// The sidecars of these clips, by id.
///
/// # Errors
/// A file has none, or one that does not list its frames.
pub(crate) fn of_files(files: &[FileSpec]) -> Result<HashMap<String, Recorded>, StageError> {
    let read = |file: &FileSpec| {
        let recorded = Recorded::of(&file.path).map_err(|reason| {
            StageError::input(format!(
                "env FILES: camera '{}': '{}': {reason}, expected a clip of a recorder with its sidecar, as TIMES is 'recorded'",
                file.id,
                file.path.display()
            ))
        })?;
        Ok((file.id.clone(), recorded))
    };
    files.iter().map(read).collect()
}

impl Recorded {
    fn of(path: &Path) -> Result<Self, String> {
        let sidecar = read_sidecar(path).map_err(|error| format!("its sidecar: {error}"))?;
        let listed = sidecar.frames.len();
        if listed as u64 != sidecar.frame_count {
            let count = sidecar.frame_count;
            return Err(format!("its sidecar lists {listed} of {count} frames"));
        }
        let frames = sidecar.frames.iter().map(|ClipFrame { frame, .. }| {
            Identity::of(frame).ok_or_else(|| {
                format!(
                    "its sidecar: frame {} has a value out of range",
                    frame.sequence
                )
            })
        });
        let frames = frames.collect::<Result<Vec<_>, _>>()?;
        let areas = areas(&sidecar).ok_or("its sidecar: 'region' or 'ignore' is out of range")?;
        let session_unix_nanos = sidecar.head.session_unix_nanos;
        if !is_time(session_unix_nanos) {
            return Err("its sidecar: 'session_unix_nanos' is out of range".to_owned());
        }
        Ok(Self {
            session_unix_nanos,
            areas,
            frames,
        })
    }

    /// The identity of the frame of this number in the clip, in decoding order; after the last one, of
    /// the end of the session.
    pub fn id(&self, index: u64, camera: &std::sync::Arc<str>) -> Option<FrameId> {
        let frame = usize::try_from(index)
            .ok()
            .and_then(|it| self.frames.get(it));
        let end = self.frames.last().map(|last| Identity {
            sequence: last.sequence + 1,
            ..*last
        });
        let frame = frame.copied().or(end)?;
        Some(FrameId {
            camera: std::sync::Arc::clone(camera),
            session_unix_nanos: self.session_unix_nanos,
            sequence: frame.sequence,
            pts_nanos: frame.pts_nanos,
            captured_unix_nanos: frame.captured_unix_nanos,
            captured_clock: frame.captured_clock,
        })
    }
}

impl Identity {
    fn of(frame: &FrameNote) -> Option<Self> {
        let is_valid = frame.sequence < limits::MAX_SEQUENCE
            && is_time(frame.pts_nanos)
            && is_time(frame.captured_unix_nanos);
        is_valid.then_some(())?;
        Some(Self {
            sequence: frame.sequence,
            pts_nanos: frame.pts_nanos,
            captured_unix_nanos: frame.captured_unix_nanos,
            captured_clock: frame.captured_clock.parse().ok()?,
        })
    }
}

fn is_time(nanos: i64) -> bool {
    (-limits::MAX_NANOS..=limits::MAX_NANOS).contains(&nanos)
}

fn areas(sidecar: &Sidecar) -> Option<Areas> {
    let region = match &sidecar.head.region[..] {
        [] => None,
        edges => Some(Region::new(edges.try_into().ok()?)?),
    };
    let polygons = sidecar.head.ignore.iter().map(|it| Polygon::new(it));
    let ignored = Ignored::new(polygons.collect::<Option<_>>()?)?;
    Some(Areas { region, ignored })
}
