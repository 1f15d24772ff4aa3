//! A model that looks at the detected objects: what it says of tracks, against the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use camweave_tests::{CameraRecord, Cameras, Pipeline, Results, frame_of};
use camweave_vision::iou;
use serde::Deserialize;

/// A scene that no training has seen.
const SEED: &str = "100211";
/// A box is an object's if it overlaps its own this much.
const LEAST_IOU: f32 = 0.6;
/// Tracks of fewer frames say nothing.
const LEAST_FRAMES: usize = 5;

#[derive(Deserialize)]
struct Frame {
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    track_id: u64,
    bbox: [f32; 4],
    ignore: bool,
    color: Option<String>,
}

/// What was said of one car.
#[derive(Default)]
struct Car {
    color: String,
    frames: usize,
    /// Of the last frames that it was seen in.
    said: Option<String>,
}

fn truth(cameras: &Cameras, camera: &str) -> Vec<Frame> {
    let path = cameras.record().join(format!("{camera}.truth.jsonl"));
    let text = fs::read_to_string(path).expect("the simulator has written it");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a frame's truth"))
        .collect()
}

/// The cars of a camera, by their track in the truth.
fn cars(camera: &CameraRecord, truth: &[Frame], results: &Results) -> BTreeMap<u64, Car> {
    let mut cars: BTreeMap<u64, Car> = BTreeMap::new();
    for line in results.lines_of(&camera.id) {
        let frame = &truth[frame_of(line, camera)];
        for (index, bbox) in line.boxes.iter().enumerate() {
            let nearest = (frame.objects.iter())
                .filter(|it| iou(it.bbox, *bbox) >= LEAST_IOU && !it.ignore)
                .max_by(|a, b| iou(a.bbox, *bbox).total_cmp(&iou(b.bbox, *bbox)));
            let Some((object, color)) = nearest.and_then(|it| Some((it, it.color.as_ref()?)))
            else {
                continue;
            };
            if line.labels[index] != "car" {
                continue;
            }
            let car = cars.entry(object.track_id).or_default();
            car.color.clone_from(color);
            car.frames += 1;
            let attributes = line.attributes.as_ref().map(|it| &it[index][..]);
            if let Some([attribute]) = attributes {
                assert_eq!(attribute.name, "color");
                assert!((0.0..=1.0).contains(&attribute.conf), "{attribute:?}");
                car.said = Some(attribute.label.clone());
            }
        }
    }
    cars.retain(|_, car| car.frames >= LEAST_FRAMES);
    cars
}

#[test]
fn cars_have_the_color_that_they_are_painted_in() {
    let cameras = Cameras::start(&["--cameras", "3", "--seconds", "15", "--seed", SEED]);
    let mut run = Pipeline::of("cpu-classify.yml")
        .cameras(cameras.yml())
        // How fast this machine is must not decide whether frames are dropped.
        .set("MAX_WAIT_MS", "10000")
        .set("ANSWER_WAIT_MS", "10000")
        .set("MIN_SIZE", "16")
        .set("QUEUE", "64")
        .set("SLOTS", "64")
        .set("STALL_TIMEOUT_MS", "60000")
        .start();
    run.wait_until("the first frame", |run| run.detected_in_all() > 0);
    cameras.wait_until_ended();
    run.wait_until_quiet();
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    results.check_accounts();
    let (mut right, mut said, mut all, mut wrong) = (0, 0, 0, Vec::new());
    for camera in &cameras.records() {
        let summary = results.summary.camera(&camera.id);
        assert_eq!(summary.frames_detected, camera.frames_sent, "{summary:?}");
        for car in cars(camera, &truth(&cameras, &camera.id), &results).into_values() {
            all += 1;
            match &car.said {
                Some(color) if *color == car.color => (right, said) = (right + 1, said + 1),
                Some(color) => {
                    said += 1;
                    wrong.push(format!("{} for {}", color, car.color));
                }
                None => {}
            }
        }
    }
    println!("{right} of {said} right, of {all} cars; wrong: {wrong:?}");
    assert!(all >= 10, "{all} cars in the scenes");
    assert!(10 * said >= 8 * all, "{said} of {all} cars have a color");
    assert!(
        10 * right >= 8 * said,
        "{right} of {said} right; wrong: {wrong:?}"
    );
    // Other objects are not asked about, as long as they are taken for others.
    let boxes = || {
        let all = results.lines.iter();
        all.flat_map(|line| (0..line.boxes.len()).map(move |index| (line, index)))
    };
    let cars: BTreeSet<u64> = boxes()
        .filter(|(line, index)| line.labels[*index] == "car")
        .filter_map(|(line, index)| line.track_ids[index])
        .collect();
    for (line, index) in boxes() {
        let has_some = line
            .attributes
            .as_ref()
            .is_some_and(|it| !it[index].is_empty());
        let is_car = line.labels[index] == "car"
            || line.track_ids[index].is_some_and(|track| cars.contains(&track));
        assert!(is_car || !has_some, "box {index} of {line:?}");
    }
    let facts = &results.summary.facts;
    assert!(
        facts["color.model"].starts_with("camweave-car-color.onnx@"),
        "{facts:?}"
    );
}
