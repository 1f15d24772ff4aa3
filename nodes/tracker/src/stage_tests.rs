use std::collections::HashSet;

use camweave_message::FrameId;
use camweave_testing::{detections, frame_id, person};

use super::*;

const CONFIG: TrackerConfig = TrackerConfig {
    high_score: 0.5,
    new_track_score: 0.6,
    min_iou: 0.2,
    min_iou_low: 0.5,
    track_buffer: 30,
    max_boxes: 300,
};

fn row(camera: &str, frame: i64, boxes: &[([f32; 4], f32)]) -> Detections {
    let boxes = boxes.iter().map(|(bbox, score)| person(*bbox, *score));
    Detections {
        id: FrameId {
            captured_unix_nanos: frame * 100_000_000,
            ..frame_id(camera, frame as u64)
        },
        boxes: boxes.collect(),
        ..detections(camera, frame as u64)
    }
}

fn walker(frame: i64, x: f32, speed: f32) -> [f32; 4] {
    let left = x + speed * frame as f32;
    [left, 100.0, left + 40.0, 200.0]
}

fn feed(stage: &mut Tracker, row: Detections) -> Vec<Option<u64>> {
    let mut out = Output::default();
    stage
        .rows(vec![row], &mut out)
        .expect("tracking does not fail");
    out.take().concat()[0]
        .boxes
        .iter()
        .map(|item| item.track_id)
        .collect()
}

#[test]
fn two_crossing_walkers_keep_their_ids_through_misses() {
    let mut stage = Tracker::new(CONFIG, 1);
    let mut left = HashSet::new();
    let mut right = HashSet::new();
    for frame in 0..40 {
        // They walk apart in different lanes; the right one is missed in every tenth frame.
        let mut boxes = vec![(walker(frame, 50.0, 4.0), 0.9)];
        if frame % 10 != 9 {
            let [x1, _, x2, _] = walker(frame, 500.0, -4.0);
            boxes.push(([x1, 210.0, x2, 310.0], 0.9));
        }
        let ids = feed(&mut stage, row("a", frame, &boxes));
        left.extend(ids[0]);
        right.extend(ids.get(1).copied().flatten());
    }
    assert_eq!((left.len(), right.len()), (1, 1));
    assert!(left.is_disjoint(&right));
}

#[test]
fn no_id_is_shared_between_cameras_or_starts() {
    let mut ids = HashSet::new();
    for starts in 1..=2 {
        let mut stage = Tracker::new(CONFIG, starts);
        for camera in ["a", "b", "c"] {
            let id = feed(&mut stage, row(camera, 0, &[(walker(0, 50.0, 0.0), 0.9)]))[0];
            assert!(ids.insert(id.expect("a strong box begins a track at once")));
        }
    }
}

#[test]
fn a_long_pause_begins_anew() {
    let mut stage = Tracker::new(CONFIG, 1);
    let before = feed(&mut stage, row("a", 0, &[(walker(0, 50.0, 0.0), 0.9)]));
    let shortly = feed(&mut stage, row("a", 10, &[(walker(0, 50.0, 0.0), 0.9)]));
    let after = feed(&mut stage, row("a", 100, &[(walker(0, 50.0, 0.0), 0.9)]));
    assert_eq!(before, shortly);
    assert_ne!(before, after);
}

#[test]
fn broken_boxes_harm_nobody() {
    let mut stage = Tracker::new(CONFIG, 1);
    let good = walker(0, 50.0, 0.0);
    let first = feed(&mut stage, row("a", 0, &[(good, 0.9)]));
    let nan = [f32::NAN, 0.0, 10.0, 10.0];
    let flat = [5.0, 5.0, 5.0, 9.0];
    let huge = [0.0, 0.0, f32::INFINITY, 1.0];
    let second = feed(
        &mut stage,
        row("a", 1, &[(nan, 0.9), (flat, 0.9), (good, 0.9), (huge, 0.9)]),
    );
    assert_eq!(second, [None, None, first[0], None]);
    assert_eq!(feed(&mut stage, row("a", 2, &[(good, 0.9)])), first);
}

#[test]
fn classes_do_not_take_each_others_identity() {
    let mut stage = Tracker::new(CONFIG, 1);
    let rider = [100.0, 100.0, 140.0, 200.0];
    let both = |stage: &mut Tracker, frame, classes: [u32; 2]| {
        let mut row = row("a", frame, &[(rider, 0.9), (rider, 0.8)]);
        for (item, class_id) in row.boxes.iter_mut().zip(classes) {
            item.class_id = class_id;
        }
        feed(stage, row)
    };
    let first = both(&mut stage, 0, [0, 1]);
    // The same place, the classes in the other order: each keeps its own.
    let second = both(&mut stage, 1, [1, 0]);
    assert!(first[0].is_some() && first[1].is_some() && first[0] != first[1]);
    assert_eq!([second[1], second[0]], [first[0], first[1]]);
}

#[test]
fn ids_that_are_over_are_forgotten_and_never_given_again() {
    let mut stage = Tracker::new(CONFIG, 1);
    let mut seen = HashSet::new();
    for frame in 0..1024 {
        // Someone else every fourth frame, far from the last.
        let x = (frame / 4 % 16) as f32 * 100.0;
        seen.extend(feed(
            &mut stage,
            row("a", frame, &[([x, 0.0, x + 40.0, 90.0], 0.9)]),
        ));
    }
    assert_eq!(seen.len(), 256);
    assert!(
        stage.cameras["a"].ids.len() <= 12,
        "{}",
        stage.cameras["a"].ids.len()
    );
}

#[test]
fn a_weak_box_continues_a_track_but_begins_none() {
    let mut stage = Tracker::new(CONFIG, 1);
    assert_eq!(
        feed(&mut stage, row("a", 0, &[(walker(0, 50.0, 0.0), 0.3)])),
        [None]
    );
    let id = feed(&mut stage, row("a", 1, &[(walker(0, 50.0, 0.0), 0.9)]));
    assert!(id[0].is_some());
    assert_eq!(
        feed(&mut stage, row("a", 2, &[(walker(0, 50.0, 0.0), 0.3)])),
        id
    );
}

#[test]
fn capture_times_that_jump_anywhere_harm_nobody() {
    let mut stage = Tracker::new(CONFIG, 1);
    let good = [(walker(0, 50.0, 0.0), 0.9)];
    let times = [0, i64::MIN, i64::MAX, i64::MIN, -1, i64::MAX, 5_000_000_000];
    for captured in times {
        let mut row = row("a", 0, &good);
        row.id.captured_unix_nanos = captured;
        assert!(feed(&mut stage, row)[0].is_some());
    }
    // And numbers of starts that a damaged report may hold.
    let mut stage = Tracker::new(CONFIG, u64::MAX);
    assert!(feed(&mut stage, row("a", 0, &good))[0].is_some());
}

#[test]
fn the_strongest_boxes_are_followed_and_the_rest_passed_on() {
    let config = TrackerConfig {
        max_boxes: 10,
        ..CONFIG
    };
    let mut stage = Tracker::new(config, 1);
    // The scores rise, so the last ten are the strongest.
    let boxes: Vec<_> = (0..100)
        .map(|index| {
            let x = index as f32 * 6.0;
            ([x, 0.0, x + 5.0, 50.0], 0.7 + index as f32 / 1000.0)
        })
        .collect();
    let ids = feed(&mut stage, row("a", 0, &boxes));
    assert_eq!(ids.len(), 100);
    let followed: Vec<_> = (0..100).filter(|&index| ids[index].is_some()).collect();
    assert_eq!(followed, (90..100).collect::<Vec<_>>());
}

#[test]
fn what_is_kept_of_all_cameras_is_bounded() {
    let mut stage = Tracker::new(CONFIG, 1);
    for number in 0..100 {
        feed(
            &mut stage,
            row(&format!("mc{number}"), 0, &[(walker(0, 50.0, 0.0), 0.9)]),
        );
    }
    let many: Vec<_> = (0..40)
        .map(|n| (walker(0, 100.0 * n as f32, 0.0), 0.9))
        .collect();
    feed(&mut stage, row("many", 0, &many));
    stage.tidy(Instant::now(), 100);
    assert!(!stage.cameras.contains_key("many") && stage.cameras.len() == 100);
    stage.tidy(Instant::now() + SILENT, 100);
    assert!(stage.cameras.is_empty());
}
