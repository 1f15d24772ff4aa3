use std::fs;

use super::*;

const ENDLESS: SegmentLimits = SegmentLimits {
    bytes: None,
    age: None,
};

struct Place {
    _place: tempfile::TempDir,
    folder: Folder,
}

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(place.path()).expect("a folder");
        Self {
            _place: place,
            folder,
        }
    }

    fn open(&self, limits: SegmentLimits, again: bool) -> DetectionsFile {
        DetectionsFile::open(&self.folder, limits, Retention::default(), again).expect("ours")
    }

    fn current(&self) -> String {
        fs::read_to_string(self.folder.path().join(NAME)).expect("a file")
    }

    /// The texts of all finished segments, the oldest first.
    fn finished(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("history")) else {
            return Vec::new();
        };
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut paths: Vec<_> = paths.filter(|path| !path.ends_with(".camweave")).collect();
        paths.sort();
        paths
            .iter()
            .map(|path| fs::read_to_string(path).expect("readable"))
            .collect()
    }
}

#[test]
fn the_next_run_begins_a_segment_and_a_restarted_sink_goes_on() {
    let place = Place::new();
    place
        .open(ENDLESS, false)
        .append(b"{\"run\":1}\n")
        .expect("room");
    fs::write(place.folder.path().join(SUMMARY), "{}").expect("writable");
    let path = place.folder.path().join(NAME);
    // Killed in the middle of a line.
    fs::write(&path, "{\"run\":1}\n{\"run\":1").expect("writable");
    let mut again = place.open(ENDLESS, true);
    assert_eq!(place.current(), "{\"run\":1}\n");
    again.append(b"{\"run\":1,\"b\":2}\n").expect("room");
    drop(again);
    assert_eq!(place.finished(), [""; 0]);
    place
        .open(ENDLESS, false)
        .append(b"{\"run\":2}\n")
        .expect("room");
    assert_eq!(place.current(), "{\"run\":2}\n");
    assert_eq!(
        place.finished(),
        ["{\"run\":1}\n{\"run\":1,\"b\":2}\n", "{}"]
    );
    // A third start of a sink that has lost its counters takes the file for another run's.
    drop(place.open(ENDLESS, false));
    assert_eq!(place.finished().len(), 3);
}

#[test]
fn segments_end_by_size_and_by_time() {
    let place = Place::new();
    let limits = SegmentLimits {
        bytes: Some(20),
        age: None,
    };
    let mut file = place.open(limits, false);
    for _ in 0..4 {
        file.append(b"{\"frame\":1}\n").expect("room");
    }
    assert_eq!(place.finished(), ["{\"frame\":1}\n{\"frame\":1}\n"]);
    assert_eq!(place.current(), place.finished()[0]);
    file.limits = SegmentLimits {
        bytes: None,
        age: Some(Duration::from_millis(1)),
    };
    std::thread::sleep(Duration::from_millis(5));
    file.tick();
    assert_eq!((place.finished().len(), place.current().len()), (2, 0));
    // What has no line is no segment.
    std::thread::sleep(Duration::from_millis(5));
    file.tick();
    assert_eq!(place.finished().len(), 2);
}

#[test]
fn what_is_not_camweaves_is_refused_and_what_cannot_be_read_is_kept() {
    let place = Place::new();
    let path = place.folder.path().join(NAME);
    fs::write(&path, "precious\nhalf").expect("writable");
    for again in [false, true] {
        let error = DetectionsFile::open(&place.folder, ENDLESS, Retention::default(), again);
        let error = error.err().expect("theirs").to_string();
        assert!(error.contains("'detections.jsonl'"), "{error}");
    }
    assert_eq!(place.current(), "precious\nhalf");
    fs::remove_file(&path).expect("ours");
    drop(place.open(ENDLESS, false));
    let long = "x".repeat(17 << 20);
    fs::write(&path, &long).expect("writable");
    let mut file = place.open(ENDLESS, true);
    file.append(b"{}\n").expect("room");
    assert_eq!(place.current(), "{}\n");
    assert!(place.finished() == [long]);
}

#[test]
fn nothing_is_moved_or_removed_before_the_checks() {
    let place = Place::new();
    place
        .open(ENDLESS, false)
        .append(b"{\"run\":1}\n")
        .expect("room");
    drop(place.open(ENDLESS, false));
    place
        .open(ENDLESS, true)
        .append(b"{\"run\":2}\n")
        .expect("room");
    let finished = place.finished();
    assert_eq!(finished, ["{\"run\":1}\n"]);
    // The summary is somebody else's.
    fs::write(place.folder.path().join(SUMMARY), "precious").expect("writable");
    let path = place.folder.path().join(".camweave");
    let mark = fs::read_to_string(&path).expect("there");
    fs::write(&path, format!("{mark}- {SUMMARY}\n")).expect("ours");
    let retention = Retention {
        age: Some(Duration::ZERO),
        bytes: Some(1),
        ..Retention::default()
    };
    let refused = DetectionsFile::open(&place.folder, ENDLESS, retention, false);
    let error = refused.err().expect("theirs").to_string();
    assert!(error.contains("'summary.json'"), "{error}");
    assert_eq!(place.finished(), finished);
    assert_eq!(place.current(), "{\"run\":2}\n");
}

#[test]
fn a_file_that_is_removed_or_replaced_is_written_no_more() {
    let place = Place::new();
    let limits = SegmentLimits {
        bytes: Some(20),
        age: None,
    };
    let path = place.folder.path().join(NAME);
    let mut file = place.open(limits, false);
    file.append(b"{\"frame\":1}\n").expect("room");
    fs::remove_file(&path).expect("ours");
    file.append(b"{\"frame\":2}\n").expect("room");
    assert_eq!(place.current(), "{\"frame\":2}\n");
    // Somebody else's file is neither written into nor moved into the history.
    fs::remove_file(&path).expect("ours");
    fs::write(&path, "precious\n".repeat(10)).expect("writable");
    if fs::metadata(&path).expect("there").created().is_err() {
        return; // a file system that does not say which file is whose
    }
    file.tick();
    let error = file.append(b"{\"frame\":3}\n").expect_err("theirs");
    assert_eq!(error.written, 0);
    assert!(
        error.source.to_string().contains("detections.jsonl"),
        "{}",
        error.source
    );
    assert_eq!(place.current(), "precious\n".repeat(10));
    assert_eq!(place.finished(), [""; 0]);
    fs::remove_file(&path).expect("theirs");
    std::thread::sleep(TRY_EVERY);
    file.append(b"{\"frame\":4}\n").expect("room");
    assert_eq!(place.current(), "{\"frame\":4}\n");
}

#[test]
fn what_has_a_second_name_is_kept_and_not_written_into() {
    let place = Place::new();
    place
        .open(ENDLESS, false)
        .append(b"{\"run\":1}\n")
        .expect("room");
    let backup = place.folder.path().join("backup.jsonl");
    fs::hard_link(place.folder.path().join(NAME), &backup).expect("a second name");
    place
        .open(ENDLESS, true)
        .append(b"{\"run\":2}\n")
        .expect("room");
    assert_eq!(place.current(), "{\"run\":2}\n");
    assert_eq!(fs::read_to_string(&backup).expect("there"), "{\"run\":1}\n");
    assert_eq!(place.finished(), ["{\"run\":1}\n"]);
}
