use camweave_message::{Passage, Trace, Unit};
use camweave_testing::{passage, stage_pass};
use proptest::prelude::*;

use super::*;

fn row(camera: &str, sequence: u64, waited: Duration) -> Passage {
    let enter_nanos = clock::monotonic_nanos() - waited.as_nanos() as i64;
    Passage {
        trace: Trace(vec![stage_pass("test", enter_nanos, 0)]),
        ..passage(camera, sequence)
    }
}

fn unit(camera: &str, sequence: u64, keyframe: bool) -> Unit {
    Unit {
        keyframe,
        ..camweave_testing::unit(camera, sequence)
    }
}

fn counters() -> Counters {
    Counters::new("test", "test", None)
}

fn names<R: Row>(rows: &[R]) -> Vec<(String, u64)> {
    rows.iter()
        .map(|row| (row.id().camera.to_string(), row.id().sequence))
        .collect()
}

fn drain<R: Row>(inbox: &Inbox<R>) -> Vec<(String, u64)> {
    std::iter::from_fn(|| inbox.pop(None))
        .flat_map(|rows| names(&rows))
        .collect()
}

const LONG: Duration = Duration::from_secs(10);
const FRAMES: QueuePolicy = QueuePolicy::Newest {
    max_wait: Duration::from_secs(5),
    overloaded_wait: Duration::from_secs(1),
    per_camera: 4,
};

#[test]
fn a_short_hitch_loses_nothing() {
    let inbox = Inbox::new(FRAMES, counters());
    for sequence in 0..4 {
        inbox.push(vec![
            row("a", sequence, Duration::ZERO),
            row("b", sequence, Duration::ZERO),
        ]);
    }
    assert_eq!(inbox.pop(None).map(|rows| rows.len()), Some(2));
    assert_eq!(drain(&inbox).len(), 6);
    assert!(inbox.is_empty());
}

#[test]
fn an_overload_goes_on_with_the_newest_of_each_camera() {
    let inbox = Inbox::new(FRAMES, counters());
    for sequence in 0..3 {
        inbox.push(vec![row("a", sequence, LONG)]);
    }
    inbox.push(vec![row("b", 0, LONG)]);
    inbox.push(vec![row("a", 3, Duration::ZERO)]);
    // b has nothing newer, so its frame stays although it waited long.
    assert_eq!(drain(&inbox), [("b".to_owned(), 0), ("a".to_owned(), 3)]);
    assert_eq!(
        inbox.counters.report().cameras["a"].dropped["superseded"],
        3
    );
}

#[test]
fn while_a_stage_is_overloaded_rows_wait_less_long() {
    let two_seconds = Duration::from_secs(2);
    let given = |inbox: &Inbox<Passage>| {
        inbox.push(vec![row("b", 0, two_seconds), row("b", 1, two_seconds)]);
        drain(inbox).len()
    };
    let inbox = Inbox::new(FRAMES, counters());
    assert_eq!(given(&inbox), 2, "five seconds are allowed");
    inbox.push(vec![row("a", 0, LONG), row("a", 1, LONG)]);
    assert_eq!(drain(&inbox), [("a".to_owned(), 1)]);
    let overloaded = inbox.queue().overloaded.expect("it is");
    assert_eq!(given(&inbox), 1, "now one second");
    assert_eq!(
        inbox.queue().overloaded,
        Some(overloaded),
        "it does not keep itself overloaded"
    );
    let long_ago = clock::monotonic_nanos() - OVERLOADED_FOR.as_nanos() as i64;
    inbox.queue().overloaded = Some(long_ago);
    assert_eq!(given(&inbox), 2, "five seconds again");
}

#[test]
fn a_detector_of_files_has_no_other_wait_when_it_is_overloaded() {
    let wait = |millis| match QueuePolicy::of_detector(Duration::from_millis(millis), 16) {
        QueuePolicy::Newest {
            overloaded_wait, ..
        } => overloaded_wait.as_millis(),
        _ => 0,
    };
    assert_eq!([400, 1000, 10_000].map(wait), [100, 250, 10_000]);
}

#[test]
fn one_camera_cannot_fill_the_queue() {
    let inbox = Inbox::new(FRAMES, counters());
    inbox.push(vec![row("b", 0, Duration::ZERO)]);
    for sequence in 0..100 {
        inbox.push(vec![row("a", sequence, Duration::ZERO)]);
    }
    let kept = drain(&inbox);
    assert_eq!(kept[0], ("b".to_owned(), 0));
    assert_eq!(
        kept[1..].iter().map(|(_, n)| *n).collect::<Vec<_>>(),
        [96, 97, 98, 99]
    );
}

#[test]
fn units_are_dropped_up_to_the_next_entry_point_only() {
    let inbox = Inbox::new(QueuePolicy::GroupOfPictures { per_camera: 4 }, counters());
    for sequence in 0..5 {
        inbox.push(vec![unit("a", sequence, sequence == 3)]);
    }
    assert_eq!(drain(&inbox), [("a".to_owned(), 3), ("a".to_owned(), 4)]);
    assert_eq!(
        inbox.counters.report().cameras["a"].dropped["decoder_backlog"],
        3
    );
}

#[test]
fn without_an_entry_point_all_units_wait_for_the_next_one() {
    let inbox = Inbox::new(QueuePolicy::GroupOfPictures { per_camera: 2 }, counters());
    for sequence in 0..6 {
        inbox.push(vec![
            unit("a", sequence, sequence == 5),
            unit("b", sequence, true),
        ]);
        if sequence < 5 {
            let popped = drain(&inbox);
            assert!(popped.contains(&("b".to_owned(), sequence)));
        }
    }
    for sequence in 6..20 {
        inbox.push(vec![unit("c", sequence, false)]);
    }
    assert_eq!(drain(&inbox), [("a".to_owned(), 5), ("b".to_owned(), 5)]);
    inbox.push(vec![unit("c", 20, true), unit("c", 21, false)]);
    assert_eq!(drain(&inbox), [("c".to_owned(), 20), ("c".to_owned(), 21)]);
    assert_eq!(
        inbox.counters.report().cameras["c"].dropped["decoder_backlog"],
        14
    );
}

#[test]
fn large_units_wait_up_to_a_number_of_bytes() {
    let inbox = Inbox::new(QueuePolicy::GroupOfPictures { per_camera: 64 }, counters());
    let large = |sequence, keyframe| {
        let mut unit = unit("a", sequence, keyframe);
        unit.data = vec![0_u8; BYTES_PER_CAMERA / 4].into();
        unit
    };
    for sequence in 0..8 {
        inbox.push(vec![
            large(sequence, sequence == 5),
            unit("b", sequence, true),
        ]);
    }
    let kept = drain(&inbox);
    let of = |camera: &str| -> Vec<u64> {
        let of_camera = kept.iter().filter(|(name, _)| name == camera);
        of_camera.map(|(_, sequence)| *sequence).collect()
    };
    assert_eq!(of("a"), [5, 6, 7]);
    assert_eq!(of("b").len(), 8);
    assert_eq!(
        inbox.counters.report().cameras["a"].dropped["decoder_backlog"],
        5
    );
    // What has gone does not count any more.
    for sequence in 8..12 {
        inbox.push(vec![large(sequence, false)]);
    }
    assert_eq!(drain(&inbox).len(), 4);
}

#[test]
fn rows_that_carry_much_are_dropped_by_their_bytes() {
    for policy in [FRAMES, QueuePolicy::Complete { limit: 1000 }] {
        let inbox = Inbox::new(policy, counters());
        let large = |sequence| {
            let mut unit = unit("a", sequence, true);
            unit.data = vec![0_u8; OTHER_BYTES_PER_CAMERA / 3].into();
            unit
        };
        for sequence in 0..40 {
            inbox.push(vec![large(sequence)]);
        }
        inbox.push(vec![unit("b", 0, true)]);
        let kept = drain(&inbox);
        assert!(kept.len() <= 4, "{policy:?}: {kept:?}");
        assert!(kept.contains(&("a".to_owned(), 39)) && kept.contains(&("b".to_owned(), 0)));
    }
}

#[test]
fn the_camera_that_has_the_most_gives_way_to_the_others() {
    let inbox = Inbox::new(QueuePolicy::Complete { limit: 100 }, counters());
    for sequence in 0..20 {
        inbox.push(vec![row("good", sequence, Duration::ZERO)]);
        let flood = (0..50).map(|n| row("flood", 50 * sequence + n, Duration::ZERO));
        inbox.push(flood.collect());
    }
    let kept = drain(&inbox);
    let of = |camera: &str| kept.iter().filter(|(name, _)| name == camera).count();
    assert_eq!(of("good"), 20);
    assert!((60..=80).contains(&of("flood")), "{}", of("flood"));
}

#[test]
fn many_cameras_with_many_rows_are_bounded_together() {
    let inbox = Inbox::new(FRAMES, counters());
    let cameras = 1 + ROWS_IN_ALL / 4;
    for sequence in 0..5 {
        let rows = (0..cameras).map(|n| row(&format!("cam{n}"), sequence, Duration::ZERO));
        inbox.push(rows.collect());
    }
    let kept = drain(&inbox);
    assert!(
        kept.len() <= ROWS_IN_ALL && kept.len() > ROWS_IN_ALL - 4,
        "{}",
        kept.len()
    );
}

fn batch(most: usize) -> Option<NonZeroUsize> {
    NonZeroUsize::new(most)
}

/// Cameras of the rows that are given out, as `a1` for the first of camera `a`.
fn given(inbox: &Inbox<Passage>, most: usize) -> Vec<String> {
    let rows = inbox.pop(batch(most)).unwrap_or_default();
    rows.iter()
        .map(|row| format!("{}{}", row.id.camera, row.id.sequence))
        .collect()
}

#[test]
fn a_batch_is_made_of_what_waits_whatever_messages_it_came_in() {
    let inbox = Inbox::new(QueuePolicy::Complete { limit: 100 }, counters());
    assert_eq!(inbox.pop(batch(4)), None);
    let soon = Duration::ZERO;
    for sequence in 1..=3 {
        inbox.push(vec![row("a", sequence, soon)]);
    }
    inbox.push((4..=9).map(|sequence| row("a", sequence, soon)).collect());
    assert_eq!(given(&inbox, 4), ["a1", "a2", "a3", "a4"]);
    assert_eq!(given(&inbox, 4), ["a5", "a6", "a7", "a8"]);
    assert_eq!(given(&inbox, 4), ["a9"]);
    assert!(inbox.is_empty());
}

#[test]
fn rows_in_order_come_as_they_came_whole_messages_as_far_as_they_fit() {
    let inbox = Inbox::new(QueuePolicy::Complete { limit: 100 }, counters());
    let soon = Duration::ZERO;
    let message = |rows: &[(&str, u64)]| {
        let rows = rows
            .iter()
            .map(|(camera, number)| row(camera, *number, soon));
        rows.collect::<Vec<_>>()
    };
    inbox.push(message(&[("a", 1), ("a", 2), ("b", 1)]));
    inbox.push(message(&[("b", 2), ("a", 3)]));
    inbox.push(message(&[("c", 1)]));
    inbox.push(message(&[("c", 2), ("c", 3), ("c", 4), ("c", 5), ("a", 4)]));
    let take = || {
        let rows = inbox.pop_in_order(batch(4)?)?;
        let rows = rows.iter();
        let names = rows.map(|row| format!("{}{}", row.id.camera, row.id.sequence));
        Some(names.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(take().as_deref(), Some("a1 a2 b1"));
    assert_eq!(take().as_deref(), Some("b2 a3 c1"));
    assert_eq!(take().as_deref(), Some("c2 c3 c4 c5"), "too long by itself");
    assert_eq!(take().as_deref(), Some("a4"));
    assert_eq!(take(), None);
    assert_eq!(inbox.rows(), 0);
}

#[test]
fn a_camera_that_has_many_rows_in_the_queue_keeps_no_other_waiting() {
    let inbox = Inbox::new(QueuePolicy::Complete { limit: 100 }, counters());
    let soon = Duration::ZERO;
    inbox.push((1..=9).map(|sequence| row("a", sequence, soon)).collect());
    inbox.push(vec![
        row("b", 1, soon),
        row("a", 10, soon),
        row("b", 2, soon),
    ]);
    inbox.push(vec![row("c", 1, soon)]);
    assert_eq!(given(&inbox, 4), ["a1", "a2", "b1", "c1"]);
    assert_eq!(given(&inbox, 2), ["a3", "b2"]);
    inbox.push(vec![row("d", 1, soon)]);
    assert_eq!(given(&inbox, 3), ["a4", "a5", "d1"]);
    assert_eq!(given(&inbox, 100).len(), 5);
    assert!(inbox.is_empty());
}

proptest! {
    /// Whatever comes, every row is either given out or counted as dropped, in order.
    #[test]
    fn nothing_is_lost_uncounted(
        messages in proptest::collection::vec(
            proptest::collection::vec((0..3_u8, any::<bool>(), any::<bool>()), 1..5), 1..60),
        pops in proptest::collection::vec(any::<bool>(), 60),
        batch in (0..6_usize).prop_map(NonZeroUsize::new),
        policy in prop_oneof![
            Just(FRAMES),
            Just(QueuePolicy::GroupOfPictures { per_camera: 5 }),
            Just(QueuePolicy::Complete { limit: 7 }),
        ],
    ) {
        let counters = counters();
        let inbox = Inbox::new(policy, counters.clone());
        let mut sequences = HashMap::new();
        let mut seen = Vec::new();
        for (message, pop) in messages.iter().zip(&pops) {
            let rows = message.iter().map(|(camera, keyframe, late)| {
                let camera = format!("cam{camera}");
                let sequence: &mut u64 = sequences.entry(camera.clone()).or_default();
                *sequence += 1;
                let mut unit = unit(&camera, *sequence, *keyframe);
                let wait = if *late { LONG } else { Duration::ZERO };
                unit.trace = row(&camera, 0, wait).trace;
                unit
            }).collect();
            inbox.push(rows);
            if *pop {
                seen.extend(inbox.pop(batch).map(|rows| names(&rows)).unwrap_or_default());
            }
        }
        seen.extend(drain(&inbox));
        let report = counters.report();
        for (camera, sent) in sequences {
            let got: Vec<u64> =
                seen.iter().filter(|(name, _)| *name == camera).map(|(_, n)| *n).collect();
            prop_assert!(got.is_sorted());
            let counted = &report.cameras[&camera];
            let dropped: u64 = counted.dropped.values().sum();
            // What still waits for a keyframe has been counted as dropped already.
            prop_assert_eq!(got.len() as u64 + dropped, sent);
            prop_assert_eq!(counted.received, sent);
        }
    }
}
