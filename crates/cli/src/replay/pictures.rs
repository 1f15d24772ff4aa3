//! Pictures of the frames that differ most.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use camweave_image::Image;
use camweave_outdir::Folder;
use camweave_recording::{Sidecar, read_sidecar};
use camweave_stage::Exit;

use super::clips::Replayed;
use super::drawing::draw;
use super::findings::Seen;
use super::footage;
use super::picture::{Object, Picture};
use super::ranking::{Candidate, Difference, choose};
use crate::error::{self, CliError};
use crate::say::note;

/// Where they are, in the folder of the results.
pub const FOLDER: &str = "pictures";
/// From 90 on, text is sharp.
const QUALITY: u8 = 92;

/// Writes at most so many, in place of those of an earlier run; those that differ most are first. A frame
/// that cannot be decoded, or a picture that cannot be written, is reported and left out.
///
/// # Errors
/// Those of an earlier run cannot be removed, or the folder is somebody else's.
pub fn write(
    out: &Folder,
    clips: &[Replayed],
    replayed: &[Seen],
    most: usize,
    interrupted: &AtomicBool,
) -> Result<Vec<Picture>, CliError> {
    if out.owns(&format!("{FOLDER}/"))? {
        out.claim_folder(FOLDER)?.remove_own(&[])?;
    }
    let recorded = clips.iter().flat_map(|clip| {
        let at = |it: &Seen| clip.times.get(&it.sequence).copied().unwrap_or(0.0);
        clip.seen.iter().map(move |it| (it, at(it)))
    });
    let chosen = choose(recorded, replayed, most);
    let mut made = BTreeMap::new();
    for clip in clips {
        let of_clip = chosen.iter().enumerate();
        let of_clip = of_clip.filter(|(_, it)| it.recorded.camera == clip.id);
        let of_clip: BTreeMap<u64, (usize, &Candidate<'_>)> = of_clip
            .map(|(rank, it)| (it.recorded.sequence, (rank, it)))
            .collect();
        if of_clip.is_empty() || interrupted.load(Ordering::Acquire) {
            continue;
        }
        let sidecar = match read_sidecar(&clip.path) {
            Ok(sidecar) => sidecar,
            Err(error) => {
                note!(
                    "no pictures of '{}': its sidecar: {error}",
                    clip.path.display()
                );
                continue;
            }
        };
        let folder = out.claim_folder(FOLDER)?;
        let sequences: Vec<u64> = of_clip.keys().copied().collect();
        footage::decode(
            &clip.path,
            &sidecar.frames,
            &sequences,
            |sequence, image| {
                let Some((rank, candidate)) = of_clip.get(&sequence) else {
                    return;
                };
                let one = image.and_then(|image| {
                    one(&folder, clip, &sidecar, candidate, image)
                        .map_err(|error| error.to_string())
                });
                match one {
                    Ok(picture) => drop(made.insert(*rank, picture)),
                    Err(why) => note!(
                        "no picture of frame {sequence} of '{}': {why}",
                        clip.path.display()
                    ),
                }
            },
        );
    }
    if made.is_empty() {
        out.remove_empty_folder(FOLDER)?;
    }
    Ok(made.into_values().collect())
}

fn one(
    folder: &Folder,
    clip: &Replayed,
    sidecar: &Sidecar,
    candidate: &Candidate<'_>,
    mut image: Image,
) -> Result<Picture, CliError> {
    let size = (image.width, image.height);
    let found = Difference::new(candidate.recorded, candidate.replayed, Some(size));
    let (sequence, seconds) = (candidate.recorded.sequence, candidate.at);
    let stem = clip.path.file_stem().unwrap_or_default().to_string_lossy();
    draw(
        &mut image,
        &found,
        &format!("{stem}, frame {sequence}, {seconds:.2} s"),
    );
    let name = format!("{}-{sequence}.jpg", clip.id);
    let jpeg = image.to_jpeg(QUALITY);
    let jpeg = jpeg.map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    error::write(folder, &name, &jpeg)?;
    Ok(Picture {
        file: format!("{FOLDER}/{name}"),
        camera: sidecar.head.camera.clone(),
        clip: clip.path.clone(),
        sequence,
        seconds,
        only_recorded: by_class(&found.recorded, &found.only_recorded),
        only_replayed: by_class(&found.replayed, &found.only_replayed),
    })
}

/// These objects of a frame, by class.
fn by_class(seen: &Seen, objects: &[usize]) -> BTreeMap<String, Vec<Object>> {
    let mut all: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    for &index in objects {
        all.entry(seen.labels[index].clone())
            .or_default()
            .push(Object {
                score: seen.scores[index],
                bbox: seen.boxes[index],
            });
    }
    all
}
