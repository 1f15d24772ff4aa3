//! Which clips are replayed, and what was detected in them.

use std::collections::{BTreeMap, BTreeSet};
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
    /// When those frames are presented, in seconds of the clip, by number.
    pub times: BTreeMap<u64, f64>,
}

/// The clips at `path`, a clip or a folder: one that a recorder writes into, or one with clips in it.
/// Ids are the cameras', with a number from each one's second clip on. And why some of them cannot be
/// replayed, a line each.
///
/// # Errors
/// There is none that can be.
pub fn find(path: &Path) -> Result<(Vec<Replayed>, Vec<String>), CliError> {
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
    // A camera may be called as the second clip of another would be.
    let mut taken: BTreeSet<String> = listed.iter().map(|it| it.name.camera.clone()).collect();
    let mut cameras = BTreeSet::new();
    let (mut all, mut unusable) = (Vec::new(), Vec::new());
    for clip in listed {
        let (path, sidecar) = match open(&clip) {
            Ok(opened) => opened,
            Err(why) => {
                unusable.push(format!("'{}': {why}", clip.path.display()));
                continue;
            }
        };
        let camera = clip.name.camera;
        let id = if cameras.insert(camera.clone()) {
            camera
        } else {
            let mut ids = (2..).map(|number| id(&camera, number));
            ids.find(|id| !taken.contains(id)).unwrap_or(camera)
        };
        taken.insert(id.clone());
        all.push(Replayed {
            seconds: sidecar.seconds,
            frames: sidecar.frame_count,
            seen: seen(&id, &sidecar),
            times: sidecar
                .frames
                .iter()
                .filter(|it| it.detections.is_some())
                .map(|it| (it.frame.sequence, it.frame.at))
                .collect(),
            id,
            path,
        });
    }
    if all.is_empty() {
        return Err(CliError::new(
            Exit::Input,
            format!("no clip can be replayed: {}", unusable.join("; ")),
        ));
    }
    Ok((all, unusable))
}

/// The whole path and the sidecar of a clip; `Err`: why it cannot be replayed.
fn open(clip: &Clip) -> Result<(PathBuf, Sidecar), String> {
    let path = fs::canonicalize(&clip.path).map_err(|error| error.to_string())?;
    let sidecar = read_sidecar(&path).map_err(|error| format!("its sidecar: {error}"))?;
    let (listed, count) = (sidecar.frames.len() as u64, sidecar.frame_count);
    if listed != count {
        return Err(format!("its sidecar lists {listed} of {count} frames"));
    }
    Ok((path, sidecar))
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
    let end = format!("-{number}");
    let kept: String = camera.chars().take(MOST_ID - end.len()).collect();
    kept + &end
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
