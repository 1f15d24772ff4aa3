use std::os::unix::fs::symlink;

use super::*;
use crate::clips::testing::Recordings;

const DAY_MS: i64 = 86_400_000;

/// What one look finds: new and removed ones, in the order in which they are given.
fn look(folders: &mut Folders, now: SystemTime) -> (Vec<String>, Vec<String>) {
    let (mut removed, looked) = folders.look(now);
    looked.expect("it can be listed");
    let mut new = Vec::new();
    for day in folders.days() {
        let (changes, listed) = folders.changes(&day, now);
        listed.expect("it can be listed");
        new.extend(changes.new.iter().map(|it| it.name.stem()));
        removed.extend(changes.removed);
    }
    (new, removed.iter().map(ClipName::stem).collect())
}

fn now() -> SystemTime {
    SystemTime::now()
}

#[test]
fn what_comes_and_goes_is_noticed_once() {
    let recordings = Recordings::new();
    let mut folders = Folders::new(&recordings.path().join("none yet"));
    assert_eq!(look(&mut folders, now()), (Vec::new(), Vec::new()));
    let mut folders = Folders::new(recordings.path());
    let first = recordings.add("gate", 1000, b"", &[]);
    let second = recordings.add("yard", 2000, b"", &[]);
    let later = recordings.add("gate", DAY_MS, b"", &[]);
    let (new, removed) = look(&mut folders, now());
    assert_eq!(new, [&*later, &*second, &*first], "the newest first");
    assert!(removed.is_empty());
    assert_eq!(look(&mut folders, now()), (Vec::new(), Vec::new()));
    let third = recordings.add("yard", 3000, b"", &[]);
    recordings.remove(&first);
    assert_eq!(look(&mut folders, now()), (vec![third], vec![first]));
    // A whole camera, and then all.
    fs::remove_dir_all(recordings.path().join("yard")).expect("removable");
    assert_eq!(look(&mut folders, now()).1.len(), 2);
    fs::remove_dir_all(recordings.path()).expect("removable");
    assert_eq!(look(&mut folders, now()).1, [later]);
}

#[test]
fn what_has_not_changed_is_not_listed_again() {
    let recordings = Recordings::new();
    recordings.add("gate", 1000, b"", &[]);
    let mut folders = Folders::new(recordings.path());
    look(&mut folders, now());
    // Long after its last change it is listed a last time.
    let settled = now() + 2 * SETTLED;
    look(&mut folders, settled);
    let day = recordings.path().join("gate/1970-01-01");
    let modified = fs::metadata(&day).and_then(|it| it.modified());
    let new = recordings.add("gate", 2000, b"", &[]);
    let back = fs::File::open(&day).expect("a folder");
    back.set_modified(modified.expect("a time")).expect("own");
    assert_eq!(look(&mut folders, settled).0, Vec::<String>::new());
    back.set_modified(now()).expect("own");
    assert_eq!(look(&mut folders, settled).0, [new]);
}

#[test]
fn only_what_a_recorder_has_finished_is_taken() {
    let recordings = Recordings::new();
    let own = recordings.add("gate", 1000, b"", &[]);
    let day = recordings.path().join("gate/1970-01-01");
    let stem = |ms: i64| ClipName::new("gate", ms * 1_000_000).stem();
    // Somebody else's, a link, one that is being recorded, one of another camera and of another day.
    fs::write(day.join(stem(2000) + ".mp4"), "").expect("writable");
    fs::write(day.join(stem(2000) + ".json"), "").expect("writable");
    symlink(recordings.at(&own, "mp4"), day.join(stem(3000) + ".mp4")).expect("a link");
    fs::write(day.join(stem(4000) + ".mp4.part"), "").expect("writable");
    for ms in [5000, 6000] {
        recordings.add("gate", ms, b"", &[]);
    }
    let yard = ClipName::new("yard", 5_000_000_000).stem();
    fs::rename(recordings.at(&stem(5000), "mp4"), day.join(yard + ".mp4")).expect("renamed");
    let next = recordings.path().join("gate/1970-01-02");
    fs::create_dir(&next).expect("writable");
    fs::rename(
        recordings.at(&stem(6000), "mp4"),
        next.join(stem(6000) + ".mp4"),
    )
    .expect("moved");
    // One that a link has taken the place of, and a folder that is one.
    let replaced = recordings.add("gate", 7000, b"", &[]);
    fs::remove_file(recordings.at(&replaced, "mp4")).expect("removable");
    symlink("/etc/passwd", recordings.at(&replaced, "mp4")).expect("a link");
    symlink(
        recordings.path().join("gate"),
        recordings.path().join("linked"),
    )
    .expect("a link");
    symlink(&day, recordings.path().join("gate/1970-01-03")).expect("a link");
    let mut folders = Folders::new(recordings.path());
    assert_eq!(look(&mut folders, now()), (vec![own], Vec::new()));
}

#[test]
fn what_could_not_be_read_is_tried_again_only_where_that_may_help() {
    let recordings = Recordings::new();
    let stem = recordings.add("gate", 1000, b"", &[]);
    let mut folders = Folders::new(recordings.path());
    let name = ClipName::parse(&stem).expect("a name");
    assert_eq!(look(&mut folders, now()).0, [&*stem]);
    assert!(folders.refuse(&name, false), "it is news");
    assert_eq!(look(&mut folders, now()).0, [&*stem]);
    assert!(!folders.refuse(&name, true), "it was said");
    assert_eq!(look(&mut folders, now()).0, Vec::<String>::new());
}

#[test]
fn names_of_days_are_known() {
    assert!(is_day("2026-11-30"));
    for name in [
        "2026-11-3",
        "2026_11_30",
        "2026-11-300",
        "20261130",
        "aaaa-bb-cc",
        "",
    ] {
        assert!(!is_day(name), "{name}");
    }
}
