//! One tracker on one clip.

use anyhow::Result;
use camweave_tracker::{BoxClass, TrackerSettings};
use camweave_vision::metrics::tracking::{self, FrameTracks, Sequence, TrackedBox};

use crate::clip::{Clip, Frame};
use crate::gaps::{self, Gap, Kept};
use crate::switches::Switches;

/// What gives boxes their ids.
#[derive(Debug, Clone)]
pub enum Method {
    Tracker(TrackerSettings),
    /// The truth itself: as far as a tracker could get with these boxes.
    Truth,
}

/// What came of it. Scores are percentages.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    pub hota: f64,
    pub det_a: f64,
    pub ass_a: f64,
    pub idf1: f64,
    pub mota: f64,
    pub id_switches: usize,
    pub switches: Switches,
    pub kept: Kept,
}

/// Runs a tracker over each `every`th frame of a clip, without those that are inside gaps.
pub fn run(method: &Method, clip: &Clip, every: usize, gaps: &[Gap]) -> Result<Outcome> {
    let is_captured = |frame: &&Frame| {
        !gaps
            .iter()
            .any(|gap| frame.seconds >= gap.from && frame.seconds < gap.to)
    };
    let frames: Vec<&Frame> = (clip.frames.iter().step_by(every))
        .filter(is_captured)
        .collect();
    let sequence = Sequence {
        truth: frames.iter().map(|frame| frame.truth.clone()).collect(),
        tracks: match method {
            Method::Tracker(settings) => tracked(settings, &frames),
            Method::Truth => frames.iter().map(|frame| known(frame)).collect(),
        },
    };
    let mut kept = Kept::default();
    let looked_at: Vec<_> = frames
        .iter()
        .zip(&sequence.tracks)
        .map(|(frame, tracks)| (frame.seconds, &frame.truth, &tracks.objects[..]))
        .collect();
    let switches = Switches::of(&looked_at);
    for gap in gaps {
        kept.add(*gap, &looked_at);
    }
    let scores = tracking::evaluate(&[sequence])?;
    let percent = |score: Option<f64>| 100.0 * score.unwrap_or(0.0);
    Ok(Outcome {
        hota: percent(scores.hota.map(|it| it.hota)),
        det_a: percent(scores.hota.map(|it| it.det_a)),
        ass_a: percent(scores.hota.map(|it| it.ass_a)),
        idf1: percent(scores.idf1),
        mota: percent(scores.mota),
        id_switches: scores.id_switches,
        switches,
        kept,
    })
}

fn tracked(settings: &TrackerSettings, frames: &[&Frame]) -> Vec<FrameTracks> {
    let mut follower = settings.follower();
    let mut last = None;
    let tracks = frames.iter().map(|frame| {
        let elapsed = last.map_or(0.0, |last| frame.seconds - last);
        last = Some(frame.seconds);
        let followed = follower.update(elapsed, &frame.boxes);
        let objects = frame
            .boxes
            .iter()
            .zip(followed)
            .filter_map(|(found, track)| {
                let track = track?;
                Some(TrackedBox {
                    track_id: track.number,
                    class_id: match settings.box_class {
                        BoxClass::Voted => track.class_id,
                        BoxClass::Detected => found.class_id,
                    },
                    bbox: found.bbox.map(f64::from),
                })
            });
        FrameTracks {
            objects: objects.collect(),
        }
    });
    tracks.collect()
}

/// The boxes that are on objects, with the ids and classes of those.
fn known(frame: &Frame) -> FrameTracks {
    let boxes: Vec<TrackedBox> = (0..)
        .zip(&frame.boxes)
        .map(|(index, found)| TrackedBox {
            track_id: index,
            class_id: found.class_id,
            bbox: found.bbox.map(f64::from),
        })
        .collect();
    let objects = gaps::pairs(&frame.truth, &boxes)
        .into_iter()
        .filter_map(|(id, index)| {
            let object = (frame.truth.objects.iter()).find(|object| object.track_id == id)?;
            Some(TrackedBox {
                track_id: id,
                class_id: object.class_id,
                ..boxes[index as usize]
            })
        });
    FrameTracks {
        objects: objects.collect(),
    }
}
