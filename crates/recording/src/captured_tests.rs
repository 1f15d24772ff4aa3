use camweave_testing::frame_id;
use proptest::prelude::*;

use super::*;

const MILLI: i64 = 1_000_000;

fn id(session: i64, sequence: u64, captured: i64, clock: CapturedClock) -> FrameId {
    FrameId {
        session_unix_nanos: session,
        captured_unix_nanos: captured,
        captured_clock: clock,
        ..frame_id("a", sequence)
    }
}

fn reported(sequence: u64, captured: i64) -> FrameId {
    id(1, sequence, captured, CapturedClock::SenderReport)
}

/// A frame of the other stream.
fn other(captured: i64) -> FrameId {
    id(2, 0, captured, CapturedClock::SenderReport)
}

/// So many frames, one every `step`, from `line` and `captured` on.
fn run(all: &mut Captured, sequence: u64, count: i64, (line, captured): (i64, i64), step: i64) {
    for index in 0..count {
        let id = reported(sequence + index as u64, captured + index * step);
        all.note(&id, line + index * step);
    }
}

#[test]
fn a_frame_of_another_stream_is_the_nearest_one_of_this() {
    let mut all = Captured::default();
    assert_eq!(all.frame(&other(0)), None);
    assert_eq!(all.line(&other(0)), None);
    run(&mut all, 0, 100, (7, 1000 * SECOND), 100 * MILLI);
    for (millis, expected) in [
        (0, Some((0, 0))),
        (40, Some((0, 40))),
        (60, Some((1, 40))),
        (4_321, Some((43, 21))),
        // One step before and after them, and no more.
        (-100, Some((0, 100))),
        (-101, None),
        (10_000, Some((99, 100))),
        (10_001, None),
    ] {
        let captured = 1000 * SECOND + millis * MILLI;
        let found = all.frame(&other(captured));
        let expected = expected.map(|(sequence, off)| ((1, sequence), off * MILLI as u64));
        assert_eq!(found, expected, "{millis}");
        // Events reach further: they are not drawn on a frame.
        assert_eq!(
            all.line(&other(captured)),
            Some(7 + millis * MILLI),
            "{millis}"
        );
        assert_eq!(
            all.has_passed(&other(captured), 0),
            millis <= 9_900,
            "{millis}"
        );
    }
    assert_eq!(all.line(&other(1021 * SECOND)), None);
    assert!(
        !all.has_passed(&other(1009 * SECOND), SECOND),
        "one may come that is presented before"
    );
}

#[test]
fn a_missing_frame_is_stood_for_by_its_neighbours_and_a_gap_by_nothing() {
    let mut all = Captured::default();
    run(&mut all, 0, 50, (0, 0), 100 * MILLI);
    // Two are missing, then ten seconds.
    run(&mut all, 52, 5, (5_200 * MILLI, 5_200 * MILLI), 100 * MILLI);
    run(
        &mut all,
        157,
        5,
        (15_700 * MILLI, 15_700 * MILLI),
        100 * MILLI,
    );
    for (millis, expected) in [
        (5_000, Some(49)),
        (5_100, Some(52)),
        (5_700, Some(56)),
        (5_701, None),
        (12_000, None),
    ] {
        let found = all.frame(&other(millis * MILLI)).map(|(key, _)| key.1);
        assert_eq!(found, expected, "{millis}");
    }
}

#[test]
fn the_newest_setting_of_the_clock_counts_first() {
    let mut all = Captured::default();
    run(&mut all, 0, 100, (0, 1000 * SECOND), 100 * MILLI);
    // The clock is set back by five seconds: 1005 to 1010 s are there twice.
    run(&mut all, 100, 20, (10 * SECOND, 1005 * SECOND), 100 * MILLI);
    let frame = |millis: i64| all.frame(&other(millis * MILLI)).map(|(key, _)| key.1);
    assert_eq!(frame(1_006_000), Some(110));
    assert_eq!(frame(1_004_000), Some(40), "before it was set");
    assert_eq!(
        frame(1_008_000),
        Some(80),
        "by the old setting, as there is none by the new one"
    );
    assert_eq!(all.line(&other(1006 * SECOND)), Some(11 * SECOND));
    // Set ahead by a year, and back again.
    const YEAR: i64 = 31_536_000 * SECOND;
    run(&mut all, 120, 20, (12 * SECOND, YEAR), 100 * MILLI);
    let frame = |captured: i64| all.frame(&other(captured)).map(|(key, _)| key.1);
    assert_eq!(frame(YEAR + SECOND), Some(130));
    assert_eq!(frame(1006 * SECOND), Some(110));
    assert_eq!(all.line(&other(YEAR / 2)), None);
}

#[test]
fn by_different_clocks_nothing_is_drawn_and_an_event_is_now() {
    let mut all = Captured::default();
    run(&mut all, 0, 100, (0, 1000 * SECOND), 100 * MILLI);
    let arrived = id(2, 0, 1005 * SECOND, CapturedClock::Arrival);
    assert_eq!(all.frame(&arrived), None);
    assert_eq!(all.line(&arrived), Some(9_900 * MILLI));
    // Frames from before the first report go by the other clock, and are found by it.
    let mut all = Captured::default();
    for index in 0..20 {
        all.note(
            &id(1, index, index as i64 * 100 * MILLI, CapturedClock::Arrival),
            index as i64 * 100 * MILLI,
        );
    }
    run(&mut all, 20, 20, (2 * SECOND, 1000 * SECOND), 100 * MILLI);
    let arrived = |captured| id(2, 0, captured, CapturedClock::Arrival);
    assert_eq!(all.frame(&arrived(SECOND)), Some(((1, 10), 0)));
    assert_eq!(all.line(&arrived(3 * SECOND)), Some(3 * SECOND));
    assert_eq!(all.frame(&other(1001 * SECOND)), Some(((1, 30), 0)));
}

#[test]
fn frames_in_decoding_order_are_found_by_their_own_times() {
    let mut all = Captured::default();
    // I P B B, and so on: 0 3 1 2.
    let order = (0..25).flat_map(|group| [0, 3, 1, 2].map(|it| group * 4 + it));
    for (sequence, place) in order.enumerate() {
        let captured = 1000 * SECOND + place * 40 * MILLI;
        all.note(&reported(sequence as u64, captured), place * 40 * MILLI);
    }
    assert_eq!(all.step(), 40 * MILLI);
    // The third in decoding order is the second that is presented.
    assert_eq!(
        all.frame(&other(1000 * SECOND + 45 * MILLI)),
        Some(((1, 2), 5 * MILLI as u64))
    );
}

proptest! {
    /// Whatever comes: no detection is on a frame that is further than one step, none is on one by
    /// another clock, and where the clock was not set the frame is the nearest one.
    #[test]
    fn no_detection_is_on_a_frame_that_is_further_than_a_step(
        steps in proptest::collection::vec(
            (1_i64..3000, prop_oneof![9 => Just(0_i64), 1 => -20_000_i64..20_000], prop_oneof![9 => Just(true), 1 => Just(false)]),
            1..200,
        ),
        asked in proptest::collection::vec((0_usize..200, -3000_i64..3000, any::<bool>()), 20),
    ) {
        let mut all = Captured::default();
        let (mut line, mut offset, mut frames) = (0, 0, Vec::new());
        for (sequence, (step, set, is_reported)) in steps.iter().enumerate() {
            line += step * MILLI;
            offset += set * MILLI;
            let clock = if *is_reported { CapturedClock::SenderReport } else { CapturedClock::Arrival };
            let frame = id(1, sequence as u64, line + offset, clock);
            all.note(&frame, line);
            frames.push(frame);
        }
        let was_set = steps.iter().any(|(_, set, is_reported)| *set != 0 || !is_reported);
        for (near, off, is_reported) in asked {
            let clock = if is_reported { CapturedClock::SenderReport } else { CapturedClock::Arrival };
            let captured = frames[near % frames.len()].captured_unix_nanos + off * MILLI;
            let row = id(2, 7, captured, clock);
            let far = |it: &FrameId| it.captured_unix_nanos.abs_diff(captured);
            let Some((key, off)) = all.frame(&row) else {
                let has_near = frames.iter().any(|it| it.captured_clock == clock && far(it) <= all.step().unsigned_abs());
                prop_assert!(!has_near);
                continue;
            };
            let found = &frames[key.1 as usize];
            prop_assert_eq!(found.captured_clock, clock);
            prop_assert_eq!(off, far(found));
            prop_assert!(off <= all.step().unsigned_abs() && all.step() <= LONGEST_STEP);
            if !was_set {
                prop_assert_eq!(Some(off), frames.iter().map(far).min());
            }
        }
    }
}
