//! Heads of every format, made of objects that are known.

use camweave_vision::{
    Activation, Background, BoxCoding, BoxSpace, Candidate, HeadError, HeadFormat, MAX_MULTI_LABEL,
    NmsConfig, Order, Scores, Task, decode, keep_best,
};
use proptest::prelude::*;

/// The network's input, whose grid has 32, 8 and 2 cells.
const SIZE: (u32, u32) = (64, 32);
const PLACES: u32 = 42;
const CLASSES: u32 = 3;
const CONFIDENCE: f32 = 0.5;

/// Every format that is sound.
fn formats() -> Vec<HeadFormat> {
    let per_class = |values, background| Scores::PerClass { values, background };
    let scores = [
        per_class(CLASSES, Background::None),
        per_class(CLASSES + 1, Background::First),
        per_class(CLASSES + 1, Background::Last),
        Scores::Objectness { classes: CLASSES },
        Scores::Labelled,
    ];
    let mut formats = Vec::new();
    for order in [
        Order::Planes,
        Order::Rows,
        Order::Parts,
        Order::PartsByClass,
    ] {
        for scores in scores {
            for boxes in [
                BoxCoding::Centre,
                BoxCoding::Corners,
                BoxCoding::CornersYx,
                BoxCoding::Grid,
            ] {
                for space in [BoxSpace::Pixels, BoxSpace::Normalised] {
                    for activation in [
                        Activation::None,
                        Activation::Sigmoid,
                        Activation::Softmax,
                        Activation::Percent,
                    ] {
                        for extra in [0, 3] {
                            formats.push(HeadFormat {
                                order,
                                anchors: PLACES,
                                scores,
                                boxes,
                                space,
                                activation,
                                extra,
                                multi_label: false,
                                overlaps: extra > 0,
                                task: Task::Detect,
                            });
                        }
                    }
                }
            }
        }
    }
    formats.retain(|format| format.validate().is_ok());
    formats
}

/// What a network is sure of.
#[derive(Debug, Clone, Copy)]
struct Object {
    place: usize,
    bbox: [f64; 4],
    class: u32,
    score: f64,
}

/// At most one object at a place, in their order.
fn objects() -> impl Strategy<Value = Vec<Object>> {
    let object = (
        0.0..60.0,
        0.0..28.0,
        0.5..40.0,
        0.5..40.0,
        0..CLASSES,
        0.55..0.98,
    );
    let objects = prop::collection::btree_map(0..PLACES as usize, object, 0..12);
    objects.prop_map(|objects| {
        let object = |(place, (x, y, width, height, class, score))| Object {
            place,
            bbox: [x, y, x + width, y + height],
            class,
            score,
        };
        objects.into_iter().map(object).collect()
    })
}

/// Where value `k` of a place is, its box's four first.
fn position(format: &HeadFormat, place: usize, k: usize) -> usize {
    let (places, values) = (format.anchors as usize, format.values());
    match format.order {
        Order::Planes => k * places + place,
        Order::Rows => place * values + k,
        Order::Parts | Order::PartsByClass if k < 4 => place * 4 + k,
        Order::Parts if format.scores != Scores::Labelled => {
            4 * places + place * (values - 4) + k - 4
        }
        Order::Parts | Order::PartsByClass => k * places + place,
    }
}

/// The cell of a place: column, row, and side in pixels.
fn cell(place: usize) -> (f64, f64, f64) {
    let (index, columns, side) = match place {
        0..32 => (place, 8, 8.0),
        32..40 => (place - 32, 4, 16.0),
        _ => (place - 40, 2, 32.0),
    };
    ((index % columns) as f64, (index / columns) as f64, side)
}

fn box_values(format: &HeadFormat, place: usize, bbox: [f64; 4]) -> [f64; 4] {
    let [x1, y1, x2, y2] = match format.space {
        BoxSpace::Pixels => bbox,
        BoxSpace::Normalised => {
            let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
            [
                bbox[0] / width,
                bbox[1] / height,
                bbox[2] / width,
                bbox[3] / height,
            ]
        }
    };
    let (x, y, width, height) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1);
    match format.boxes {
        BoxCoding::Centre => [x, y, width, height],
        BoxCoding::Corners => [x1, y1, x2, y2],
        BoxCoding::CornersYx => [y1, x1, y2, x2],
        BoxCoding::Grid => {
            let (column, row, side) = cell(place);
            [
                x / side - column,
                y / side - row,
                (width / side).ln(),
                (height / side).ln(),
            ]
        }
    }
}

/// The value that is this score once it is activated.
fn value(format: &HeadFormat, score: f64) -> f64 {
    match format.activation {
        Activation::None => score,
        Activation::Sigmoid => (score / (1.0 - score)).ln(),
        Activation::Softmax => score.ln() + 2.0,
        Activation::Percent => 100.0 * score,
    }
}

/// The score values of a place, with what is in it.
fn score_values(format: &HeadFormat, object: Option<Object>) -> Vec<f64> {
    let of_class = |class: u32| object.filter(|object| object.class == class);
    match format.scores {
        Scores::Labelled => {
            let score = object.map_or(0.1, |object| object.score);
            let class = object.map_or(0, |object| object.class);
            vec![value(format, score), f64::from(class)]
        }
        Scores::Objectness { .. } => {
            // Sure of the class where there is nothing, and less sure than of the object.
            let object_score = object.map_or(0.1, |object| object.score.sqrt());
            let classes =
                (0..CLASSES).map(|class| of_class(class).map_or(0.2, |object| object.score.sqrt()));
            let scores = [object_score].into_iter().chain(classes);
            scores.map(|score| value(format, score)).collect()
        }
        Scores::PerClass { values, background } => {
            // Of a softmax, all together are 1.
            let score = object.map_or(1.0, |object| object.score);
            let rest = match object {
                Some(_) => (1.0 - score) / f64::from(values - 1),
                None => 1.0 / f64::from(values),
            };
            let mut all: Vec<_> = (0..CLASSES)
                .map(|class| of_class(class).map_or(rest, |object| object.score))
                .collect();
            match background {
                Background::None => {}
                // Sure that there is nothing, where scores are by themselves.
                _ if format.activation != Activation::Softmax => {
                    all.insert(
                        if background == Background::First {
                            0
                        } else {
                            all.len()
                        },
                        0.99,
                    );
                }
                Background::First => all.insert(0, rest),
                Background::Last => all.push(rest),
            }
            all.into_iter().map(|score| value(format, score)).collect()
        }
    }
}

fn head(format: &HeadFormat, objects: &[Object]) -> Vec<f32> {
    // What is not part of a detection must not matter.
    let mut head = vec![f32::NAN; format.len()];
    for place in 0..format.anchors as usize {
        let object = objects.iter().find(|object| object.place == place).copied();
        let bbox = object.map_or([0.0, 0.0, 64.0, 32.0], |object| object.bbox);
        let scores = score_values(format, object);
        let values = box_values(format, place, bbox).into_iter().chain(scores);
        for (k, value) in values.enumerate() {
            head[position(format, place, k)] = value as f32;
        }
    }
    head
}

fn decoded(format: &HeadFormat, values: &[f32]) -> Vec<Candidate> {
    let mut found = Vec::new();
    decode(values, format, SIZE, CONFIDENCE, &mut found).unwrap();
    found
}

#[test]
fn there_are_as_many_formats_as_expected() {
    // Pixels of four codings and parts of three; five kinds of scores in planes and rows with and
    // without extra values, four in parts, three by class; of activations, the softmax is for
    // three of the kinds only.
    let expected = 7 * (2 * 2 * (3 * 4 + 2 * 3) + (3 * 4 + 3) + 3 * 4);
    assert_eq!(formats().len(), expected);
}

proptest! {
    #[test]
    fn objects_come_back_from_heads_of_every_format(objects in objects()) {
        for format in formats() {
            let found = decoded(&format, &head(&format, &objects));
            prop_assert_eq!(found.len(), objects.len(), "{:?}", format);
            for (found, object) in found.iter().zip(&objects) {
                let place = found.anchor as usize;
                prop_assert_eq!((place, found.class_id), (object.place, object.class), "{:?}", format);
                prop_assert!((f64::from(found.score) - object.score).abs() < 1e-5, "{:?}", format);
                for (edge, exact) in found.bbox.iter().zip(object.bbox) {
                    prop_assert!((f64::from(*edge) - exact).abs() < 1e-3, "{:?}: {:?}", format, found);
                }
            }
        }
    }

    /// A head of several labels gives what one with each class by itself gives.
    #[test]
    fn labels_are_found_as_if_there_were_no_others(
        values in prop::collection::vec(super::head::values(), 42 * 8),
    ) {
        for format in formats() {
            let Scores::PerClass { values: scores, background: Background::None } = format.scores else {
                continue;
            };
            if format.activation == Activation::Softmax {
                continue;
            }
            let format = HeadFormat { multi_label: true, ..format };
            let head: Vec<f32> = values.iter().cycle().copied().take(format.len()).collect();
            let mut expected = Vec::new();
            for class in 0..scores as usize {
                let mut alone = head.clone();
                for place in 0..PLACES as usize {
                    for other in (0..scores as usize).filter(|other| *other != class) {
                        alone[position(&format, place, 4 + other)] = f32::NAN;
                    }
                }
                let best_only = HeadFormat { multi_label: false, ..format };
                expected.extend(decoded(&best_only, &alone));
            }
            expected.sort_by_key(|it| (it.anchor, it.class_id));
            prop_assert_eq!(decoded(&format, &head), expected, "{:?}", format);
        }
    }

    /// One after the other or all first values first: the bits are the same.
    #[test]
    fn the_order_of_values_does_not_matter(
        values in prop::collection::vec(super::head::values(), 42 * 8),
        scale in prop::sample::select(vec![1.0f32, 100.0]),
    ) {
        let values: Vec<f32> = values.iter().map(|value| value * scale).collect();
        for format in formats() {
            if format.order != Order::Rows {
                continue;
            }
            let planes = HeadFormat { order: Order::Planes, ..format };
            let (places, width) = (format.anchors as usize, format.values());
            let rows: Vec<f32> = values.iter().cycle().copied().take(format.len()).collect();
            let by_plane: Vec<f32> = (0..width)
                .flat_map(|k| (0..places).map(move |place| (k, place)))
                .map(|(k, place)| rows[place * width + k])
                .collect();
            prop_assert_eq!(decoded(&format, &rows), decoded(&planes, &by_plane), "{:?}", format);
        }
    }

    /// What comes from another process may say anything.
    #[test]
    fn any_format_is_read_or_refused(
        anchors in prop_oneof![Just(0), 1..60_u32, any::<u32>()],
        count in prop_oneof![Just(0), 1..5_u32, any::<u32>()],
        extra in prop_oneof![Just(0), any::<u32>()],
        kind in 0..formats().len(),
        len in 0..600_usize,
    ) {
        let known = formats()[kind];
        let scores = match known.scores {
            Scores::PerClass { background, .. } => Scores::PerClass { values: count, background },
            Scores::Objectness { .. } => Scores::Objectness { classes: count },
            Scores::Labelled => Scores::Labelled,
        };
        let format = HeadFormat { anchors, scores, extra, ..known };
        let len = if format.len() < 600 { format.len() } else { len };
        let read = decode(&vec![0.7f32; len], &format, SIZE, 0.25, &mut Vec::new());
        if read.is_ok() {
            prop_assert_eq!(format.len(), len);
        }
    }
}

#[test]
fn formats_that_contradict_themselves_are_refused_by_name() {
    let good = HeadFormat::yolov8(3, PLACES);
    let labelled = HeadFormat::end_to_end(PLACES);
    let only_background = Scores::PerClass {
        values: 1,
        background: Background::Last,
    };
    for (format, expected) in [
        (HeadFormat { anchors: 0, ..good }, "one place"),
        (HeadFormat::yolov8(0, PLACES), "one class"),
        (
            HeadFormat {
                scores: only_background,
                ..good
            },
            "one class",
        ),
        (
            HeadFormat {
                order: Order::Parts,
                extra: 1,
                ..good
            },
            "no extra values",
        ),
        (
            HeadFormat {
                order: Order::Parts,
                scores: Scores::Objectness { classes: 2 },
                ..good
            },
            "no objectness",
        ),
        (
            HeadFormat {
                order: Order::PartsByClass,
                ..labelled
            },
            "scores per class",
        ),
        (
            HeadFormat {
                activation: Activation::Softmax,
                ..labelled
            },
            "softmax",
        ),
        (
            HeadFormat {
                boxes: BoxCoding::Grid,
                space: BoxSpace::Normalised,
                ..good
            },
            "pixels",
        ),
        (
            HeadFormat {
                multi_label: true,
                ..labelled
            },
            "one label",
        ),
        (
            HeadFormat {
                multi_label: true,
                ..HeadFormat::yolov8(MAX_MULTI_LABEL as u32 / 8 + 1, 8)
            },
            "2^22 pairs",
        ),
    ] {
        let error = format.validate().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let read = decode(
            &vec![0.0f32; format.len()],
            &format,
            SIZE,
            0.25,
            &mut Vec::new(),
        );
        assert_eq!(read.unwrap_err().to_string(), error);
    }
}

#[test]
fn a_grid_has_as_many_cells_as_there_are_places() {
    let grid = |anchors| HeadFormat {
        boxes: BoxCoding::Grid,
        ..HeadFormat::yolov8(3, anchors)
    };
    assert!(grid(42).validate_for(SIZE).is_ok());
    assert!(grid(8400).validate_for((640, 640)).is_ok());
    let error = grid(41).validate_for(SIZE).unwrap_err();
    assert!(matches!(error, HeadError::Format { .. }));
    assert!(
        error.to_string().contains("the 42 cells of 64x32 pixels"),
        "{error}"
    );
    // Below a cell in width or height.
    assert!(grid(1).validate_for((4, 640)).is_err());
}

#[test]
fn a_place_of_two_classes_is_its_better_one() {
    let format = HeadFormat {
        order: Order::Parts,
        overlaps: false,
        activation: Activation::Sigmoid,
        ..HeadFormat::yolov8(2, 1)
    };
    let found = decoded(&format, &[5.0, 5.0, 2.0, 2.0, 1.0, 3.0]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].class_id, 1);
}

#[test]
fn a_place_of_two_labels_is_two_boxes() {
    let one = HeadFormat {
        order: Order::Parts,
        overlaps: false,
        activation: Activation::Sigmoid,
        ..HeadFormat::yolov8(3, 2)
    };
    let format = HeadFormat {
        multi_label: true,
        ..one
    };
    let boxes = [5.0, 5.0, 2.0, 2.0, 9.0, 9.0, 4.0, 4.0];
    let values = [&boxes[..], &[1.0, -3.0, 3.0, -1.0, -2.0, -3.0]].concat();
    let labels = |found: &[Candidate]| -> Vec<(u32, u32)> {
        found.iter().map(|it| (it.anchor, it.class_id)).collect()
    };
    assert_eq!(labels(&decoded(&one, &values)), [(0, 2)]);
    let found = decoded(&format, &values);
    assert_eq!(labels(&found), [(0, 0), (0, 2)]);
    assert_eq!(found[0].bbox, found[1].bbox);
    let sigmoid = |value: f32| 1.0 / (1.0 + (-value).exp());
    for (found, value) in found.iter().zip([1.0, 3.0]) {
        assert!((found.score - sigmoid(value)).abs() < 1e-6, "{found:?}");
    }
    // Of equal scores the lower class is first.
    let mut equal = decoded(&format, &[&boxes[..], &[2.0; 6]].concat());
    equal.reverse();
    keep_best(&mut equal, &format, &NmsConfig::default());
    let pairs = (0..2).flat_map(|anchor| (0..3).map(move |class| (anchor, class)));
    assert_eq!(labels(&equal), pairs.collect::<Vec<_>>());
}

#[test]
fn values_that_are_not_finite_are_absent() {
    let format = |scores, activation| HeadFormat {
        order: Order::Rows,
        scores,
        activation,
        ..HeadFormat::yolov8(2, 1)
    };
    let per_class = Scores::PerClass {
        values: 2,
        background: Background::None,
    };
    let objectness = Scores::Objectness { classes: 2 };
    let scores = |format: HeadFormat, scores: &[f32]| -> Vec<f32> {
        let values = [&[5.0, 5.0, 2.0, 2.0], scores].concat();
        decoded(&format, &values)
            .iter()
            .map(|it| it.score)
            .collect()
    };
    for odd in [f32::NAN, f32::INFINITY] {
        let sigmoid = format(per_class, Activation::Sigmoid);
        assert_eq!(scores(sigmoid, &[odd, 9.0]).len(), 1);
        assert_eq!(scores(sigmoid, &[odd, odd]).len(), 0);
        let softmax = format(per_class, Activation::Softmax);
        assert_eq!(scores(softmax, &[odd, 9.0]).len(), 0);
        for activation in [Activation::None, Activation::Sigmoid] {
            assert_eq!(
                scores(format(objectness, activation), &[odd, 9.0, 9.0]).len(),
                0
            );
            let labelled = format(Scores::Labelled, activation);
            assert_eq!(scores(labelled, &[odd, 1.0]).len(), 0);
            assert_eq!(scores(labelled, &[0.9, odd]).len(), 0);
        }
    }
    // A class that is masked out.
    let softmax = format(per_class, Activation::Softmax);
    assert_eq!(scores(softmax, &[f32::NEG_INFINITY, 9.0]), [1.0]);
}
