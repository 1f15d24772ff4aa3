use std::path::Path;

use camweave_message::{FrameId, Unit};
use camweave_testing::frame_id;

use super::*;
use crate::QueuePolicy;

fn unit(camera: &str, pts_nanos: i64) -> Unit {
    Unit {
        id: FrameId {
            pts_nanos,
            ..frame_id(camera, 0)
        },
        ..camweave_testing::unit(camera, 0)
    }
}

fn boundary() -> (Boundary<Unit>, Arc<Inbox<Unit>>, Context) {
    let context = Context::for_tests("test", Path::new("."));
    let policy = QueuePolicy::Complete { limit: 4096 };
    let inbox = Arc::new(Inbox::new(policy, context.counters.clone()));
    (Boundary::new(&context, &inbox), inbox, context)
}

#[test]
fn a_bad_row_costs_that_row_and_is_counted() {
    let (mut boundary, inbox, context) = boundary();
    let rows = [
        unit("a", 0),
        unit("a", i64::MIN),
        unit("../b", 0),
        unit("c", 0),
    ];
    boundary.take("in", &Unit::to_arrow(&rows));
    let rows = inbox.pop(None).expect("the good rows");
    let cameras: Vec<_> = rows.iter().map(|row| &*row.id.camera).collect();
    assert_eq!(cameras, ["a", "c"]);
    let report = context.counters.report();
    let a = &report.cameras["a"];
    assert_eq!((a.received, a.dropped["malformed"]), (2, 1));
    assert_eq!(report.errors["malformed_row"], 1);
    assert_eq!(report.cameras.len(), 2);
}

#[test]
fn a_message_that_is_none_costs_itself() {
    let (mut boundary, inbox, context) = boundary();
    boundary.take("in", &arrow_array::Float32Array::from(vec![1.0]));
    boundary.take("in", &Unit::to_arrow(&[unit("a", 0)]));
    assert_eq!(inbox.pop(None).map(|rows| rows.len()), Some(1));
    assert_eq!(context.counters.report().errors["malformed_message"], 1);
}

#[test]
fn a_node_knows_so_many_cameras_and_those_go_on() {
    let (mut boundary, inbox, context) = boundary();
    for number in 0..MAX_CAMERAS + 500 {
        boundary.take("in", &Unit::to_arrow(&[unit(&format!("mc{number}"), 0)]));
    }
    boundary.take("in", &Unit::to_arrow(&[unit("mc0", 0)]));
    let came = std::iter::from_fn(|| inbox.pop(None)).count();
    assert_eq!(came, MAX_CAMERAS + 1);
    let report = context.counters.report();
    assert_eq!(report.cameras.len(), MAX_CAMERAS);
    assert_eq!(report.errors["too_many_cameras"], 500);
}

#[test]
fn a_camera_that_comes_late_takes_the_place_of_a_silent_one() {
    let (mut boundary, inbox, context) = boundary();
    for number in 0..MAX_CAMERAS {
        boundary.take("in", &Unit::to_arrow(&[unit(&format!("mc{number}"), 0)]));
    }
    // Rows that are refused take nobody's place, and keep none.
    std::thread::sleep(SILENT + LOOK_EVERY);
    boundary.take(
        "in",
        &Unit::to_arrow(&[unit("mc0", 0), unit("mc1", i64::MIN)]),
    );
    while inbox.pop(None).is_some() {}
    boundary.take("in", &Unit::to_arrow(&[unit("late", 0)]));
    assert_eq!(inbox.pop(None).map(|rows| rows.len()), Some(1));
    let errors = context.counters.report().errors;
    assert!(!errors.contains_key("too_many_cameras"));
    assert!(boundary.cameras.contains_key("mc0") && !boundary.cameras.contains_key("mc1"));
}
