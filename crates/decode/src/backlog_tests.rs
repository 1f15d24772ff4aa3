use super::*;
use camweave_testing::stage_pass;
use std::sync::Arc;

fn unit(sequence: u64, keyframe: bool) -> Job {
    Job::Unit(Box::new(Unit {
        keyframe,
        ..camweave_testing::unit("cam1", sequence)
    }))
}

fn sequences(backlog: &mut Backlog) -> Vec<u64> {
    let mut sequences = Vec::new();
    while let Some(job) = backlog.pop(0).job {
        if let Job::Unit(unit) = job {
            sequences.push(unit.id.sequence);
        }
    }
    sequences
}

#[test]
fn a_camera_that_falls_behind_goes_on_at_the_newest_entry_point_that_waits() {
    let mut backlog = Backlog::default();
    let mut gone = 0;
    for sequence in 0..=UNITS_PER_CAMERA as u64 {
        let pushed = backlog.push(unit(sequence, sequence % 30 == 0), BYTES_PER_CAMERA);
        gone += pushed.frames;
    }
    assert_eq!(gone, 60);
    assert_eq!(sequences(&mut backlog), [60, 61, 62, 63, 64]);
}

#[test]
fn without_an_entry_point_all_units_go_up_to_the_next() {
    let mut backlog = Backlog::default();
    let mut gone = 0;
    for sequence in 0..100 {
        let pushed = backlog.push(
            unit(sequence, sequence == 0 || sequence == 90),
            BYTES_PER_CAMERA,
        );
        gone += pushed.frames;
    }
    assert_eq!(gone, 90);
    assert_eq!(sequences(&mut backlog), (90..100).collect::<Vec<_>>());
    assert_eq!(backlog.push(Job::Finish, BYTES_PER_CAMERA).jobs, 0);
}

#[test]
fn bytes_are_dropped_as_units_are() {
    let large = |sequence, keyframe| {
        let Job::Unit(mut unit) = unit(sequence, keyframe) else {
            unreachable!("it is a unit")
        };
        unit.data = vec![0_u8; 1000].into();
        Job::Unit(unit)
    };
    let mut backlog = Backlog::default();
    // One unit may be of any size.
    assert_eq!(backlog.push(large(0, true), 10).frames, 0);
    assert_eq!(backlog.push(large(1, false), 2000).frames, 0);
    assert_eq!(backlog.push(large(2, true), 2000).frames, 2);
    assert_eq!(backlog.push(large(3, false), 2000).frames, 0);
    // The only keyframe is the first: nothing can be kept.
    assert_eq!(backlog.push(large(4, false), 2000).frames, 3);
    assert_eq!(backlog.push(large(5, false), 2000).frames, 1);
    assert_eq!(backlog.bytes(), 0);
    assert_eq!(backlog.push(large(6, true), 2000).frames, 0);
    assert_eq!((sequences(&mut backlog), backlog.bytes()), (vec![6], 0));
}

const MILLIS: i64 = 1_000_000;

fn came(sequence: u64, keyframe: bool, millis: i64, clock: CapturedClock) -> Job {
    came_of("cam1", sequence, keyframe, millis * MILLIS, clock)
}

/// A unit of a camera that entered the stage at `nanos`.
pub(super) fn came_of(
    camera: &str,
    sequence: u64,
    keyframe: bool,
    nanos: i64,
    clock: CapturedClock,
) -> Job {
    let Job::Unit(mut it) = unit(sequence, keyframe) else {
        unreachable!("it is a unit")
    };
    it.id.camera = Arc::from(camera);
    it.id.captured_clock = clock;
    it.trace.0.push(stage_pass("decode", nanos, 0));
    Job::Unit(it)
}

/// Sequence, whether it is late, how many gave way.
fn next(backlog: &mut Backlog, millis: i64) -> (Option<u64>, bool, usize) {
    let next = backlog.pop(millis * MILLIS);
    let sequence = next.job.map(|job| match job {
        Job::Unit(unit) => unit.id.sequence,
        Job::Finish => unreachable!("there is none"),
    });
    (sequence, next.is_late, next.gone.frames)
}

#[test]
fn a_live_camera_that_falls_behind_in_time_gives_way() {
    let live = CapturedClock::Arrival;
    let mut backlog = Backlog::default();
    // While the decoder was opened, nothing is given up.
    for sequence in 0..40 {
        let millis = 40 * sequence as i64;
        backlog.push(
            came(sequence, sequence == 0, millis, live),
            BYTES_PER_CAMERA,
        );
    }
    for sequence in 0..40 {
        assert_eq!(next(&mut backlog, 3000), (Some(sequence), false, 0));
    }
    // Unless it never catches up.
    let mut slow = Backlog::default();
    for sequence in 0..10 {
        slow.push(came(sequence, sequence == 0, 0, live), BYTES_PER_CAMERA);
    }
    assert_eq!(next(&mut slow, 1000), (Some(0), false, 0));
    assert_eq!(next(&mut slow, 3900), (Some(1), false, 0));
    assert_eq!(next(&mut slow, 4100), (None, false, 8));
    // From then on disposable frames are dropped after 150 ms, groups of pictures after 600.
    for sequence in 40..60 {
        let millis = 3000 + 40 * (sequence as i64 - 40);
        backlog.push(
            came(sequence, sequence == 55, millis, live),
            BYTES_PER_CAMERA,
        );
    }
    assert_eq!(next(&mut backlog, 3100), (Some(40), false, 0));
    assert_eq!(next(&mut backlog, 3240), (Some(41), true, 0));
    assert_eq!(next(&mut backlog, 3720), (Some(55), true, 13));
    // Without a keyframe all goes, up to the next.
    assert_eq!(next(&mut backlog, 4400), (None, false, 4));
    assert_eq!(
        backlog
            .push(came(60, false, 4400, live), BYTES_PER_CAMERA)
            .frames,
        1
    );
    assert_eq!(
        backlog
            .push(came(61, true, 4440, live), BYTES_PER_CAMERA)
            .frames,
        0
    );
    assert_eq!(next(&mut backlog, 4450), (Some(61), false, 0));
    assert_eq!(backlog.bytes(), 0);
}

/// A camera that has started: nothing waits after its second unit.
fn started() -> Backlog {
    let mut backlog = Backlog::default();
    for sequence in 0..2 {
        backlog.push(
            came(sequence, true, 0, CapturedClock::Arrival),
            BYTES_PER_CAMERA,
        );
        next(&mut backlog, 0);
    }
    backlog
}

/// How many of two groups are dropped where the first waits for `wait` milliseconds.
fn give(backlog: &mut Backlog, begin: i64, wait: i64) -> usize {
    for sequence in 0..2 {
        let millis = begin + wait * sequence as i64;
        let unit = came(sequence, true, millis, CapturedClock::Arrival);
        backlog.push(unit, BYTES_PER_CAMERA);
    }
    let gone = next(backlog, begin + wait).2;
    while backlog.len() > 0 {
        next(backlog, begin + wait);
    }
    gone
}

#[test]
fn a_hitch_costs_nothing_and_a_long_wait_shortens_the_next_ones() {
    let mut backlog = started();
    assert_eq!(give(&mut backlog, 1000, 590), 0);
    assert_eq!(give(&mut backlog, 2000, 610), 1);
    assert_eq!(give(&mut backlog, 3000, 310), 1, "overloaded");
    assert_eq!(give(&mut backlog, 4000, 90), 0);
    assert_eq!(give(&mut backlog, 12_200, 310), 1, "for ten seconds");
    assert_eq!(give(&mut backlog, 18_000, 590), 0, "no longer");
    // Soon again: for twice as long.
    assert_eq!(give(&mut backlog, 20_000, 610), 1);
    assert_eq!(give(&mut backlog, 40_200, 310), 1);
    assert_eq!(give(&mut backlog, 52_000, 590), 0);
}

#[test]
fn a_camera_that_sends_in_bursts_recovers_from_a_hitch() {
    let live = CapturedClock::Arrival;
    let mut backlog = started();
    // A second's frames come at once, and take 12 ms each: the last one waits for 348 ms.
    let mut gone = |second: i64, hitch: i64| {
        let begin = 1000 * second;
        for number in 0..30 {
            let sequence = (30 * second + number) as u64;
            let unit = came(sequence, sequence.is_multiple_of(60), begin, live);
            backlog.push(unit, BYTES_PER_CAMERA);
        }
        let mut gone = 0;
        let mut millis = begin + hitch;
        while backlog.len() > 0 {
            gone += next(&mut backlog, millis).2;
            millis += 12;
        }
        gone
    };
    let before: usize = (4..10).map(|second| gone(second, 0)).sum();
    assert_eq!(before, 0, "bursts cost nothing");
    assert!(gone(10, 700) > 0, "a hitch");
    for second in 11..27 {
        gone(second, 0);
    }
    let after: usize = (27..60).map(|second| gone(second, 0)).sum();
    assert_eq!(after, 0, "nothing more once fifteen seconds are over");
}

#[test]
fn two_late_units_with_a_pause_between_are_no_overload() {
    let mut backlog = started();
    for (sequence, millis) in [(2, 1000), (3, 61_000)] {
        backlog.push(
            came(sequence, true, millis, CapturedClock::Arrival),
            BYTES_PER_CAMERA,
        );
        let found = next(&mut backlog, millis + 140);
        assert_eq!(found, (Some(sequence), false, 0));
    }
}

#[test]
fn a_group_that_is_jumped_to_has_a_bound_of_its_own() {
    let mut backlog = started();
    give(&mut backlog, 1000, 610);
    let mut twice = backlog.turn;
    for (sequence, millis) in [(10, 2000), (11, 2310)] {
        backlog.push(
            came(sequence, true, millis, CapturedClock::Arrival),
            BYTES_PER_CAMERA,
        );
    }
    assert_eq!(next(&mut backlog, 2310), (Some(11), false, 1));
    twice.next("cam");
    twice.next("cam");
    assert_eq!(backlog.turn, twice);
}

#[test]
fn waits_that_last_are_an_overload_before_any_is_long() {
    let live = CapturedClock::Arrival;
    let mut backlog = started();
    // One group; each unit waits for 140 ms while three more come, and less would be no wait.
    let first = (0..100).find(|sequence| {
        let millis = 1000 + 40 * sequence;
        let unit = came(*sequence as u64 + 2, *sequence == 0, millis, live);
        backlog.push(unit, BYTES_PER_CAMERA);
        if *sequence < 3 {
            return false;
        }
        let (_, is_late, gone) = next(&mut backlog, millis + 20);
        is_late || gone > 0
    });
    assert_eq!(first, Some(54), "after two seconds of 40 ms");
}

#[test]
fn what_came_while_the_decoder_was_opened_is_caught_up_with() {
    let live = CapturedClock::Arrival;
    let mut backlog = Backlog::default();
    backlog.push(came(0, true, 0, live), BYTES_PER_CAMERA);
    assert_eq!(next(&mut backlog, 0), (Some(0), false, 0));
    for sequence in 1..30 {
        let millis = 40 * sequence as i64;
        backlog.push(came(sequence, false, millis, live), BYTES_PER_CAMERA);
    }
    for sequence in 1..30 {
        assert_eq!(next(&mut backlog, 1200), (Some(sequence), false, 0));
    }
}

#[test]
fn the_end_of_a_session_gives_way_and_is_no_frame() {
    let live = CapturedClock::Arrival;
    let mut backlog = Backlog::default();
    for (sequence, keyframe) in [(0, true), (1, false)] {
        backlog.push(came(sequence, keyframe, 0, live), BYTES_PER_CAMERA);
        next(&mut backlog, 0);
    }
    backlog.push(came(2, false, 0, live), BYTES_PER_CAMERA);
    let Job::Unit(mut end) = came(3, false, 0, live) else {
        unreachable!("it is a unit")
    };
    end.data = Vec::<u8>::new().into();
    backlog.push(Job::Unit(end), BYTES_PER_CAMERA);
    backlog.push(came(0, true, 1000, live), BYTES_PER_CAMERA);
    let next = backlog.pop(1010 * MILLIS);
    assert_eq!(next.gone, Gone { jobs: 2, frames: 1 });
}

#[test]
fn units_of_files_wait_as_long_as_it_takes() {
    let mut backlog = Backlog::default();
    for sequence in 0..3 {
        backlog.push(
            came(sequence, sequence == 0, 0, CapturedClock::File),
            BYTES_PER_CAMERA,
        );
        assert_eq!(next(&mut backlog, 60_000), (Some(sequence), false, 0));
    }
}
