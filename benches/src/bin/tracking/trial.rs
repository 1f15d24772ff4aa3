//! One tracker on one clip.

use anyhow::Result;
use camweave_tracker::TrackerSettings;
use camweave_vision::metrics::tracking::{self, FrameTracks, Sequence, TrackedBox};

use crate::clip::{Clip, Frame};
use crate::gaps::{Gap, Kept};

/// What came of it. Scores are percentages.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    pub hota: f64,
    pub det_a: f64,
    pub ass_a: f64,
    pub idf1: f64,
    pub mota: f64,
    pub id_switches: usize,
    pub kept: Kept,
}

/// Runs a tracker over each `every`th frame of a clip, without those that are inside gaps.
pub fn run(settings: &TrackerSettings, clip: &Clip, every: usize, gaps: &[Gap]) -> Result<Outcome> {
    let is_captured = |frame: &&Frame| {
        !gaps
            .iter()
            .any(|gap| frame.seconds >= gap.from && frame.seconds < gap.to)
    };
    let frames: Vec<&Frame> = (clip.frames.iter().step_by(every))
        .filter(is_captured)
        .collect();
    let mut follower = settings.follower();
    let mut sequence = Sequence::default();
    let mut last = None;
    for frame in &frames {
        let elapsed = last.map_or(0.0, |last| frame.seconds - last);
        last = Some(frame.seconds);
        let numbers = follower.update(elapsed, &frame.boxes);
        let objects = frame.boxes.iter().zip(numbers).filter_map(|(found, id)| {
            Some(TrackedBox {
                track_id: id?,
                class_id: found.class_id,
                bbox: found.bbox.map(f64::from),
            })
        });
        sequence.tracks.push(FrameTracks {
            objects: objects.collect(),
        });
        sequence.truth.push(frame.truth.clone());
    }
    let mut kept = Kept::default();
    let looked_at: Vec<_> = frames
        .iter()
        .zip(&sequence.tracks)
        .map(|(frame, tracks)| (frame.seconds, &frame.truth, &tracks.objects[..]))
        .collect();
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
        kept,
    })
}
