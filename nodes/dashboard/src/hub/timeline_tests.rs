use super::*;

const MILLI: i64 = 1_000_000;

/// The times of frames whose camera's times are these, in milliseconds; all of one session.
fn times(millis: &[i64]) -> Vec<Times> {
    let mut timeline = Timeline::default();
    let each = millis.iter().enumerate();
    each.map(|(index, it)| timeline.next(it * MILLI, index == 0))
        .collect()
}

/// What every timeline is, whatever the camera says.
fn check(times: &[Times]) {
    for pair in times.windows(2) {
        let end = pair[0].decode + u64::from(pair[0].duration);
        assert_eq!(pair[1].decode, end, "decode times are dense");
    }
    for it in times {
        assert!(it.duration > 0 && it.presentation > it.decode, "{it:?}");
    }
    let mut presented: Vec<u64> = times.iter().map(|it| it.presentation).collect();
    presented.sort_unstable();
    let mut pairs = presented.windows(2);
    assert!(pairs.all(|it| it[1] - it[0] >= 10), "no two at once");
    let mut by_presentation = times.to_vec();
    by_presentation.sort_by_key(|it| it.presentation);
    for pair in by_presentation.windows(2) {
        let end = pair[0].presentation + u64::from(pair[0].shown);
        assert!(end >= pair[1].presentation, "a hole: {pair:?}");
    }
}

/// Milliseconds from each presentation time to the next in presentation order.
fn steps(times: &[Times]) -> Vec<u64> {
    let mut presented: Vec<u64> = times.iter().map(|it| it.presentation).collect();
    presented.sort_unstable();
    let pairs = presented.windows(2);
    pairs.map(|it| (it[1] - it[0]).div_ceil(1000)).collect()
}

#[test]
fn frames_that_come_in_order_keep_their_camera_s_steps() {
    for step in [8, 40, 125, 1000] {
        let camera: Vec<i64> = (0..200).map(|it| 5000 + it * step).collect();
        let times = times(&camera);
        check(&times);
        assert!(steps(&times).iter().all(|it| *it == step as u64));
        let last = times[199];
        let lead = (last.presentation - last.decode) as i64 - LEAD;
        assert!(lead.abs() < LEAD / 4, "steps of {step} ms: {lead}");
        let durations = times[100..].iter().map(|it| i64::from(it.duration));
        for duration in durations {
            assert!((duration - 1000 * step).abs() <= step * 50, "{duration}");
        }
    }
}

#[test]
fn reordered_frames_are_presented_in_their_camera_s_order() {
    // I P B B, and a pyramid of eight.
    for order in [&[0, 3, 1, 2][..], &[0, 8, 4, 2, 1, 3, 6, 5, 7]] {
        let last = order.len() as i64 - 1;
        let groups =
            (0..50_i64).flat_map(|group| order[1..].iter().map(move |it| group * last + it));
        let frames: Vec<i64> = std::iter::once(0).chain(groups).collect();
        let camera: Vec<i64> = frames.iter().map(|it| it * 40).collect();
        let times = times(&camera);
        check(&times);
        let mut by_camera: Vec<_> = camera.iter().zip(&times).collect();
        by_camera.sort_by_key(|(camera, _)| **camera);
        assert!(by_camera.is_sorted_by_key(|(_, times)| times.presentation));
        assert!(
            steps(&times).iter().all(|it| *it == 40),
            "{:?}",
            steps(&times)
        );
        for it in &times[50..] {
            assert!((20_000..=80_000).contains(&it.duration), "{it:?}");
        }
    }
}

#[test]
fn a_gap_is_no_longer_than_two_frames() {
    let mut camera: Vec<i64> = (0..50).map(|it| it * 40).collect();
    camera.extend((0..50).map(|it| 60_000 + it * 40));
    let times = times(&camera);
    check(&times);
    let steps = steps(&times);
    assert!(steps[49] <= 80, "{}", steps[49]);
    assert!(steps[60..].iter().all(|it| *it == 40), "{steps:?}");
}

#[test]
fn a_rate_that_falls_is_followed() {
    let mut camera: Vec<i64> = (0..50).map(|it| it * 40).collect();
    camera.extend((1..60).map(|it| 1960 + it * 500));
    let times = times(&camera);
    check(&times);
    let steps = steps(&times);
    assert!(steps[90..].iter().all(|it| *it == 500), "{steps:?}");
}

#[test]
fn a_slow_camera_has_no_holes_either() {
    for (fast, slow) in [(40, 1000), (67, 2000), (2000, 2000)] {
        let mut camera: Vec<i64> = (0..50).map(|it| it * fast).collect();
        camera.extend((1..60).map(|it| 49 * fast + it * slow));
        check(&times(&camera));
    }
}

#[test]
fn a_clock_that_goes_back_and_a_new_session_go_on_where_the_last_frame_was() {
    let mut timeline = Timeline::default();
    let mut times = Vec::new();
    for _session in 0..3 {
        for frame in 0..50 {
            times.push(timeline.next(frame * 40 * MILLI, frame == 0));
        }
    }
    for frame in 0..50 {
        times.push(timeline.next((frame * 40 - 3_600_000) * MILLI, false));
    }
    check(&times);
    assert!(times.is_sorted_by_key(|it| it.presentation));
    assert!(
        steps(&times).iter().all(|it| *it == 40),
        "{:?}",
        steps(&times)
    );
}

#[test]
fn frames_before_the_keyframe_of_a_session_are_placed_before_it() {
    let mut timeline = Timeline::default();
    let key = timeline.next(1000 * MILLI, true);
    let leading = [920, 960].map(|it| timeline.next(it * MILLI, false));
    assert_eq!(key.presentation - leading[0].presentation, 80_000);
    assert_eq!(key.presentation - leading[1].presentation, 40_000);
}

#[test]
fn the_same_time_twice_is_two_times() {
    let times = times(&[0, 40, 40, 40, 80, 60, 60, 120]);
    check(&times);
}

#[test]
fn whatever_a_camera_says_decoding_goes_forward() {
    let mut state = 7_u64;
    let mut timeline = Timeline::default();
    let mut times = Vec::new();
    for _ in 0..20_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let pts = (state >> 20) as i64 % 10_000_000_000;
        times.push(timeline.next(pts * ((state >> 8 & 3) as i64 - 1), state >> 60 == 0));
    }
    for pair in times.windows(2) {
        let end = pair[0].decode + u64::from(pair[0].duration);
        assert_eq!(pair[1].decode, end);
        assert!(pair[0].duration > 0);
    }
}
