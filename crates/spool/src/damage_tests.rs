//! A disk that loses what it had taken.

use std::fs;
use std::os::unix::fs::FileExt as _;

use super::*;
use crate::disk::faults;
use crate::segment::FRONT;

const OPTIONS: Options = Options {
    bytes: 1 << 20,
    memory_bytes: 1 << 24,
};
/// Bytes of each of the records of [`filled`].
const RECORD: usize = 1000;

fn open(folder: &Path) -> (Spool, Recovered) {
    Spool::open(folder, OPTIONS).expect("a spool")
}

fn bytes(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(RECORD / 8)
}

/// A spool with so many records, each in an append of its own.
fn filled(folder: &Path, count: u64) -> Spool {
    let (mut spool, _) = open(folder);
    for number in 0..count {
        let stored = spool.append(5, vec![bytes(number)]);
        assert!(matches!(stored, Ok(Stored::OnDisk)));
    }
    spool
}

/// Numbers of all that is given out, which is what it was.
fn numbers(spool: &mut Spool) -> Vec<u64> {
    let records = spool.read(0, usize::MAX, usize::MAX).expect("readable");
    assert!(records.iter().all(|it| it.bytes == bytes(it.number)));
    records.iter().map(|it| it.number).collect()
}

/// Where the record with this number begins, in a segment that begins with `first`.
fn place(first: u64, number: u64) -> u64 {
    FRONT + (number - first) * (HEAD + RECORD) as u64
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let file = File::options().write(true).open(path).expect("ours");
    file.write_all_at(bytes, at).expect("writable");
}

fn set_aside(folder: &Path) -> usize {
    let names = fs::read_dir(folder).expect("a folder");
    let names = names.map(|it| it.expect("an entry").file_name());
    names
        .filter(|it| it.to_string_lossy().ends_with(".damaged"))
        .count()
}

#[test]
fn a_byte_that_changes_costs_its_record_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let texts = ["first", "", "third"];
    let (mut spool, _) = open(folder.path());
    let mut ends = Vec::new();
    for text in texts {
        let stored = spool.append(5, vec![text.as_bytes().to_vec()]);
        assert!(matches!(stored, Ok(Stored::OnDisk)));
        ends.push(usize::try_from(spool.disk_bytes()).expect("few"));
    }
    let path = spool.segments[0].path.clone();
    let whole = fs::read(&path).expect("readable");
    drop(spool);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).expect("writable");
        let (mut spool, recovered) = open(folder.path());
        let damaged = match at {
            0..16 => None,
            _ => ends.iter().position(|end| at < *end),
        };
        let kept = texts.iter().enumerate();
        let kept = kept.filter(|(index, _)| Some(*index) != damaged);
        let kept: Vec<_> = kept.map(|(_, text)| text.as_bytes().to_vec()).collect();
        let found = spool.read(0, 9, 99).expect("readable");
        let found: Vec<_> = found.into_iter().map(|it| it.bytes).collect();
        assert_eq!(found, kept, "{at}");
        // The last one may have been torn while it was written; the others were promised.
        let is_promised = damaged.is_some_and(|it| it < 2);
        assert_eq!(recovered.missing, u64::from(is_promised), "{at}");
        assert_eq!(recovered.cut_bytes > 0, damaged == Some(2), "{at}");
        assert_eq!(spool.undelivered(), kept.len() as u64, "{at}");
    }
}

#[test]
fn damage_in_the_last_segment_costs_its_record_and_the_file_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = filled(folder.path(), 100);
    let path = spool.segments[0].path.clone();
    drop(spool);
    overwrite(&path, place(0, 20) + 100, b"X");
    // A length says nothing about where the next record begins.
    overwrite(&path, place(0, 50), &[0xff; 3]);
    let damaged = fs::read(&path).expect("readable");
    let (mut spool, recovered) = open(folder.path());
    let expected = Recovered {
        undelivered: 98,
        cut_bytes: 0,
        missing: 2,
    };
    assert_eq!(recovered, expected);
    assert_eq!(spool.end(), 100);
    spool.append(5, vec![bytes(100)]).expect("short");
    let kept: Vec<u64> = (0..101).filter(|it| ![20, 50].contains(it)).collect();
    assert_eq!(numbers(&mut spool), kept);
    assert_eq!(numbers(&mut spool), kept);
    assert_eq!((spool.missing(), spool.undelivered()), (2, 99));
    assert_eq!(fs::read(&path).expect("it is left as it is"), damaged);
    spool.delivered(101);
    spool.sync().expect("writable");
    assert_eq!(set_aside(folder.path()), 1);
    drop(spool);
    let (spool, recovered) = open(folder.path());
    assert_eq!(recovered, Recovered::default());
    assert_eq!((spool.next(), spool.end()), (101, 101));
}

#[test]
fn damage_while_it_runs_is_counted_once_and_passed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut spool = filled(folder.path(), 300);
    let second = spool.segments[1].clone();
    overwrite(&second.path, place(second.first, second.first + 9), b"XX");
    for _ in 0..3 {
        assert_eq!(numbers(&mut spool).len(), 299);
        assert_eq!((spool.missing(), spool.undelivered()), (1, 299));
    }
    // At the end of the queue nothing comes after it that could be delivered.
    let last = spool.segments.back().expect("one").clone();
    spool.loaded = None;
    overwrite(&last.path, place(last.first, 299) + 50, b"XX");
    assert_eq!(numbers(&mut spool).last(), Some(&298));
    spool.delivered(299);
    assert_eq!((spool.undelivered(), spool.next()), (0, 300));
    assert_eq!((spool.missing(), spool.oldest_unix_ms()), (2, None));
    spool.append(5, vec![bytes(300)]).expect("short");
    assert_eq!(numbers(&mut spool), [300]);
    assert_eq!(set_aside(folder.path()), 2);
}

#[test]
fn a_page_that_cannot_be_read_costs_what_is_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut spool = filled(folder.path(), 30);
    let oldest = spool.oldest_unix_ms();
    spool.loaded = None;
    // Bytes 8192 to 12287: records 7 to 11.
    faults::set_unreadable(Some(2));
    let kept: Vec<u64> = (0..7).chain(12..30).collect();
    for _ in 0..2 {
        assert_eq!(numbers(&mut spool), kept);
        assert_eq!((spool.missing(), spool.undelivered()), (5, 25));
    }
    assert_eq!((oldest, spool.oldest_unix_ms()), (Some(5), Some(5)));
    spool.delivered(30);
    assert_eq!((spool.undelivered(), spool.next()), (0, 30));
    drop(spool);
    // The same at an opening, and on a last page.
    let (mut spool, recovered) = open(folder.path());
    assert_eq!((recovered.missing, recovered.cut_bytes), (5, 0));
    assert_eq!(numbers(&mut spool), kept);
    drop(spool);
    faults::set_unreadable(Some(7));
    let (mut spool, recovered) = open(folder.path());
    assert_eq!(recovered.missing, 1, "how many were there is not known");
    assert_eq!(numbers(&mut spool), (0..27).collect::<Vec<_>>());
    faults::set_unreadable(None);
    spool.append(5, vec![bytes(28)]).expect("short");
    assert_eq!(numbers(&mut spool).last(), Some(&28));
}

#[test]
fn a_whole_segment_that_is_gone_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = filled(folder.path(), 300);
    let second = spool.segments[1].clone();
    drop(spool);
    let lost = second.end - second.first;
    for content in [Some(vec![0; 9000]), Some(b"no segment".to_vec()), None] {
        match content {
            Some(content) => fs::write(&second.path, content).expect("writable"),
            None => fs::remove_file(&second.path).expect("it is there"),
        }
        let (mut spool, recovered) = open(folder.path());
        assert_eq!(recovered.missing, lost);
        assert_eq!(numbers(&mut spool).len() as u64, 300 - lost);
        assert_eq!(spool.missing(), lost);
    }
}

#[test]
fn a_write_that_is_torn_in_its_middle_was_promised_to_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut spool = filled(folder.path(), 10);
    spool
        .append(5, (10..20).map(bytes).collect())
        .expect("short");
    let path = spool.segments[0].path.clone();
    drop(spool);
    // A page of it has not come to the disk, those after it have.
    overwrite(&path, place(0, 13), &[0; RECORD]);
    let (mut spool, recovered) = open(folder.path());
    assert_eq!((recovered.missing, spool.end()), (0, 13));
    assert_eq!(recovered.cut_bytes, place(0, 20) - place(0, 13));
    // What is written there now is what is found there.
    spool.append(5, vec![bytes(13)]).expect("short");
    drop(spool);
    let (mut spool, recovered) = open(folder.path());
    assert_eq!((recovered.missing, recovered.cut_bytes), (0, 0));
    assert_eq!(numbers(&mut spool), (0..14).collect::<Vec<_>>());
}

#[test]
fn what_is_none_of_it_is_set_aside_and_what_is_newer_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(format!("{:020}.seg", 7));
    for round in 0..9 {
        fs::write(&path, format!("somebody else's file {round}")).expect("writable");
        let (mut spool, recovered) = open(folder.path());
        assert_eq!((recovered.undelivered, recovered.missing), (0, 0));
        assert_eq!(numbers(&mut spool), [0; 0]);
    }
    assert_eq!(set_aside(folder.path()), 1);
    // It has no name of ours.
    fs::write(folder.path().join("7.seg"), "another's").expect("writable");
    drop(open(folder.path()));
    let mut newer = Segment::front(7).to_vec();
    newer[7] = b'3';
    newer.extend_from_slice(&[1; 50]);
    fs::write(&path, &newer).expect("writable");
    let refused = Spool::open(folder.path(), OPTIONS);
    assert!(matches!(refused, Err(Error::Foreign { .. })));
    assert_eq!(fs::read(&path).expect("it is left"), newer);
}
