//! A queue against a list in memory, with a disk that fails at every byte.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::disk::faults;
use crate::segment::FRONT;

const OPTIONS: Options = Options {
    bytes: 1 << 20,
    memory_bytes: 1 << 24,
};

fn open(folder: &Path) -> (Spool, Recovered) {
    Spool::open(folder, OPTIONS).expect("a spool")
}

fn append(spool: &mut Spool, text: &str) -> Stored {
    let stored = spool.append(5, vec![text.as_bytes().to_vec()]);
    stored.expect("a short record")
}

fn all(spool: &mut Spool) -> Vec<String> {
    let records = spool.read(0, usize::MAX, usize::MAX).expect("readable");
    let text = |it: Record| String::from_utf8(it.bytes).expect("text");
    records.into_iter().map(text).collect()
}

#[test]
fn what_was_appended_comes_out_in_order_until_it_is_delivered() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, recovered) = open(folder.path());
    assert_eq!(recovered, Recovered::default());
    for text in ["a", "", "c"] {
        assert!(matches!(append(&mut spool, text), Stored::OnDisk));
    }
    assert_eq!(all(&mut spool), ["a", "", "c"]);
    assert!(matches!(
        Spool::open(folder.path(), OPTIONS),
        Err(Error::InUse { .. })
    ));
    spool.delivered(1);
    spool.sync().expect("writable");
    drop(spool);
    let (mut spool, recovered) = open(folder.path());
    assert_eq!(recovered.undelivered, 2);
    assert_eq!(all(&mut spool), ["", "c"]);
    assert_eq!((spool.next(), spool.end()), (1, 3));
    let read = spool.read(2, 9, 9).expect("readable");
    assert_eq!((read[0].number, read[0].unix_ms), (2, 5));
    // More than there is cannot be delivered.
    spool.delivered(9);
    assert_eq!((spool.next(), spool.undelivered()), (3, 0));
}

#[test]
fn a_disk_that_fails_at_any_byte_costs_no_record() {
    let batch = || vec![b"third".to_vec(), b"fourth".to_vec()];
    let whole = 2 * HEAD + b"thirdfourth".len();
    for room in 0..=whole {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut spool, _) = open(folder.path());
        append(&mut spool, "first");
        append(&mut spool, "second");
        faults::set_room(Some(room));
        let stored = spool.append(1, batch()).expect("short records");
        assert_eq!(matches!(stored, Stored::OnDisk), room == whole, "{room}");
        // From memory, where the disk has not taken them.
        let expected = ["first", "second", "third", "fourth"];
        assert_eq!(all(&mut spool), expected, "{room}");
        faults::set_room(None);
        spool.flush().expect("room again");
        drop(spool);
        let (mut spool, recovered) = open(folder.path());
        assert_eq!((recovered.cut_bytes, recovered.undelivered), (0, 4));
        assert_eq!(all(&mut spool), expected, "{room}");
    }
}

#[test]
fn a_cut_at_any_byte_costs_only_what_was_being_written() {
    let place = tempfile::tempdir().expect("a folder");
    let texts = ["first", "second", "third"];
    let mut ends = vec![0, FRONT];
    let (mut spool, _) = open(place.path());
    for text in texts {
        append(&mut spool, text);
        ends.push(spool.disk_bytes());
    }
    let name = spool.segments[0]
        .path
        .file_name()
        .expect("a name")
        .to_owned();
    let whole = fs::read(&spool.segments[0].path).expect("readable");
    drop(spool);
    for cut in 0..=whole.len() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(&name), &whole[..cut]).expect("writable");
        let (mut spool, recovered) = open(folder.path());
        let is_whole = |end: &&u64| **end <= cut as u64;
        let left = ends[2..].iter().filter(is_whole).count();
        let end = ends
            .iter()
            .rev()
            .find(|end| is_whole(end))
            .expect("the start");
        assert_eq!(recovered.cut_bytes, cut as u64 - end, "{cut}");
        assert_eq!(all(&mut spool), texts[..left], "{cut}");
        // It goes on there.
        append(&mut spool, "next");
        drop(spool);
        let (mut spool, _) = open(folder.path());
        assert_eq!(all(&mut spool).last().map(String::as_str), Some("next"));
        assert_eq!(spool.end(), left as u64 + 1);
    }
}

#[test]
fn when_it_is_full_the_oldest_are_dropped_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        bytes: 64 << 10,
        ..OPTIONS
    };
    let (mut spool, _) = Spool::open(folder.path(), options).expect("a spool");
    for number in 0..200_u32 {
        let record = number.to_le_bytes().repeat(250);
        let stored = spool.append(0, vec![record]).expect("a short record");
        assert!(matches!(stored, Stored::OnDisk));
        assert!(spool.disk_bytes() <= options.bytes, "{number}");
    }
    let left = spool.read(0, usize::MAX, usize::MAX).expect("readable");
    assert_eq!(left.first().map(|it| it.number), Some(spool.next()));
    assert_eq!(left.last().map(|it| it.number), Some(199));
    assert!(spool.dropped() > 0);
    assert_eq!(left.len() as u64 + spool.dropped(), 200);
    assert_eq!(spool.undelivered(), left.len() as u64);
    let files = Segment::list(folder.path()).expect("a folder").len();
    spool.delivered(200);
    let after = Segment::list(folder.path()).expect("a folder").len();
    assert!(files > 1 && after == 1, "{files} {after}");
}

#[test]
fn what_is_delivered_from_memory_needs_no_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    append(&mut spool, "on disk");
    faults::set_room(Some(0));
    assert!(matches!(
        append(&mut spool, "in memory"),
        Stored::InMemory(_)
    ));
    append(&mut spool, "as well");
    assert_eq!(spool.unsaved(), 2);
    spool.delivered(2);
    faults::set_room(None);
    append(&mut spool, "later");
    assert_eq!(spool.unsaved(), 0);
    spool.sync().expect("writable");
    drop(spool);
    let (mut spool, recovered) = open(folder.path());
    assert_eq!(all(&mut spool), ["as well", "later"]);
    assert_eq!((recovered.missing, spool.next(), spool.end()), (0, 2, 4));
}

#[test]
fn what_follows_all_that_was_delivered_from_memory_is_new() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    faults::set_room(Some(0));
    append(&mut spool, "in memory");
    spool.delivered(1);
    append(&mut spool, "next");
    assert_eq!(all(&mut spool), ["next"]);
    faults::set_room(None);
    spool.flush().expect("room again");
    drop(spool);
    let (mut spool, recovered) = open(folder.path());
    assert_eq!(all(&mut spool), ["next"]);
    assert_eq!((recovered.missing, spool.next(), spool.end()), (0, 1, 2));
}

#[test]
fn memory_is_bounded_while_the_disk_takes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        memory_bytes: 10,
        ..OPTIONS
    };
    let (mut spool, _) = Spool::open(folder.path(), options).expect("a spool");
    append(&mut spool, "on disk");
    faults::set_room(Some(0));
    for text in ["four", "five5", "six"] {
        append(&mut spool, text);
    }
    assert_eq!((spool.dropped(), spool.undelivered()), (1, 3));
    assert_eq!(all(&mut spool), ["on disk", "five5", "six"]);
    faults::set_room(None);
    spool.flush().expect("room again");
    assert_eq!(all(&mut spool), ["on disk", "five5", "six"]);
    drop(spool);
    let (mut spool, recovered) = open(folder.path());
    assert_eq!(all(&mut spool), ["on disk", "five5", "six"]);
    // What was dropped in memory was counted as that.
    assert_eq!((recovered.missing, recovered.undelivered), (0, 3));
}

#[test]
fn a_disk_that_is_nearly_full_takes_what_it_has_room_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        bytes: 1 << 24,
        ..OPTIONS
    };
    let (mut spool, _) = Spool::open(folder.path(), options).expect("a spool");
    append(&mut spool, "first");
    faults::set_room(Some(0));
    for number in 0..100_u32 {
        let record = number.to_le_bytes().repeat(10_000);
        spool.append(0, vec![record]).expect("a short record");
    }
    assert_eq!(spool.unsaved(), 100);
    faults::set_room(Some(1 << 20));
    assert!(spool.flush().is_err());
    assert!((70..=80).contains(&spool.unsaved()), "{}", spool.unsaved());
    // Nobody waits for the rest: it is counted.
    faults::set_room(None);
    let unsaved = spool.unsaved() as u64;
    assert_eq!((spool.give_up(), spool.dropped()), (unsaved, unsaved));
    assert_eq!((spool.unsaved(), spool.undelivered()), (0, 101 - unsaved));
    drop(spool);
    let (mut spool, recovered) = Spool::open(folder.path(), options).expect("a spool");
    assert_eq!(
        (recovered.undelivered, recovered.missing),
        (101 - unsaved, 0)
    );
    let left = spool.read(0, usize::MAX, usize::MAX).expect("readable");
    assert_eq!(left.len() as u64, 101 - unsaved);
}

#[test]
fn what_waited_in_memory_keeps_to_the_bounds_of_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    faults::set_room(Some(0));
    for number in 0..500_u32 {
        let record = number.to_le_bytes().repeat(2_000);
        spool.append(0, vec![record]).expect("a short record");
    }
    faults::set_room(None);
    spool.flush().expect("room again");
    assert!(
        spool.disk_bytes() <= OPTIONS.bytes,
        "{}",
        spool.disk_bytes()
    );
    let longest = spool.segments.iter().map(|it| it.bytes).max();
    assert!(longest <= Some(OPTIONS.bytes / 8 + 10_000), "{longest:?}");
    let left = spool.read(0, usize::MAX, usize::MAX).expect("readable");
    assert_eq!(left.len() as u64 + spool.dropped(), 500);
}

#[test]
fn a_start_on_a_full_disk_goes_on_in_memory() {
    // The first start, and one after rows were delivered from memory.
    for before in [0, 2] {
        let folder = tempfile::tempdir().expect("a folder");
        if before > 0 {
            let (mut spool, _) = open(folder.path());
            append(&mut spool, "on disk");
            faults::set_room(Some(1000));
            spool
                .append(0, vec![vec![7; 2000]])
                .expect("a short record");
            spool.delivered(before);
            faults::set_room(None);
            spool.sync().expect("the cursor has its room");
        }
        faults::set_room(Some(0));
        let (mut spool, recovered) = open(folder.path());
        assert_eq!(recovered, Recovered::default());
        assert!(matches!(append(&mut spool, "a"), Stored::InMemory(_)));
        append(&mut spool, "b");
        assert_eq!(all(&mut spool), ["a", "b"]);
        spool.delivered(before + 1);
        faults::set_room(None);
        spool.flush().expect("room again");
        spool.sync().expect("room again");
        drop(spool);
        let (mut spool, recovered) = open(folder.path());
        assert_eq!((recovered.missing, spool.next()), (0, before + 1));
        assert_eq!(all(&mut spool), ["b"]);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Vec<u8>>),
    Deliver(u64),
    Sync,
    Kill,
    /// The disk takes so many bytes more.
    Room(Option<usize>),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..3000);
    prop_oneof![
        4 => proptest::collection::vec(bytes, 1..4).prop_map(Step::Append),
        3 => (0..9_u64).prop_map(Step::Deliver),
        1 => Just(Step::Sync),
        1 => Just(Step::Kill),
        1 => proptest::option::of(0..8000_usize).prop_map(Step::Room),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is appended and promised is given out in order, whole, and again only where the cursor was
    /// not synced; what a kill takes was never promised.
    #[test]
    fn it_is_a_queue(steps in proptest::collection::vec(step(), 1..60)) {
        faults::set_room(None);
        let folder = tempfile::tempdir().expect("a folder");
        let (mut spool, _) = open(folder.path());
        let mut model: Vec<Vec<u8>> = Vec::new();
        let (mut on_disk, mut delivered, mut synced) = (0, 0, 0);
        for step in steps {
            match step {
                Step::Append(records) => {
                    model.extend(records.iter().cloned());
                    if matches!(spool.append(0, records).expect("short"), Stored::OnDisk) {
                        on_disk = model.len();
                    }
                }
                Step::Deliver(count) => {
                    delivered = (delivered + count).min(model.len() as u64);
                    spool.delivered(delivered);
                }
                Step::Sync => {
                    if spool.sync().is_ok() {
                        synced = delivered;
                    }
                }
                Step::Room(room) => faults::set_room(room),
                Step::Kill => {
                    faults::set_room(None);
                    drop(spool);
                    (spool, _) = open(folder.path());
                    prop_assert!(spool.end() >= on_disk as u64);
                    prop_assert!(spool.next() >= synced && spool.next() <= delivered.max(synced));
                    model.truncate(usize::try_from(spool.end()).expect("few"));
                    on_disk = model.len();
                    delivered = spool.next();
                    synced = delivered;
                }
            }
            let left = spool.read(0, usize::MAX, usize::MAX).expect("readable");
            let from = usize::try_from(delivered).expect("few").min(model.len());
            prop_assert_eq!(left.len(), model.len() - from);
            for (record, expected) in left.iter().zip(&model[from..]) {
                prop_assert_eq!(&record.bytes, expected);
            }
        }
    }
}
