//! What users of other programs have complained about, each as a test.

mod support;

use std::collections::BTreeMap;

use camweave_message::{Direction, EventPhase};
use support::{Case, Dice, SECOND, object, of_class, standing};

const GATE: &str = "  - {name: gate, kind: crossing, line: [[0.1, 0.5], [0.9, 0.5]]}\n";
const YARD: &str = "[[0.2, 0.2], [0.8, 0.2], [0.8, 0.9], [0.2, 0.9]]";
const RATES: [u32; 3] = [5, 15, 30];

/// From above the line to below it, in four seconds.
fn down(seconds: f64) -> f64 {
    0.3 + 0.1 * seconds
}

#[test]
fn supervision_2598_a_box_that_jumps_across_the_line_for_one_frame_is_not_counted() {
    for fps in RATES {
        for planted in 1..3 * fps as usize {
            let mut case = Case::new(GATE);
            let mut index = 0;
            case.frames(fps, 0.0..4.0, |_| {
                index += 1;
                // It stands on one side, and is seen on the other in one frame.
                let y = if index - 1 == planted { 0.7 } else { 0.3 };
                vec![standing(1, 0.5, y)]
            });
            assert_eq!(case.events, [], "{fps} fps, frame {planted}");
        }
    }
}

#[test]
fn supervision_2598_a_flicker_on_the_way_across_is_one_crossing_the_right_way() {
    for fps in RATES {
        for planted in 1..4 * fps as usize - 1 {
            let mut case = Case::new(GATE);
            let mut index = 0;
            case.frames(fps, 0.0..4.0, |seconds| {
                index += 1;
                let y = down(seconds);
                // The mirror image: as far away on the other side.
                let y = if index - 1 == planted { 1.0 - y } else { y };
                vec![standing(1, 0.5, y)]
            });
            let found: Vec<_> = case.events.iter().map(|it| it.direction).collect();
            assert_eq!(found, [Some(Direction::In)], "{fps} fps, frame {planted}");
        }
    }
}

#[test]
fn supervision_2578_boxes_without_a_track_never_count() {
    // 7 across one way and 9 the other, among boxes that the tracker has not confirmed.
    let mut case = Case::new(GATE);
    let mut dice = Dice::new(1);
    case.frames(15, 0.0..4.0, |seconds| {
        let there = (1..=7).map(|id| standing(id, 0.1 * id as f64 + 0.05, down(seconds)));
        let back =
            (11..=19).map(|id| standing(id, 0.08 * (id - 10) as f64 + 0.1, 1.0 - down(seconds)));
        let mut boxes: Vec<_> = there.chain(back).collect();
        for _ in 0..20 {
            let mut item = standing(0, 0.1 + 0.8 * dice.part(), dice.part());
            item.track_id = None;
            boxes.push(item);
        }
        boxes
    });
    assert_eq!(case.counts(), (7, 9));
    assert_eq!(case.events.len(), 16);
}

#[test]
fn supervision_1838_a_line_near_the_frames_edge_counts() {
    // A box that leaves the frame at its lower edge is cut off there: no corner and no anchor ever is
    // beyond the edge.
    for (anchor, lines) in [("bottom", &[0.95, 0.98, 0.992][..]), ("centre", &[0.95])] {
        for at in lines {
            let fields = format!("anchor: {anchor}, line: [[0, {at}], [1, {at}]]");
            let mut case = Case::new(&format!("  - {{name: gate, kind: crossing, {fields}}}\n"));
            case.frames(15, 0.0..6.0, |seconds| {
                let y = 0.5 + 0.15 * seconds;
                let bbox = [0.4, y - 0.1, 0.5, y.min(1.0)];
                if bbox[1] < 1.0 {
                    vec![object(1, bbox)]
                } else {
                    vec![]
                }
            });
            // The centre of what is left of a box goes to the edge as well.
            assert_eq!(case.counts(), (1, 0), "{anchor} at {at}");
        }
    }
}

#[test]
fn what_the_frames_edge_cuts_off_is_in_zones_and_crosses_lines_that_end_there() {
    // From the lower edge up, and over the whole width.
    let lines = "  - {name: line, kind: crossing, line: [[0.5, 1], [0.5, 0.6]]}
  - {name: near, kind: presence, zone: [[0, 0.6], [1, 0.6], [1, 1], [0, 1]]}
";
    for y in [0.9, 1.0, 1.2] {
        let mut case = Case::new(lines);
        case.frames(15, 0.0..3.0, |seconds| {
            let x = 0.05 + 0.3 * seconds;
            vec![object(1, [x - 0.05, y - 0.3, x + 0.05, y])]
        });
        case.close();
        let ended: Vec<_> = case.ended().iter().map(|it| &*it.rule).collect();
        assert_eq!(ended, ["line", "near"], "{y}");
        assert_eq!(case.ended()[0].direction, Some(Direction::In));
    }
}

#[test]
fn frigate_9175_what_counts_does_not_depend_on_the_frame_rate() {
    // In for 1.9 s and then for 2.2 s, where 2 s are asked for.
    let fields = format!("zone: {YARD}, enter: 2, leave: 0.5");
    let lines = format!("  - {{name: yard, kind: presence, {fields}}}\n");
    for fps in [2, 5, 10, 15, 30, 60] {
        let mut case = Case::new(&lines);
        case.frames(fps, 0.0..12.0, |seconds| {
            let is_in = (1.0..2.9).contains(&seconds) || (6.0..8.5).contains(&seconds);
            vec![standing(1, if is_in { 0.5 } else { 0.1 }, 0.5)]
        });
        let ended = case.ended();
        assert_eq!(ended.len(), 1, "{fps} fps: {ended:#?}");
        // It comes and leaves at once, somewhere between two frames.
        let error = (ended[0].value - 2.5).abs();
        assert!(error <= 2.0 / f64::from(fps), "{fps} fps: {ended:#?}");
        case.check_lives();
    }
}

#[test]
fn frigate_10739_an_object_that_is_covered_for_a_moment_stays_in_its_zone() {
    let lines = format!("  - {{name: seats, kind: occupancy, zone: {YARD}, leave: 2}}\n");
    for fps in RATES {
        let mut case = Case::new(&lines);
        case.frames(fps, 0.0..30.0, |seconds| {
            // Both are there all the time. The second is covered for up to 1.8 s, again and again.
            let mut boxes = vec![standing(1, 0.4, 0.5)];
            if seconds % 3.0 >= 1.8 {
                boxes.push(standing(2, 0.6, 0.5));
            }
            boxes
        });
        let values: Vec<_> = case.events.iter().map(|it| it.value).collect();
        assert_eq!(values, [1.0, 2.0], "{fps} fps");
    }
}

#[test]
fn frigate_17562_loitering_has_a_time_for_each_class() {
    let fields = format!("zone: {YARD}, after_of: {{person: 5, car: 20}}");
    let mut case = Case::new(&format!("  - {{name: yard, kind: dwell, {fields}}}\n"));
    case.frames(5, 0.0..30.0, |_| {
        vec![
            standing(1, 0.3, 0.5),
            of_class("car", standing(2, 0.5, 0.5)),
            of_class("dog", standing(3, 0.7, 0.5)),
        ]
    });
    let begun: BTreeMap<_, _> = (case.events.iter())
        .filter(|it| it.phase == EventPhase::New)
        .map(|it| (it.label.to_string(), it.value))
        .collect();
    let labels: Vec<_> = begun.keys().map(String::as_str).collect();
    assert_eq!(
        labels,
        ["car", "person"],
        "a class that has no time is no event"
    );
    assert!(
        (begun["person"] - 5.0).abs() < 1e-6 && (begun["car"] - 20.0).abs() < 1e-6,
        "{begun:?}"
    );
}

#[test]
fn frigate_8890_a_time_is_over_when_it_is_and_not_a_frame_later() {
    let lines = format!("  - {{name: yard, kind: presence, zone: {YARD}, enter: 1}}\n");
    for fps in RATES {
        let frames = |count: u32| {
            let mut case = Case::new(&lines);
            // It is seen inside in so many frames; the one after confirms the last.
            case.frames(fps, 0.0..f64::from(count) / f64::from(fps), |_| {
                vec![standing(1, 0.5, 0.5)]
            });
            case.events.len()
        };
        // From the first frame to the one that is 1 s later, and the one that confirms it.
        assert_eq!(frames(fps + 1), 0, "{fps} fps");
        assert_eq!(frames(fps + 2), 1, "{fps} fps");
    }
}

#[test]
fn jitter_on_the_line_never_counts_twice() {
    for seed in 0..50 {
        let mut dice = Dice::new(seed);
        let mut case = Case::new(GATE);
        case.frames(30, 0.0..24.0, |seconds| {
            // It comes, stands on the line for 20 s, and goes on.
            let y = 0.5 + 0.1 * (seconds - 2.0).min(0.0) + 0.1 * (seconds - 22.0).max(0.0);
            vec![standing(1, 0.5, y + 0.016 * (dice.part() - 0.5))]
        });
        assert_eq!(
            (case.events.len(), case.counts()),
            (1, (1, 0)),
            "seed {seed}"
        );
    }
}

#[test]
fn jitter_counts_no_more_where_the_frames_edge_cuts_objects_off() {
    let lines = "  - {name: gate, kind: crossing, line: [[0.5, 0], [0.5, 1]]}\n";
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let mut case = Case::new(lines);
        case.frames(30, 0.0..24.0, |seconds| {
            let x = 0.5 + 0.1 * (seconds - 2.0).min(0.0) + 0.1 * (seconds - 22.0).max(0.0);
            let x = x + 0.008 * (dice.part() - 0.5);
            vec![object(1, [x - 0.1, 0.7, x + 0.1, 1.1])]
        });
        assert_eq!(
            (case.events.len(), case.counts()),
            (1, (0, 1)),
            "seed {seed}"
        );
    }
}

#[test]
fn a_way_past_the_end_of_a_line_never_counts() {
    let mut case = Case::new(GATE);
    case.frames(15, 0.0..4.0, |seconds| {
        vec![
            standing(1, 0.95, down(seconds)),
            standing(2, 0.05, 1.0 - down(seconds)),
        ]
    });
    assert_eq!(case.events, []);
    // Around the end, and back across the line: one crossing.
    case.frames(15, 4.0..8.0, |seconds| {
        vec![standing(1, 0.5, 1.1 - down(seconds - 4.0))]
    });
    assert_eq!(case.counts(), (0, 1));
}

#[test]
fn a_way_across_a_gap_counts_if_it_crosses() {
    for (x, expected) in [(0.5, 1), (0.05, 0)] {
        let mut case = Case::new(GATE);
        let way = |seconds: f64| vec![standing(1, x, 0.1 * seconds + 0.3)];
        case.frames(15, 0.0..1.0, way);
        // Three seconds without a frame.
        case.frames(15, 4.0..5.0, way);
        assert_eq!(case.counts().0, expected);
    }
}

#[test]
fn what_was_half_across_when_the_camera_fell_silent_begins_again() {
    let mut case = Case::new(GATE);
    case.frames(15, 0.0..2.0, |seconds| {
        vec![standing(1, 0.5, 0.305 + 0.1 * seconds)]
    });
    case.frames(15, 2.0..3.0, |_| vec![standing(1, 0.5, 0.505)]);
    case.close();
    // The same id, or one that looks like it, is back where it came from.
    case.frames(15, 60.0..62.0, |_| vec![standing(1, 0.5, 0.3)]);
    assert_eq!(case.events, []);
}

#[test]
fn a_line_with_corners_is_crossed_once() {
    // Around a house: in is to its right.
    let line = "[[0.2, 0.9], [0.2, 0.3], [0.8, 0.3], [0.8, 0.9]]";
    let mut case = Case::new(&format!(
        "  - {{name: house, kind: crossing, line: {line}}}\n"
    ));
    // In at the corner, and out on the right.
    case.frames(15, 0.0..4.0, |seconds| {
        vec![standing(1, 0.05 + 0.1 * seconds, 0.15 + 0.1 * seconds)]
    });
    assert_eq!(case.counts(), (1, 0));
    case.frames(15, 4.0..9.0, |seconds| {
        vec![standing(1, 0.45 + 0.1 * (seconds - 4.0), 0.55)]
    });
    assert_eq!((case.counts(), case.events.len()), ((1, 1), 2));
}

#[test]
fn only_one_direction_makes_events_and_both_are_counted() {
    let lines = GATE.replace("]]", "]], direction: out");
    let mut case = Case::new(&lines);
    case.frames(15, 0.0..4.0, |seconds| {
        vec![standing(1, 0.5, down(seconds))]
    });
    case.frames(15, 4.0..8.0, |seconds| {
        vec![standing(1, 0.5, 1.1 - down(seconds - 4.0))]
    });
    assert_eq!((case.counts(), case.events.len()), ((1, 1), 1));
}

#[test]
fn classes_flip_and_scores_fall_and_nothing_ends_or_doubles() {
    let fields = format!("objects: [car], min_score: 0.6, zone: {YARD}");
    let lines = format!(
        "  - {{name: yard, kind: presence, {fields}}}\n  - {{name: seats, kind: crowding, at_least: 2, {fields}}}\n"
    );
    let mut case = Case::new(&lines);
    let mut index = 0;
    case.frames(5, 0.0..20.0, |_| {
        index += 1;
        let class = if index % 4 == 0 { "truck" } else { "car" };
        let mut first = of_class(class, standing(1, 0.4, 0.5));
        first.score = if index % 3 == 0 { 0.7 } else { 0.4 };
        let second = of_class("car", standing(2, 0.6, 0.5));
        let mut never = of_class("car", standing(3, 0.5, 0.5));
        never.score = 0.5;
        vec![first, second, never, standing(4, 0.5, 0.6)]
    });
    case.close();
    case.check_lives();
    let ended: Vec<_> = case
        .ended()
        .iter()
        .map(|it| (&*it.rule, it.track_ids.first().copied(), it.value))
        .collect();
    // Two objects, each once, and one crowd of two.
    assert_eq!(ended.len(), 3, "{ended:?}");
    assert!(ended.contains(&("seats", None, 2.0)), "{ended:?}");
    for id in [1, 2] {
        let found = ended
            .iter()
            .find(|it| it.1 == Some(id))
            .expect("it was there");
        assert!((found.2 - 19.8).abs() < 1e-6, "{found:?}");
    }
}

#[test]
fn a_reconnect_ends_nothing_and_counts_nothing() {
    let lines = format!("{GATE}  - {{name: yard, kind: presence, zone: {YARD}}}\n");
    let mut case = Case::new(&lines);
    let there = |_| vec![standing(1, 0.5, 0.4)];
    case.frames(15, 0.0..5.0, there);
    // Eight seconds without the camera, whose clock was set meanwhile.
    case.session = 2;
    case.clock_set = -3600 * SECOND;
    case.frames(15, 13.0..18.0, there);
    assert!(case.ended().is_empty(), "{:#?}", case.ended());
    let last = case.events.last().expect("updates");
    assert_eq!((last.phase, &*last.event), (EventPhase::Update, "event-1"));
    // Gone while the camera was away: what is missing now is missed from now on.
    case.session = 3;
    case.frames(15, 30.0..30.9, |_| vec![]);
    assert!(case.ended().is_empty());
    case.frames(15, 30.9..32.0, |_| vec![]);
    let ended = case.ended();
    assert_eq!(ended.len(), 1);
    assert!((ended[0].value - 18.0).abs() < 0.1, "{:#?}", ended[0]);
    case.check_lives();
}

#[test]
fn what_happens_by_one_rule_knows_nothing_of_another_camera_or_of_a_track_that_is_over() {
    // Thousands of objects, each for a moment: memory is bounded, and none is counted twice.
    let lines = format!("{GATE}  - {{name: yard, kind: presence, zone: {YARD}}}\n");
    let mut case = Case::new(&lines);
    case.frames(5, 0.0..4000.0, |seconds| {
        let (id, way) = ((seconds / 4.0) as u64, seconds % 4.0);
        vec![standing(id, 0.5, down(way))]
    });
    let crossings = case.events.iter().filter(|it| &*it.rule == "gate").count();
    assert_eq!(crossings, 1000);
    case.close();
    assert_eq!(case.ended().len(), 2000);
    case.check_lives();
}

#[test]
fn crowds_are_as_many_as_asked_for() {
    let fields = format!("zone: {YARD}, at_least: 3, leave: 0.5");
    let mut case = Case::new(&format!("  - {{name: crowd, kind: crowding, {fields}}}\n"));
    // They come one second after each other and leave again in the same order.
    case.frames(15, 0.0..20.0, |seconds| {
        let there = |id: u64| (id as f64..id as f64 + 8.0).contains(&seconds);
        (1..=5)
            .filter(|id| there(*id))
            .map(|id| standing(id, 0.1 * id as f64 + 0.2, 0.5))
            .collect()
    });
    let shown: Vec<_> = case.events.iter().map(|it| (it.phase, it.value)).collect();
    let (new, update, end) = (EventPhase::New, EventPhase::Update, EventPhase::End);
    assert_eq!(
        shown,
        [(new, 3.0), (update, 4.0), (update, 5.0), (end, 5.0)]
    );
    // From when the third came until the third left: then two were there.
    let last = &case.events[3];
    let lasted = last.ended_unix_nanos.expect("over") - last.began_unix_nanos;
    assert!((lasted - 8 * SECOND).abs() <= SECOND / 7, "{last:#?}");
}
