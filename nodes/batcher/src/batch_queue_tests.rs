use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn limits(max_batch: usize, max_per_source: usize) -> Limits {
    Limits {
        max_batch,
        max_window: 100 * MS,
        max_per_source,
    }
}

/// Cameras with given rates (frames per second) that begin and end; every list with its time.
fn run(
    limits: Limits,
    cameras: &[(&str, u32, std::ops::Range<u32>)],
    millis: u32,
) -> Vec<(u32, Vec<(String, u32)>)> {
    let start = Instant::now();
    let mut batcher = BatchQueue::new(limits);
    let mut lists = Vec::new();
    for now in 0..millis {
        for (name, fps, alive) in cameras {
            let frame = now * fps / 1000;
            let first = now == 0 || (now - 1) * fps / 1000 != frame;
            if alive.contains(&now) && first {
                let gone = batcher.push(name, ((*name).to_owned(), now), start + now * MS);
                assert!(gone.is_none());
            }
        }
        while let Some(list) = batcher.pop(start + now * MS) {
            lists.push((now, list));
        }
    }
    lists
}

fn longest_wait(lists: &[(u32, Vec<(String, u32)>)], after: u32) -> u32 {
    let late = lists.iter().filter(|(sent, _)| *sent >= after);
    let waits = late.flat_map(|(sent, list)| list.iter().map(move |(_, came)| sent - came));
    waits.max().unwrap_or(0)
}

#[test]
fn equal_cameras_share_a_list_without_waiting() {
    let cameras = [("a", 25, 0..2000), ("b", 25, 0..2000), ("c", 25, 0..2000)];
    let lists = run(limits(8, 1), &cameras, 2000);
    let settled: Vec<_> = lists.iter().filter(|(sent, _)| *sent > 200).collect();
    assert!(
        settled.iter().all(|(_, list)| list.len() == 3),
        "{settled:?}"
    );
    assert_eq!(longest_wait(&lists, 200), 0);
}

#[test]
fn mixed_rates_run_at_the_pace_of_the_fastest() {
    // The vendor's own test: 15, 25 and 30 fps, then the 25 goes away.
    let cameras = [("a", 15, 0..4000), ("b", 25, 0..2000), ("c", 30, 0..4000)];
    let lists = run(limits(8, 2), &cameras, 4000);
    for (name, fps, from, to) in [
        ("a", 15, 500, 2000),
        ("b", 25, 500, 2000),
        ("c", 30, 500, 2000),
        ("a", 15, 2500, 4000),
        ("c", 30, 2500, 4000),
    ] {
        let sent = lists.iter().filter(|(sent, _)| (from..to).contains(sent));
        let count = sent
            .flat_map(|(_, list)| list)
            .filter(|(camera, _)| camera == name)
            .count();
        let expected = (to - from) * fps / 1000;
        assert!(
            count.abs_diff(expected as usize) <= 2,
            "{name}: {count} of {expected}"
        );
    }
    assert!(
        longest_wait(&lists, 500) <= 34,
        "one period of the fastest at most"
    );
}

#[test]
fn a_camera_that_stops_is_not_waited_for() {
    let cameras = [("a", 25, 0..4000), ("b", 25, 0..1000)];
    let lists = run(limits(8, 1), &cameras, 4000);
    // Three of its periods after it went silent nobody waits any more.
    assert_eq!(longest_wait(&lists, 1200), 0);
}

#[test]
fn a_full_list_goes_at_once_and_the_rest_keeps_its_order() {
    let start = Instant::now();
    let mut batcher = BatchQueue::new(limits(2, 1));
    for (index, name) in ["a", "b", "a", "c", "b"].into_iter().enumerate() {
        batcher.push(name, (name, index), start);
    }
    assert_eq!(batcher.pop(start), Some(vec![("a", 0), ("b", 1)]));
    assert_eq!(batcher.pop(start), Some(vec![("a", 2), ("c", 3)]));
    assert_eq!(batcher.drain(), vec![vec![("b", 4)]]);
    assert_eq!(batcher.deadline(), None);
}

#[test]
fn a_lone_first_frame_goes_after_the_window() {
    let start = Instant::now();
    let mut batcher = BatchQueue::new(limits(8, 1));
    batcher.push("a", 0, start);
    assert_eq!(batcher.pop(start + 99 * MS), None);
    assert_eq!(batcher.deadline(), Some(start + 100 * MS));
    assert_eq!(batcher.pop(start + 100 * MS), Some(vec![0]));
}

proptest! {
    /// Rows come out once each, in their camera's order, in lists within the limits,
    /// and never later than the longest window.
    #[test]
    fn lists_respect_the_limits(
        arrivals in proptest::collection::vec((0..4_u8, 0..30_u32), 1..200),
        max_batch in 1..6_usize,
        max_per_source in 1..3_usize,
    ) {
        let start = Instant::now();
        let mut batcher = BatchQueue::new(limits(max_batch, max_per_source));
        let mut now = 0;
        let mut lists = Vec::new();
        for (index, (camera, gap)) in arrivals.iter().enumerate() {
            for _ in 0..*gap {
                now += 1;
                while let Some(list) = batcher.pop(start + now * MS) {
                    for (_, came, _) in &list {
                        prop_assert!(now - came <= 100);
                    }
                    lists.push(list);
                }
            }
            batcher.push(&camera.to_string(), (*camera, now, index), start + now * MS);
        }
        lists.extend(batcher.drain());
        for list in &lists {
            prop_assert!(list.len() <= max_batch);
            for camera in 0..4 {
                let of_camera = list.iter().filter(|(name, ..)| *name == camera).count();
                prop_assert!(of_camera <= max_per_source);
            }
        }
        for camera in 0..4 {
            let order: Vec<usize> = lists.iter().flatten()
                .filter(|(name, ..)| *name == camera).map(|(_, _, index)| *index).collect();
            prop_assert!(order.is_sorted());
        }
        prop_assert_eq!(lists.iter().flatten().count(), arrivals.len());
    }
}

#[test]
fn a_source_that_floods_gives_way_and_the_others_do_not() {
    let start = Instant::now();
    let mut batcher = BatchQueue::new(limits(8, 1));
    let mut gone = Vec::new();
    for number in 0..5000_u32 {
        gone.extend(batcher.push("flood", ("flood", number), start));
        if number % 100 == 0 {
            assert!(batcher.push("good", ("good", number), start).is_none());
        }
    }
    assert_eq!(gone.len(), 5000 - MOST_WAITING);
    assert!(gone.is_sorted() && gone[0] == ("flood", 0));
    let lists = batcher.drain();
    let good = lists.iter().flatten().filter(|(name, _)| *name == "good");
    assert_eq!(good.count(), 50);
    assert_eq!(lists.iter().flatten().count(), 50 + MOST_WAITING);
    assert_eq!((batcher.takeable, batcher.order.len()), (0, 0));
}

#[test]
fn sources_that_are_gone_are_forgotten() {
    let start = Instant::now();
    let mut batcher = BatchQueue::new(limits(8, 1));
    for number in 0..1000_u32 {
        batcher.push(&format!("mc{number}"), number, start);
    }
    assert_eq!(batcher.drain().iter().flatten().count(), 1000);
    batcher.push("mc1", 0, start + FORGET_AFTER);
    assert_eq!(batcher.sources.len(), 1);
}
