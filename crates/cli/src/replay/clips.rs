//! Which clips are replayed, and what was detected in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use camweave_recording::{Clip, Sidecar, clips, read_sidecar};
use camweave_stage::Exit;

use super::findings::Seen;
use crate::error::CliError;

/// Longest camera id: what tells clips of one camera apart must fit.
const MOST_ID: usize = 64;

/// A clip that is replayed, as the camera `id`.
pub struct Replayed {
    pub id: String,
    pub path: PathBuf,
    pub seconds: f64,
    pub frames: u64,
    /// What was detected in its frames.
    pub seen: Vec<Seen>,
}

/// The clips at `path`, a clip or a folder: one that a recorder writes into, or one with clips in it.
/// Ids are the cameras', with a number from each one's second clip on.
///
/// # Errors
/// There is none, or one without a sidecar.
pub fn find(path: &Path) -> Result<Vec<Replayed>, CliError> {
    let listed = list(path).map_err(|error| CliError::file("read", path, &error))?;
    if listed.is_empty() {
        return Err(CliError::new(
            Exit::Input,
            format!(
                "'{}' has no clips, expected a clip of a recorder, such as gate-20261130T184803.123Z.mp4, or a folder of them",
                path.display()
            ),
        ));
    }
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = Vec::new();
    for clip in listed {
        let path = fs::canonicalize(&clip.path)
            .map_err(|error| CliError::file("open", &clip.path, &error))?;
        let sidecar = read_sidecar(&path)
            .map_err(|error| CliError::file("read", &clip.sidecar_path(), &error))?;
        let number = numbers.entry(clip.name.camera.clone()).or_default();
        *number += 1;
        let id = id(&clip.name.camera, *number);
        all.push(Replayed {
            seconds: sidecar.seconds,
            frames: sidecar.frame_count,
            seen: seen(&id, &sidecar),
            id,
            path,
        });
    }
    Ok(all)
}

fn list(path: &Path) -> std::io::Result<Vec<Clip>> {
    if path.is_file() {
        return Ok(Clip::at(path)?.into_iter().collect());
    }
    let mut all = clips(path)?;
    if all.is_empty() {
        for entry in fs::read_dir(path)? {
            all.extend(Clip::at(&entry?.path())?);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(all)
}

fn id(camera: &str, number: usize) -> String {
    match number {
        1 => camera.to_owned(),
        number => {
            let end = format!("-{number}");
            let kept: String = camera.chars().take(MOST_ID - end.len()).collect();
            kept + &end
        }
    }
}

fn seen(id: &str, sidecar: &Sidecar) -> Vec<Seen> {
    let frames = sidecar.frames.iter();
    frames
        .filter_map(|frame| {
            let found = frame.detections.as_ref()?;
            Some(Seen {
                camera: id.to_owned(),
                sequence: frame.frame.sequence,
                width: found.width,
                height: found.height,
                boxes: found.boxes.clone(),
                scores: found.scores.clone(),
                labels: found.labels.clone(),
            })
        })
        .collect()
}
