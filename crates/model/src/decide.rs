//! Which description a model's outputs of some pictures fit.

use camweave_vision::{Activation, BoxCoding, BoxSpace, Scores, Task};

use crate::describe::Description;
use crate::error::ModelError;
use crate::facts::write;
use crate::family::Family;
use crate::file::ModelFile;
use crate::values::{Found, Values};

/// A score below this says nothing about its box.
const LEAST_SCORE: f32 = 0.01;
/// Boxes of a frame that are looked at.
const MOST_BOXES: usize = 300;
/// Of these boxes so many may be odd, in parts: networks draw some boxes beyond a frame's edge.
const ODD_PART: f32 = 0.1;
/// A box may end so far beyond a frame, in parts of it.
const BEYOND: f32 = 0.5;
/// Boxes that are shown, as far as overlaps matter.
const SHOWN_SCORE: f32 = 0.25;
/// Boxes of one class that overlap more than this are one object's.
const SAME_IOU: f32 = 0.7;
/// Of fewer boxes nothing is said about overlaps.
const MANY_BOXES: usize = 10;
/// Oriented boxes are rotated by at most a turn, in radians.
const MOST_ANGLE: f32 = std::f32::consts::TAU;

/// The description that the outputs of some frames fit, of those that the file and its shapes leave.
/// `frames` has the values of each frame under a description: all of its outputs, one after the
/// other.
///
/// # Errors
/// Several fit or none; the line says what to write into `MODEL.yml`.
pub fn decide(
    file: &ModelFile,
    descriptions: Vec<Description>,
    size: (u32, u32),
    mut frames: impl FnMut(&Description) -> Vec<Vec<f32>>,
) -> Result<Description, ModelError> {
    let is_tried = file.settings.trial != Some(false);
    let mut fits: Vec<Description> = Vec::new();
    let mut reasons = Vec::new();
    for mut description in descriptions {
        let tried = if is_tried {
            check(file, &description, size, &frames(&description))
        } else {
            Ok(Seen::of("not run: trial: false in MODEL.yml".to_owned()))
        };
        match tried {
            Ok(seen) => {
                description.reasons.push(format!("trial: {}", seen.what));
                description.warnings.extend(seen.warning);
                fits.push(description);
            }
            Err(why) => reasons.push((description.family, why)),
        }
    }
    one(file, fits, &reasons)
}

/// The one description that is left; `reasons` say why others do not fit.
fn one(
    file: &ModelFile,
    mut fits: Vec<Description>,
    reasons: &[(Family, Misfit)],
) -> Result<Description, ModelError> {
    fits.dedup_by(|a, b| a.head == b.head && a.input == b.input && a.outputs == b.outputs);
    match (fits.len(), reasons) {
        (1, _) => Ok(fits.remove(0)),
        (0, [(family, misfit)]) => Err(file.refusal(&format!(
            "as {family}, {}; if that is what it gives, {}",
            misfit.why,
            write(file, misfit.line)
        ))),
        (0, _) => {
            let all = reasons
                .iter()
                .map(|(family, it)| format!("as {family}, {}", it.why));
            Err(file.refusal(&format!(
                "{}; {}",
                all.collect::<Vec<_>>().join("; "),
                write(file, "family: NAME")
            )))
        }
        _ => {
            let names: Vec<&str> = fits.iter().map(|it| it.family.as_str()).collect();
            Err(file.refusal(&format!(
                "its outputs are those of {}: {}, or whichever it is",
                names.join(" and "),
                write(file, &format!("family: {}", names[0]))
            )))
        }
    }
}

/// Whether two frames' outputs under a description are those of one picture, as far as their best
/// places show. `None` where nothing scores.
#[must_use]
pub fn resembles(
    description: &Description,
    size: (u32, u32),
    first: &[f32],
    second: &[f32],
) -> Option<bool> {
    const MOST: usize = 50;
    /// Kernels of other batch sizes sum in another order.
    const NEAR: f32 = 0.02;
    let head = &description.head;
    let best = |values| Values { head, values, size }.best(LEAST_SCORE, MOST);
    let (first, second) = (best(first), best(second));
    if first.is_empty() && second.is_empty() {
        return None;
    }
    let near = first.iter().zip(&second);
    let near = near
        .filter(|(a, b)| (a.score - b.score).abs() <= NEAR)
        .count();
    Some(near * 10 >= first.len().max(second.len()) * 9)
}

/// Why outputs do not fit a description, and the line that would make them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Misfit {
    why: String,
    line: &'static str,
}

fn misfit<T>(why: String, line: &'static str) -> Result<T, Misfit> {
    Err(Misfit { why, line })
}

/// What was seen of a description's frames.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    what: String,
    /// What is odd, in words that follow the model's name.
    warning: Option<String>,
}

impl Seen {
    fn of(what: String) -> Self {
        Self {
            what,
            warning: None,
        }
    }
}

/// Whether the frames' outputs fit a description.
fn check(
    file: &ModelFile,
    description: &Description,
    size: (u32, u32),
    frames: &[Vec<f32>],
) -> Result<Seen, Misfit> {
    let head = &description.head;
    if let Some(odd) = frames.iter().find(|values| values.len() != head.len()) {
        let why = format!("a frame has {} values, expected {}", odd.len(), head.len());
        return misfit(why, "family: NAME");
    }
    let frames: Vec<Values<'_>> = frames
        .iter()
        .map(|values| Values { head, values, size })
        .collect();
    scores(&frames)?;
    columns(description.family, &frames)?;
    let best: Vec<Vec<Found>> = frames
        .iter()
        .map(|it| it.best(LEAST_SCORE, MOST_BOXES))
        .collect();
    labels(&frames, &best)?;
    boxes(&frames, &best)?;
    extras(&frames, &best)?;
    let warning = match overlaps(&frames, &best) {
        Err(misfit) if is_known_without_overlaps(file, description.family) => Some(format!(
            "{}; if they have to be suppressed, {}",
            misfit.why,
            write(file, misfit.line)
        )),
        checked => checked.map(|()| None)?,
    };
    let seen: usize = best.iter().map(Vec::len).sum();
    let what = match seen {
        0 => "nothing scored on the pictures made for it, so its boxes could not be checked"
            .to_owned(),
        seen => format!(
            "{seen} boxes of {} pictures are within them, with scores of 0 to 1",
            frames.len()
        ),
    };
    Ok(Seen { what, warning })
}

/// Whether scores are of 0 to 1 once they are activated.
fn scores(frames: &[Values<'_>]) -> Result<(), Misfit> {
    let Some(head) = frames.first().map(|it| it.head) else {
        return Ok(());
    };
    let ranges = frames.iter().map(Values::score_range);
    let (least, most) = ranges.fold((f32::INFINITY, f32::NEG_INFINITY), |a, b| {
        (a.0.min(b.0), a.1.max(b.1))
    });
    if !least.is_finite() || !most.is_finite() {
        return misfit(
            "scores are no numbers, expected 0 to 1".to_owned(),
            "trial: false",
        );
    }
    let said = format!("scores are {least:.3} to {most:.3}");
    match head.activation {
        Activation::None if least < -1e-3 => {
            misfit(format!("{said}, expected 0 to 1"), "activation: sigmoid")
        }
        Activation::None if most > 101.0 => {
            misfit(format!("{said}, expected 0 to 1"), "extra: NUMBER")
        }
        Activation::None if most > 1.001 => {
            misfit(format!("{said}, expected 0 to 1"), "activation: percent")
        }
        Activation::Percent if least < -0.1 || most > 100.1 => {
            misfit(format!("{said}, expected 0 to 100"), "activation: none")
        }
        Activation::Sigmoid | Activation::Softmax if least >= 0.0 && most <= 1.0 && most > 0.0 => {
            misfit(
                format!("{said}, expected values before their activation"),
                "activation: none",
            )
        }
        _ => Ok(()),
    }
}

/// Whether the columns of scores are what they are called, where there are two of them: class ids
/// are whole numbers, scores are not.
fn columns(family: Family, frames: &[Values<'_>]) -> Result<(), Misfit> {
    let Some(head) = frames.first().map(|it| it.head) else {
        return Ok(());
    };
    let column = |index: usize| {
        let all = frames.iter().flat_map(move |frame| {
            (0..head.anchors as usize).map(move |place| frame.of_scores(place, index))
        });
        all.collect::<Vec<f32>>()
    };
    let is_whole = |values: &[f32]| values.iter().all(|it| it.fract() == 0.0);
    let is_constant = |values: &[f32], value: f32| values.iter().all(|it| *it == value);
    match head.scores {
        Scores::PerClass { values: 2, .. } if head.activation == Activation::None => {
            let (first, second) = (column(0), column(1));
            if !is_whole(&first) && is_whole(&second) && !is_constant(&second, 0.0) {
                return misfit(
                    "the second class scores whole numbers, as class ids are".to_owned(),
                    "family: deepstream_yolo",
                );
            }
        }
        Scores::Objectness { classes } if head.activation == Activation::None => {
            let objectness = column(0);
            let is_one = is_constant(&objectness, 1.0);
            if is_one != (family == Family::Yolov6) && !is_constant(&objectness, 0.0) {
                return misfit(
                    format!(
                        "objectness is {}1 everywhere",
                        if is_one { "" } else { "not " }
                    ),
                    if is_one {
                        "family: yolov6"
                    } else {
                        "family: NAME"
                    },
                );
            }
            if classes == 1 && !is_whole(&objectness) {
                let class = column(1);
                if is_whole(&class) && !is_constant(&class, 1.0) {
                    return misfit(
                        "classes score whole numbers, as class ids are".to_owned(),
                        "family: deepstream_yolo",
                    );
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether class ids are some.
fn labels(frames: &[Values<'_>], best: &[Vec<Found>]) -> Result<(), Misfit> {
    if frames
        .first()
        .is_none_or(|it| it.head.scores != Scores::Labelled)
    {
        return Ok(());
    }
    let mut all = best.iter().flatten();
    let odd = all.find(|it| (it.class - it.class.round()).abs() > 1e-3 || it.class < -1e-3);
    match odd {
        Some(odd) => misfit(
            format!("a class id is {}, expected a whole number", odd.class),
            "family: NAME",
        ),
        None => Ok(()),
    }
}

/// Whether boxes are within frames.
fn boxes(frames: &[Values<'_>], best: &[Vec<Found>]) -> Result<(), Misfit> {
    let Some(Values { head, size, .. }) = frames.first().copied() else {
        return Ok(());
    };
    let places = || {
        let all = frames.iter().zip(best);
        all.flat_map(|(frame, best)| best.iter().map(move |it| (frame, it.place)))
    };
    let all = places().count();
    if all == 0 {
        return Ok(());
    }
    let values =
        |(frame, place): (&Values<'_>, usize)| [0, 1, 2, 3].map(|it| frame.of_box(place, it));
    let largest = places()
        .flat_map(values)
        .fold(0.0_f32, |most, it| most.max(it.abs()));
    // Many boxes are not all in one corner.
    let corner = 0.05 * size.0.max(size.1) as f32;
    let is_small = size.0.min(size.1) >= 64 && (largest <= 2.0 || (all >= 50 && largest < corner));
    if is_small && largest > 0.0 && head.space == BoxSpace::Pixels && head.boxes != BoxCoding::Grid
    {
        return misfit(
            format!("boxes are of values up to {largest:.3}, expected pixels"),
            if largest <= 2.0 {
                "space: normalised"
            } else {
                "boxes: grid"
            },
        );
    }
    let reversed = |edges: &[f32; 4]| edges[2] < edges[0] - 1e-4 || edges[3] < edges[1] - 1e-4;
    let beyond = |edges: &[f32; 4]| !edges.iter().all(|it| (-BEYOND..=1.0 + BEYOND).contains(it));
    let edges: Vec<[f32; 4]> = places().map(|(frame, place)| frame.edges(place)).collect();
    let is_often = |count: usize| count as f32 > ODD_PART * all as f32;
    let count = edges.iter().filter(|it| reversed(it)).count();
    if is_often(count) {
        let line = if head.boxes == BoxCoding::Corners {
            "boxes: centre"
        } else {
            "boxes: corners"
        };
        return misfit(
            format!("{count} of {all} boxes end before they begin"),
            line,
        );
    }
    let count = edges.iter().filter(|it| beyond(it)).count();
    if is_often(count) {
        let line = if head.space == BoxSpace::Normalised && largest > 4.0 {
            "space: pixels"
        } else {
            "boxes: corners"
        };
        return misfit(format!("{count} of {all} boxes leave the frame"), line);
    }
    // The centres of a grid's boxes are everywhere, and a box at the right is narrower than it is far
    // from the left.
    if head.boxes == BoxCoding::Centre && head.overlaps {
        let drawn: Vec<[f32; 4]> = places().map(values).filter(|it| it[2] > 0.0).collect();
        if drawn.len() >= 5 && drawn.iter().all(|[x, y, w, h]| w > x && h > y) {
            return misfit(
                "each box is wider than it is far from the left, and higher than far from the top"
                    .to_owned(),
                "boxes: corners",
            );
        }
    }
    Ok(())
}

/// Whether more than the shape of the outputs says that a network leaves no overlaps: then one that
/// repeats objects is badly trained, not misread.
fn is_known_without_overlaps(file: &ModelFile, family: Family) -> bool {
    if file.settings.overlaps == Some(false) {
        return true;
    }
    match family {
        // A transformer has a query for each object. These two are taken for one by the number of
        // their places, where nothing else says so.
        Family::RtDetr | Family::RtDetrLabelled => {
            file.settings.family == Some(family)
                || file.signs.has_decoder
                || file.metadata.is_rt_detr()
        }
        // Their outputs have names.
        Family::RtDetrLogits | Family::RfDetr | Family::Detr | Family::ConditionalDetr => true,
        Family::DFine => file.input.target_sizes.is_some() || file.signs.has_decoder,
        Family::EndToEnd => file.metadata.end_to_end == Some(true) || file.signs.suppresses,
        _ => false,
    }
}

/// Whether what a head has beside its boxes is what it is called.
fn extras(frames: &[Values<'_>], best: &[Vec<Found>]) -> Result<(), Misfit> {
    let all = frames.iter().zip(best);
    let all = all.flat_map(|(frame, best)| best.iter().map(move |it| (frame, it.place)));
    for (frame, place) in all {
        let extra = frame.head.extra_of(frame.values, place);
        match frame.head.task {
            Task::Pose { values: 3 } => {
                let mut confidences = extra.skip(2).step_by(3);
                if let Some(odd) = confidences.find(|it| !(-1e-3..=1.001).contains(it)) {
                    return misfit(
                        format!("the confidence of a keypoint is {odd}, expected 0 to 1"),
                        "kpt_shape: [POINTS, 2]",
                    );
                }
            }
            Task::Obb => {
                let mut angles = extra;
                if let Some(odd) = angles.find(|it| !(-MOST_ANGLE..=MOST_ANGLE).contains(it)) {
                    return misfit(
                        format!("a box is rotated by {odd}, expected radians of at most a turn"),
                        "task: detect",
                    );
                }
            }
            Task::Detect | Task::Segment { .. } | Task::Pose { .. } => return Ok(()),
        }
    }
    Ok(())
}

/// Whether boxes are one for each object, where they are said to be.
fn overlaps(frames: &[Values<'_>], best: &[Vec<Found>]) -> Result<(), Misfit> {
    for (frame, best) in frames.iter().zip(best) {
        if frame.head.overlaps {
            continue;
        }
        let shown = best.iter().filter(|it| it.score > SHOWN_SCORE);
        let mut kept: Vec<(f32, usize)> = Vec::new();
        let mut count = 0;
        for found in shown {
            count += 1;
            let is_same = |(class, other): &(f32, usize)| {
                *class == found.class && frame.overlap(*other, found.place) > SAME_IOU
            };
            if !kept.iter().any(is_same) {
                kept.push((found.class, found.place));
            }
        }
        if count >= MANY_BOXES && 2 * kept.len() < count {
            return misfit(
                format!(
                    "{count} boxes are of {} objects, expected one for each",
                    kept.len()
                ),
                "overlaps: true",
            );
        }
    }
    Ok(())
}
