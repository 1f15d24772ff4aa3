//! A queue against a list in memory, with a disk that fails at every byte.

use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};

use proptest::prelude::*;

use super::*;
use crate::disk::faults;

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
fn a_byte_that_changes_on_disk_is_never_given_out() {
    let place = tempfile::tempdir().expect("a folder");
    let texts = ["first", "second", "third"];
    let (mut spool, _) = open(place.path());
    for text in texts {
        append(&mut spool, text);
    }
    let path = spool.segments[0].path.clone();
    let whole = fs::read(&path).expect("readable");
    drop(spool);
    for at in FRONT as usize..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).expect("writable");
        let (mut spool, recovered) = open(place.path());
        let found = all(&mut spool);
        assert!(found.len() < 3, "{at}");
        assert_eq!(found, texts[..found.len()], "{at}");
        assert!(recovered.cut_bytes > 0, "{at}");
        drop(spool);
    }
    // One that is no segment is not taken for one, nor removed.
    fs::write(&path, b"somebody else's file").expect("writable");
    assert!(matches!(
        Spool::open(place.path(), OPTIONS),
        Err(Error::Foreign { .. })
    ));
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
fn damage_in_the_middle_costs_the_rest_of_its_segment_and_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    for number in 0..300_u32 {
        let record = number.to_le_bytes().repeat(250);
        spool.append(0, vec![record]).expect("a short record");
    }
    let second = spool.segments[1].clone();
    let mut file = OpenOptions::new()
        .write(true)
        .open(&second.path)
        .expect("ours");
    let at = FRONT + (HEAD as u64 + 1000) * 10 + 20;
    file.seek(SeekFrom::Start(at)).expect("a place");
    file.write_all(b"X").expect("writable");
    let lost = second.count - 10;
    let left = spool.read(0, usize::MAX, usize::MAX).expect("readable");
    assert_eq!((left.len() as u64, spool.missing()), (300 - lost, lost));
    drop(spool);
    let (mut spool, recovered) = open(folder.path());
    assert_eq!(recovered.missing, lost);
    assert_eq!(spool.undelivered(), 300 - lost);
    let left = spool.read(0, usize::MAX, usize::MAX).expect("readable");
    assert_eq!(left.len() as u64, 300 - lost);
    assert_eq!(spool.missing(), lost, "not counted twice");
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
    assert_eq!((recovered.missing, recovered.undelivered), (1, 3));
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
