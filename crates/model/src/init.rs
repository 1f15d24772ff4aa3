//! The text of a `MODEL.yml`.

use std::fmt::Write as _;

use camweave_vision::{HeadFormat, InputFormat, Scores, Task};

use crate::describe::Description;
use crate::family::{Family, ScoreKind, TaskKind};
use crate::file::ModelFile;
use crate::words::{ABOUT_NAMES, header, list, quoted, white, word};

/// What `MODEL.yml` says of a description, with what each line may be.
#[must_use]
pub fn settings_text(file: &ModelFile, description: &Description) -> String {
    let Description {
        family,
        head,
        input,
        ..
    } = description;
    let HeadFormat {
        order,
        scores,
        boxes,
        space,
        activation,
        extra,
        multi_label,
        overlaps,
        task,
        ..
    } = *head;
    let InputFormat {
        fit,
        channels,
        range,
        mean,
        deviation,
        ..
    } = *input;
    let families: Vec<&str> = Family::ALL.iter().map(|it| it.as_str()).collect();
    let mut text = header(&file.path);
    let mut line = |key: &str, value: String, about: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# {about}\n{key}: {value}");
    };
    line("family", family.to_string(), &families.join(", "));
    let kind = match task {
        Task::Detect => TaskKind::Detect,
        Task::Segment { .. } => TaskKind::Segment,
        Task::Pose { .. } => TaskKind::Pose,
        Task::Obb => TaskKind::Obb,
    };
    let tasks = TaskKind::ALL.map(TaskKind::as_str).join(", ");
    line("task", kind.to_string(), &tasks);
    if let Task::Pose { values } = task {
        line(
            "kpt_shape",
            format!("[{}, {values}]", extra / values.max(1)),
            "keypoints, and values of each: x and y (2), or x, y and confidence (3)",
        );
    }
    line(
        "outputs",
        outputs(file, description),
        "names of the outputs: {all: NAME}, {all: NAME, prototypes: NAME} with masks, or {boxes: NAME,\n# scores: NAME, classes: NAME}",
    );
    line(
        "order",
        word(&order),
        "planes ([values, places]), rows ([places, values]), parts (outputs of their own), parts_by_class (scores [classes, places])",
    );
    let kind = match scores {
        Scores::PerClass { .. } => ScoreKind::PerClass,
        Scores::Objectness { .. } => ScoreKind::Objectness,
        Scores::Labelled => ScoreKind::Labelled,
    };
    line(
        "scores",
        word(&kind),
        "per_class, objectness (one for an object, then one for each class), labelled (one, then a class id)",
    );
    if let Scores::PerClass { background, .. } = scores {
        line(
            "background",
            word(&background),
            "the score of no object: none, first, last",
        );
    }
    line(
        "boxes",
        word(&boxes),
        "centre (cx, cy, w, h), corners (x1, y1, x2, y2), corners_yx, grid (YOLOX before its grid)",
    );
    line(
        "space",
        word(&space),
        "pixels (of the network's input), normalised (0 to 1)",
    );
    line(
        "activation",
        word(&activation),
        "what makes a score of 0 to 1: none, sigmoid, softmax, percent",
    );
    if task.is_detect() {
        line(
            "extra",
            extra.to_string(),
            "values of a place after its scores that are not read",
        );
    }
    if scores != Scores::Labelled {
        line(
            "multi_label",
            multi_label.to_string(),
            "whether a place gives a box for each class above the confidence, or for its best one only",
        );
    }
    line(
        "overlaps",
        overlaps.to_string(),
        "whether overlapping boxes have to be suppressed",
    );
    line(
        "input",
        format!(
            "{{fit: {}, channels: {}, range: {}, mean: {mean:?}, deviation: {deviation:?}}}",
            word(&fit),
            word(&channels),
            white(range)
        ),
        "fit: letterbox, top_left, stretch; channels: rgb, bgr; range: what white is, 1 or 255; mean and\n# deviation in parts of white",
    );
    if !description.class_names.is_empty() {
        line("names", list(&description.class_names), ABOUT_NAMES);
    }
    line(
        "confidence",
        description.confidence.to_string(),
        "suggested; the graph's CONFIDENCE decides",
    );
    if let Some(iou) = description.iou {
        line("iou", iou.to_string(), "suggested; the graph's IOU decides");
    }
    text
}

fn outputs(file: &ModelFile, description: &Description) -> String {
    let name = |index: usize| quoted(&file.outputs[index].name);
    let keys: &[&str] = match (description.head.task, description.outputs.len()) {
        (Task::Segment { .. }, _) => &["all", "prototypes"],
        (_, 1) => &["all"],
        _ => &["boxes", "scores", "classes"],
    };
    let all = keys.iter().zip(&description.outputs);
    let all: Vec<String> = all
        .map(|(key, index)| format!("{key}: {}", name(*index)))
        .collect();
    format!("{{{}}}", all.join(", "))
}
