//! Masks, keypoints and oriented boxes, as Ultralytics' own functions give them.
#![expect(
    clippy::excessive_precision,
    reason = "expected values as the reference prints them"
)]

use camweave_vision::{
    Candidate, HeadFormat, Letterbox, NmsConfig, Order, Scratch, Shape, ShapeScratch, Task, decode,
    detect, keep_best_of, oriented_box, oriented_corners, probiou, shapes,
};
use proptest::prelude::*;

const MODEL: (u32, u32) = (64, 48);
/// Twice as large as in the network's input, where six rows of padding are above.
const SOURCE: (u32, u32) = (128, 72);

/// Knuth's MMIX generator, as in `tests/reference/tasks.py`.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n) as f32
    }
}

fn letterbox() -> Letterbox {
    Letterbox::new(SOURCE, MODEL).unwrap()
}

/// The values of places, each its box, its scores and its extra values.
fn laid_out(order: Order, places: &[Vec<f32>]) -> Vec<f32> {
    match order {
        Order::Rows => places.concat(),
        _ => (0..places[0].len())
            .flat_map(|value| places.iter().map(move |place| place[value]))
            .collect(),
    }
}

/// Every place is found, in their order, with a score for each index.
fn score(index: usize) -> f32 {
    0.9 - 0.01 * index as f32
}

fn kept(values: &[f32], format: &HeadFormat, config: &NmsConfig) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    decode(values, format, MODEL, config.confidence, &mut candidates).unwrap();
    keep_best_of(values, &mut candidates, format, config);
    candidates
}

/// What is found in a head: index of the place, and shape.
fn found(values: &[f32], format: &HeadFormat, most_points: usize) -> Vec<(usize, Shape)> {
    let kept = kept(values, format, &NmsConfig::default());
    let (letterbox, memory) = (letterbox(), &mut ShapeScratch::default());
    let found = shapes(values, format, &letterbox, &kept, most_points, memory);
    let index = |it: f32| ((0.9 - it) * 100.0).round() as usize;
    found
        .into_iter()
        .map(|(it, shape)| (index(it.score), shape))
        .collect()
}

/// Boxes of corners with coefficients, and their prototypes.
fn masks() -> (HeadFormat, Vec<f32>) {
    let mut random = Random(3);
    let prototypes: Vec<f32> = (0..3 * 12 * 16).map(|_| random.below(17) - 8.0).collect();
    let place = |index: usize| {
        let coefficients = [0; 3].map(|_| random.below(7) - 3.0);
        let (x, y) = (random.below(200) / 4.0 - 4.0, random.below(140) / 4.0 - 4.0);
        let (x2, y2) = (x + random.below(160) / 4.0, y + random.below(120) / 4.0);
        [&[x, y, x2, y2, score(index), 0.0][..], &coefficients].concat()
    };
    let places: Vec<Vec<f32>> = (0..12).map(place).collect();
    let (height, width) = (12, 16);
    let format = HeadFormat {
        extra: 3,
        task: Task::Segment { height, width },
        ..HeadFormat::end_to_end(12)
    };
    (format, [places.concat(), prototypes].concat())
}

#[rustfmt::skip]
const OUTLINES: [&[f32]; 12] = [
    &[28.0, 0.0, 28.0, 34.0, 30.0, 34.0, 30.0, 30.0, 34.0, 26.0, 36.0, 26.0, 40.0, 22.0, 40.0, 20.0, 44.0, 16.0, 48.0, 16.0, 50.0, 14.0, 52.0, 16.0, 54.0, 16.0, 58.0, 20.0, 60.0, 20.0, 62.0, 18.0, 64.0, 18.0, 66.0, 16.0, 70.0, 16.0, 72.0, 18.0, 76.0, 18.0, 78.0, 16.0, 78.0, 14.0, 74.0, 14.0, 68.0, 8.0, 68.0, 6.0, 70.0, 4.0, 70.0, 2.0, 72.0, 0.0, 62.0, 0.0, 56.0, 6.0, 56.0, 8.0, 54.0, 10.0, 54.0, 12.0, 52.0, 14.0, 44.0, 14.0, 40.0, 10.0, 40.0, 4.0, 38.0, 2.0, 34.0, 2.0, 32.0, 0.0],
    &[50.0, 18.0, 46.0, 22.0, 44.0, 22.0, 44.0, 24.0, 46.0, 24.0, 48.0, 26.0, 52.0, 26.0, 56.0, 30.0, 56.0, 36.0, 52.0, 40.0, 48.0, 40.0, 46.0, 38.0, 42.0, 38.0, 36.0, 32.0, 36.0, 28.0, 30.0, 28.0, 28.0, 26.0, 26.0, 28.0, 22.0, 28.0, 18.0, 32.0, 16.0, 32.0, 12.0, 36.0, 8.0, 36.0, 6.0, 34.0, 2.0, 34.0, 2.0, 56.0, 4.0, 56.0, 8.0, 60.0, 8.0, 64.0, 16.0, 64.0, 16.0, 62.0, 22.0, 56.0, 22.0, 52.0, 24.0, 50.0, 24.0, 46.0, 26.0, 44.0, 26.0, 42.0, 28.0, 40.0, 34.0, 40.0, 36.0, 42.0, 38.0, 42.0, 40.0, 44.0, 40.0, 46.0, 42.0, 48.0, 42.0, 52.0, 44.0, 54.0, 50.0, 54.0, 52.0, 52.0, 52.0, 48.0, 54.0, 46.0, 54.0, 44.0, 56.0, 42.0, 56.0, 20.0, 54.0, 18.0],
    &[86.0, 0.0, 86.0, 0.0, 80.0, 0.0, 80.0, 0.0, 76.0, 4.0, 72.0, 4.0, 70.0, 6.0, 66.0, 6.0, 66.0, 12.0, 64.0, 14.0, 64.0, 18.0, 62.0, 20.0, 62.0, 24.0, 60.0, 26.0, 56.0, 22.0, 56.0, 18.0, 54.0, 18.0, 52.0, 16.0, 50.0, 18.0, 48.0, 18.0, 46.0, 20.0, 44.0, 20.0, 42.0, 22.0, 40.0, 22.0, 40.0, 24.0, 36.0, 28.0, 32.0, 28.0, 30.0, 30.0, 30.0, 36.0, 70.0, 36.0, 72.0, 34.0, 74.0, 34.0, 76.0, 32.0, 78.0, 34.0, 78.0, 36.0, 92.0, 36.0, 94.0, 34.0, 94.0, 12.0, 92.0, 10.0, 84.0, 10.0, 82.0, 12.0, 80.0, 10.0, 80.0, 8.0, 84.0, 4.0, 86.0, 4.0, 86.0, 2.0, 88.0, 0.0, 88.0, 0.0, 90.0, 0.0, 94.0, 0.0, 94.0, 0.0],
    &[64.0, 40.0, 66.0, 42.0, 66.0, 46.0, 68.0, 48.0, 68.0, 50.0, 70.0, 50.0, 72.0, 52.0, 76.0, 52.0, 76.0, 48.0, 78.0, 46.0, 78.0, 40.0],
    &[90.0, 36.0, 88.0, 38.0, 88.0, 48.0, 82.0, 54.0, 80.0, 54.0, 80.0, 56.0, 82.0, 58.0, 84.0, 58.0, 90.0, 64.0, 92.0, 64.0, 92.0, 36.0],
    &[86.0, 0.0, 86.0, 12.0, 88.0, 14.0, 88.0, 16.0, 86.0, 18.0, 86.0, 44.0, 86.0, 42.0, 92.0, 36.0, 102.0, 36.0, 104.0, 38.0, 104.0, 42.0, 106.0, 44.0, 110.0, 44.0, 110.0, 40.0, 108.0, 38.0, 108.0, 36.0, 104.0, 36.0, 102.0, 34.0, 102.0, 30.0, 104.0, 28.0, 104.0, 26.0, 108.0, 22.0, 114.0, 28.0, 118.0, 28.0, 122.0, 32.0, 122.0, 40.0, 124.0, 40.0, 124.0, 20.0, 122.0, 22.0, 110.0, 22.0, 108.0, 20.0, 108.0, 14.0, 106.0, 14.0, 102.0, 18.0, 96.0, 18.0, 94.0, 16.0, 94.0, 8.0, 92.0, 6.0, 92.0, 4.0, 88.0, 0.0, 92.0, 0.0],
    &[],
    &[88.0, 42.0, 88.0, 50.0, 82.0, 56.0, 86.0, 56.0, 88.0, 58.0, 88.0, 60.0, 90.0, 62.0, 90.0, 64.0, 92.0, 66.0, 94.0, 66.0, 96.0, 68.0, 104.0, 68.0, 106.0, 66.0, 110.0, 70.0, 110.0, 72.0, 114.0, 72.0, 126.0, 72.0, 122.0, 72.0, 118.0, 72.0, 118.0, 72.0, 120.0, 70.0, 120.0, 68.0, 122.0, 66.0, 126.0, 66.0, 126.0, 60.0, 120.0, 60.0, 116.0, 64.0, 112.0, 64.0, 110.0, 62.0, 110.0, 60.0, 108.0, 58.0, 98.0, 58.0, 94.0, 54.0, 94.0, 46.0, 96.0, 44.0, 96.0, 42.0],
    &[72.0, 8.0, 72.0, 12.0, 74.0, 14.0, 74.0, 16.0, 70.0, 20.0, 58.0, 20.0, 58.0, 24.0, 54.0, 28.0, 46.0, 28.0, 44.0, 26.0, 36.0, 26.0, 36.0, 34.0, 40.0, 38.0, 46.0, 38.0, 50.0, 34.0, 54.0, 34.0, 56.0, 32.0, 56.0, 30.0, 60.0, 26.0, 66.0, 26.0, 68.0, 24.0, 70.0, 24.0, 72.0, 22.0, 72.0, 20.0, 74.0, 18.0, 84.0, 18.0, 86.0, 16.0, 86.0, 14.0, 84.0, 12.0, 82.0, 12.0, 78.0, 8.0],
    &[104.0, 0.0, 100.0, 0.0, 106.0, 6.0, 106.0, 8.0, 104.0, 10.0, 104.0, 16.0, 100.0, 20.0, 98.0, 20.0, 96.0, 18.0, 94.0, 18.0, 92.0, 16.0, 92.0, 12.0, 90.0, 10.0, 88.0, 12.0, 82.0, 12.0, 80.0, 10.0, 80.0, 2.0, 78.0, 0.0, 78.0, 12.0, 80.0, 14.0, 80.0, 16.0, 78.0, 18.0, 78.0, 28.0, 80.0, 28.0, 82.0, 26.0, 86.0, 30.0, 86.0, 32.0, 94.0, 32.0, 96.0, 30.0, 96.0, 28.0, 98.0, 26.0, 106.0, 26.0, 106.0, 0.0],
    &[54.0, 0.0, 54.0, 8.0, 54.0, 6.0, 56.0, 4.0, 58.0, 4.0, 60.0, 2.0, 60.0, 0.0, 64.0, 0.0, 64.0, 0.0],
    &[56.0, 8.0, 54.0, 10.0, 54.0, 18.0, 56.0, 18.0, 58.0, 20.0, 58.0, 8.0],
];

#[test]
fn outlines_are_those_of_process_mask_and_find_contours() {
    let (format, values) = masks();
    let found = found(&values, &format, usize::MAX);
    let expected = OUTLINES.iter().enumerate();
    let expected: Vec<(usize, Shape)> = expected
        .filter(|(_, points)| !points.is_empty())
        .map(|(index, points)| (index, Shape::Outline(points.to_vec())))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn an_outline_of_too_many_points_is_thinned() {
    let (format, values) = masks();
    for most in [1, 2, 5] {
        for (index, shape) in found(&values, &format, most) {
            let Shape::Outline(points) = shape else {
                panic!("a mask");
            };
            let all: Vec<&[f32]> = OUTLINES[index].chunks(2).collect();
            assert!((1..=most).contains(&(points.len() / 2)));
            assert_eq!(&points[..2], all[0]);
            assert!(points.chunks(2).all(|it| all.contains(&it)), "{index}");
        }
    }
}

/// A box about everything, whose mask is one prototype with the resolution of the input.
fn outline_of(bitmap: &[bool], width: usize) -> Option<Vec<[usize; 2]>> {
    let height = bitmap.len() / width;
    let size = (width as u32, height as u32);
    let letterbox = Letterbox::new(size, size).unwrap();
    let task = Task::Segment {
        height: size.1,
        width: size.0,
    };
    let format = HeadFormat {
        extra: 1,
        task,
        ..HeadFormat::end_to_end(1)
    };
    let place = [0.0, 0.0, width as f32, height as f32, 0.5, 0.0, 1.0];
    let prototype = bitmap
        .iter()
        .map(|&is_full| if is_full { 1.0 } else { -1.0 });
    let values: Vec<f32> = place.into_iter().chain(prototype).collect();
    let mut candidates = Vec::new();
    decode(&values, &format, size, 0.25, &mut candidates).unwrap();
    let memory = &mut ShapeScratch::default();
    let mut found = shapes(
        &values,
        &format,
        &letterbox,
        &candidates,
        usize::MAX,
        memory,
    );
    match found.pop()? {
        (_, Shape::Outline(points)) => Some(
            (points.as_chunks().0.iter())
                .map(|point: &[f32; 2]| point.map(|it| it as usize))
                .collect(),
        ),
        other => panic!("{other:?}"),
    }
}

/// The pixels of each object, found without following anything: neighbours take the lower number.
fn objects(bitmap: &[bool], width: usize) -> Vec<Vec<[usize; 2]>> {
    let at = |index: usize| [index % width, index / width];
    let is_near = |a: usize, b: usize| {
        let ([x, y], [u, v]) = (at(a), at(b));
        x.abs_diff(u) <= 1 && y.abs_diff(v) <= 1
    };
    let full: Vec<usize> = (0..bitmap.len()).filter(|&it| bitmap[it]).collect();
    let mut number: Vec<usize> = (0..full.len()).collect();
    for _ in 0..full.len() {
        for a in 0..full.len() {
            for b in 0..full.len() {
                if is_near(full[a], full[b]) {
                    number[a] = number[a].min(number[b]);
                }
            }
        }
    }
    let of = |one: usize| {
        let all = (0..full.len()).filter(|&it| number[it] == one);
        all.map(|it| at(full[it])).collect::<Vec<_>>()
    };
    (0..full.len())
        .map(of)
        .filter(|it| !it.is_empty())
        .collect()
}

fn bounds(points: &[[usize; 2]]) -> [usize; 4] {
    let of = |axis: usize| points.iter().map(move |it| it[axis]);
    [
        of(0).min().unwrap(),
        of(1).min().unwrap(),
        of(0).max().unwrap(),
        of(1).max().unwrap(),
    ]
}

fn doubled_area(points: &[[usize; 2]]) -> i64 {
    let next = points.iter().cycle().skip(1);
    let cross =
        |(a, b): (&[usize; 2], &[usize; 2])| a[0] as i64 * b[1] as i64 - b[0] as i64 * a[1] as i64;
    points.iter().zip(next).map(cross).sum::<i64>().abs()
}

proptest! {
    /// On any pixels: the outline goes along pixels of one object, around all of it, and no other
    /// object encloses more.
    #[test]
    fn an_outline_goes_around_the_largest_object(
        bitmap in proptest::collection::vec(proptest::bool::weighted(0.5), 7 * 6),
    ) {
        const WIDTH: usize = 7;
        let outline = outline_of(&bitmap, WIDTH);
        let objects = objects(&bitmap, WIDTH);
        let Some(outline) = outline else {
            prop_assert!(objects.is_empty());
            return Ok(());
        };
        let own = objects.iter().find(|it| it.contains(&outline[0])).unwrap();
        prop_assert_eq!(bounds(&outline), bounds(own));
        for (from, to) in outline.iter().zip(outline.iter().cycle().skip(1)) {
            let steps = from[0].abs_diff(to[0]).max(from[1].abs_diff(to[1]));
            for step in 0..=steps {
                let along = |axis: usize| match from[axis] <= to[axis] {
                    true if from[axis] == to[axis] => from[axis],
                    true => from[axis] + step,
                    false => from[axis] - step,
                };
                prop_assert!(own.contains(&[along(0), along(1)]), "{:?} to {:?}", from, to);
            }
        }
        for object in &objects {
            let mut alone = vec![false; bitmap.len()];
            object.iter().for_each(|[x, y]| alone[y * WIDTH + x] = true);
            let other = outline_of(&alone, WIDTH).unwrap();
            prop_assert!(doubled_area(&other) <= doubled_area(&outline));
        }
    }
}

/// Boxes of two classes, their angles among them.
fn oriented(order: Order) -> (HeadFormat, Vec<f32>) {
    let mut random = Random(5);
    let place = |index: usize| {
        let (x, y) = (random.below(100) / 2.0, random.below(80) / 2.0);
        let (w, h) = (1.0 + random.below(120) / 4.0, 1.0 + random.below(120) / 4.0);
        let angle = random.below(201) / 64.0 - 0.78125;
        let class = random.below(2);
        let score = (index * 37 % 120 + 1) as f32 / 128.0;
        vec![x, y, w, h, score * (1.0 - class), score * class, angle]
    };
    let places: Vec<Vec<f32>> = (0..120).map(place).collect();
    let format = HeadFormat {
        order,
        extra: 1,
        task: Task::Obb,
        ..HeadFormat::yolov8(2, 120)
    };
    (format, laid_out(order, &places))
}

#[rustfmt::skip]
const PROBIOU: [[f32; 5]; 5] = [
    [0.999531806, 0.0, 0.470328331, 6.878_376e-5, 0.0],
    [0.0, 0.999531806, 2.384_185_8e-7, 0.148991346, 0.00118297338],
    [0.470328331, 2.384_185_8e-7, 0.999531806, 0.00373786688, 3.272_295e-5],
    [6.878_376e-5, 0.148991346, 0.00373786688, 0.999531806, 0.191729784],
    [0.0, 0.00118297338, 3.272_295e-5, 0.191729784, 0.999531806],
];
#[rustfmt::skip]
const KEPT_20: [u32; 22] = [107, 94, 81, 68, 42, 29, 84, 71, 58, 19, 74, 61, 48, 77, 64, 60, 34, 76, 50, 66, 30, 4];
#[rustfmt::skip]
const KEPT_45: [u32; 75] = [107, 94, 81, 68, 55, 42, 29, 16, 110, 97, 84, 71, 58, 45, 32, 19, 6, 113, 100, 87, 74, 61, 48, 35, 9, 116, 103, 77, 64, 38, 93, 80, 67, 54, 28, 15, 83, 70, 57, 31, 18, 86, 60, 34, 21, 8, 115, 89, 76, 50, 37, 24, 105, 79, 66, 53, 14, 1, 108, 69, 30, 4, 85, 46, 20, 114, 88, 62, 49, 36, 23, 117, 91, 65, 39];
#[rustfmt::skip]
const CORNERS: [[f32; 8]; 4] = [
    [46.5088501, 63.2917557, 50.5077057, 63.1960831, 49.4911499, 20.7082424, 45.4922943, 20.8039188],
    [57.0565376, 17.8477783, 84.7259521, 41.6522675, 104.943466, 18.1522198, 77.2740479, -5.65226746],
    [8.59594154, 76.5972595, 55.0479126, 86.5201874, 63.4040565, 47.4027367, 16.9520836, 37.4798164],
    [86.0820923, 34.0138054, 120.71875, 6.87891388, 105.917908, -12.0138054, 71.28125, 15.1210861],
];
const KEYPOINTS: [f32; 12] = [
    20.0, 28.0, 0.25, 0.0, 68.0, 1.0, 128.0, 0.0, 0.0, 127.0, 72.0, 0.5,
];

#[test]
fn rotated_boxes_overlap_as_in_batch_probiou() {
    let (format, values) = oriented(Order::Planes);
    let of = |place: usize| oriented_box(&values, &format, place);
    for (one, row) in PROBIOU.iter().enumerate() {
        for (other, expected) in row.iter().enumerate() {
            let found = probiou(of(one), of(other));
            assert!(
                (found - expected).abs() < 1e-5,
                "{one}, {other}: {found}, {expected}"
            );
        }
    }
}

#[test]
fn rotated_boxes_are_suppressed_as_by_fast_nms() {
    for order in [Order::Planes, Order::Rows] {
        let (format, values) = oriented(order);
        for (iou, expected) in [(0.2, &KEPT_20[..]), (0.45, &KEPT_45[..])] {
            let mut config = NmsConfig {
                confidence: 0.0,
                iou,
                ..NmsConfig::default()
            };
            let places = |config: &NmsConfig| -> Vec<u32> {
                let kept = kept(&values, &format, config);
                kept.iter().map(|it| it.anchor).collect()
            };
            assert_eq!(places(&config), expected, "{order:?}, {iou}");
            config.max_detections = 5;
            assert_eq!(places(&config), expected[..5]);
        }
    }
}

#[test]
fn rotated_boxes_are_mapped_to_the_picture() {
    let (format, values) = oriented(Order::Planes);
    let config = NmsConfig {
        confidence: 0.0,
        max_detections: 4,
        ..NmsConfig::default()
    };
    let kept = kept(&values, &format, &config);
    let (letterbox, memory) = (letterbox(), &mut ShapeScratch::default());
    let found = shapes(&values, &format, &letterbox, &kept, usize::MAX, memory);
    assert_eq!(found.len(), 4);
    let plain = detect(
        &values,
        &format,
        &letterbox,
        &config,
        &mut Scratch::default(),
    )
    .unwrap();
    for ((detection, shape), (expected, plain)) in found.iter().zip(CORNERS.iter().zip(plain)) {
        assert_eq!(*detection, plain);
        let Shape::Oriented(rectangle) = shape else {
            panic!("{shape:?}");
        };
        let corners = oriented_corners(*rectangle);
        for (found, expected) in corners.as_flattened().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-3, "{corners:?}, {expected:?}");
        }
        // The box is what encloses the corners, inside the picture.
        let edge = |axis: usize, limit: u32, pick: fn(f32, f32) -> f32| {
            let all = corners.iter().map(|corner| corner[axis]);
            all.reduce(pick).unwrap().clamp(0.0, limit as f32)
        };
        let bbox = [
            edge(0, SOURCE.0, f32::min),
            edge(1, SOURCE.1, f32::min),
            edge(0, SOURCE.0, f32::max),
            edge(1, SOURCE.1, f32::max),
        ];
        assert_eq!(detection.bbox, bbox);
    }
}

#[test]
fn rotated_boxes_without_a_rotation_or_in_the_padding_are_none() {
    let place = |x: f32, y: f32, angle: f32, score: f32| vec![x, y, 8.0, 4.0, score, 0.0, angle];
    let places = [
        place(20.0, 20.0, f32::NAN, 0.9),
        place(20.0, 20.0, f32::INFINITY, 0.8),
        // Without rotation it ends where the picture begins.
        place(10.0, 4.0, 0.0, 0.7),
        place(50.0, 4.0, 1.57, 0.6),
        place(20.0, 20.0, 10.0, 0.5),
    ];
    let format = HeadFormat {
        extra: 1,
        task: Task::Obb,
        ..HeadFormat::yolov8(2, 5)
    };
    let values = laid_out(Order::Planes, &places);
    let config = NmsConfig::default();
    let kept = kept(&values, &format, &config);
    assert_eq!(
        kept.iter().map(|it| it.anchor).collect::<Vec<_>>(),
        [2, 3, 4]
    );
    let found = shapes(
        &values,
        &format,
        &letterbox(),
        &kept,
        9,
        &mut ShapeScratch::default(),
    );
    let scores: Vec<f32> = found.iter().map(|(it, _)| it.score).collect();
    assert_eq!(scores, [0.6, 0.5]);
    let Shape::Oriented([.., angle]) = found[1].1 else {
        panic!("rotated");
    };
    assert!(
        (angle - (10.0 - std::f32::consts::TAU)).abs() < 1e-5,
        "{angle}"
    );
}

#[test]
fn masks_of_a_frame_are_limited_in_their_pixels() {
    let (width, height) = MODEL;
    let input = (width * height) as usize;
    let most = (1 << 22) / input;
    // The best objects are as large as the input. One that fits into what they leave comes last.
    let large = most + 3;
    let place = |index: usize| {
        let [right, bottom] = match index < large {
            true => [width as f32, height as f32],
            false => [8.0, 8.0],
        };
        vec![0.0, 0.0, right, bottom, 0.9, 0.0, 1.0]
    };
    let places: Vec<f32> = (0..=large).flat_map(place).collect();
    let format = HeadFormat {
        extra: 1,
        task: Task::Segment {
            height: 2,
            width: 2,
        },
        ..HeadFormat::end_to_end(large as u32 + 1)
    };
    let values = [&places[..], &[1.0; 4]].concat();
    let config = NmsConfig {
        max_detections: usize::MAX,
        ..NmsConfig::default()
    };
    let kept = kept(&values, &format, &config);
    let memory = &mut ShapeScratch::default();
    // Without padding: the small box is in the frame.
    let letterbox = Letterbox::new(MODEL, MODEL).unwrap();
    let found = shapes(&values, &format, &letterbox, &kept, usize::MAX, memory);
    assert_eq!(found.len(), large + 1, "objects without a mask are kept");
    let has_mask = |it: &(_, Shape)| matches!(it.1, Shape::Outline(_));
    let with: Vec<usize> = (0..found.len())
        .filter(|it| has_mask(&found[*it]))
        .collect();
    let expected: Vec<usize> = (0..most).chain([large]).collect();
    assert!((1 << 22) % input >= 64, "there is room for the small one");
    assert_eq!(with, expected);
}

#[test]
fn keypoints_are_mapped_to_the_picture_as_by_scale_coords() {
    let points = [
        10.0, 20.0, 0.25, -3.0, 40.0, 1.0, 70.0, 2.0, 0.0, 63.5, 45.5, 0.5,
    ];
    let place =
        |index: usize, extra: &[f32]| [&[32.0, 24.0, 20.0, 20.0, score(index)][..], extra].concat();
    let format = |points: u32, values: u32| HeadFormat {
        extra: points * values,
        task: Task::Pose { values },
        ..HeadFormat::yolov8(1, 1)
    };
    let values = place(0, &points);
    assert_eq!(
        found(&values, &format(4, 3), 0),
        [(0, Shape::Keypoints(KEYPOINTS.to_vec()))]
    );
    // Without confidences, and by rows.
    let (x, y) = (points[0], points[1]);
    let rows = HeadFormat {
        order: Order::Rows,
        ..format(2, 2)
    };
    let expected = [KEYPOINTS[0], KEYPOINTS[1], 1.0, 2.0 * 10.0, 0.0, 1.0];
    let values = place(0, &[x, y, 10.0, -2.0]);
    assert_eq!(
        found(&values, &rows, 0),
        [(0, Shape::Keypoints(expected.to_vec()))]
    );
}

#[test]
fn tasks_that_contradict_their_head_are_refused_by_name() {
    let good = HeadFormat::yolov8(2, 10);
    let (height, width) = (12, 16);
    for (extra, task, part) in [
        (0, Task::Segment { height, width }, "coefficient"),
        (32, Task::Segment { height: 0, width }, "coefficient"),
        (0, Task::Pose { values: 3 }, "keypoint"),
        (50, Task::Pose { values: 3 }, "keypoint"),
        (52, Task::Pose { values: 4 }, "keypoint"),
        (9000, Task::Pose { values: 3 }, "keypoint"),
        (0, Task::Obb, "one extra value"),
        (2, Task::Obb, "one extra value"),
    ] {
        let format = HeadFormat {
            extra,
            task,
            ..good
        };
        let error = format.validate().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let rotated_corners = HeadFormat {
        extra: 1,
        task: Task::Obb,
        ..HeadFormat::end_to_end(10)
    };
    assert!(
        rotated_corners
            .validate()
            .unwrap_err()
            .to_string()
            .contains("centre")
    );
    let masks = HeadFormat {
        extra: 3,
        task: Task::Segment { height, width },
        ..good
    };
    assert_eq!(masks.len(), 9 * 10 + 3 * 12 * 16);
    assert_eq!(masks.to_string(), "[9, 10] + [3, 12, 16]");
    masks.validate_for(MODEL).unwrap();
    let error = masks.validate_for((15, 48)).unwrap_err().to_string();
    assert!(error.contains("15x48"), "{error}");
    assert!(masks.validate_for((32_768, 32_768)).is_err());
}

#[test]
fn formats_of_boxes_alone_are_written_as_before() {
    let text = serde_json::to_string(&HeadFormat::yolov8(2, 10)).unwrap();
    assert!(!text.contains("task"), "{text}");
    for (task, written) in [
        (
            Task::Segment {
                height: 160,
                width: 80,
            },
            r#""task":{"segment":{"height":160,"width":80}}"#,
        ),
        (Task::Pose { values: 3 }, r#""task":{"pose":{"values":3}}"#),
        (Task::Obb, r#""task":"obb""#),
    ] {
        let format = HeadFormat {
            task,
            ..HeadFormat::yolov8(2, 10)
        };
        let text = serde_json::to_string(&format).unwrap();
        assert!(text.contains(written), "{text}");
        assert_eq!(serde_json::from_str::<HeadFormat>(&text).unwrap(), format);
    }
}
