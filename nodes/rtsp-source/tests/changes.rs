//! `cameras.yml` is changed while the stage runs.

mod support;

use std::fs;

use camweave_message::{Selection, Unit};
use support::{Cameras, Source, X264, camera, clip, folder, make, open};

/// Simulated cameras `a` to `d`, and the lines of a list of them.
struct Yard {
    cameras: Cameras,
    _folder: tempfile::TempDir,
}

impl Yard {
    fn new() -> Self {
        let folder = folder();
        let clip = clip(&make(folder.path(), "a.mp4", 50, X264));
        let all = ["a", "b", "c", "d"].map(|id| camera(id, &clip, None, &[]));
        Self {
            cameras: Cameras::start(all.into(), None, 0),
            _folder: folder,
        }
    }

    /// A line of the list: the simulated camera `path` as `id`.
    fn line(&self, id: &str, path: &str, more: &str) -> String {
        let port = self.cameras.port();
        format!("  - {{id: {id}, url: 'rtsp://127.0.0.1:{port}/{path}'{more}}}\n")
    }
}

fn streams(source: &Source, id: &str) -> bool {
    source.state(id) == "streaming"
}

fn last_of<'a>(source: &'a Source, id: &str) -> Option<&'a Unit> {
    source.units.iter().rfind(|unit| *unit.id.camera == *id)
}

fn ms(selection: Selection) -> i64 {
    selection.to_nanos() / 1_000_000
}

#[test]
fn cameras_come_go_and_change_and_the_others_go_on() {
    let yard = Yard::new();
    let (a, b) = (yard.line("a", "a", ""), yard.line("b", "b", ""));
    let mut source = open(&format!("{a}{b}"), &[]).expect("valid");
    source.run_until("both stream", |it| streams(it, "a") && streams(it, "b"));
    assert_eq!(source.cameras_file(), "valid");

    let c = yard.line("c", "c", "");
    source.edit(&format!("{c}{a}{b}"));
    source.run_until("another streams", |it| streams(it, "c"));

    // Within the session, from one unit to the next.
    let slow = yard.line("b", "b", ", detect_fps: 5");
    source.edit(&format!("{c}{a}{slow}"));
    let is_slow = |it: &Source| last_of(it, "b").is_some_and(|unit| ms(unit.selection) == 200);
    source.run_until("it is detected on less often", is_slow);
    let off = yard.line("b", "b", ", detect: off");
    source.edit(&format!("{c}{a}{off}"));
    let is_off = |it: &Source| last_of(it, "b").is_some_and(|it| it.selection == Selection::Off);
    source.run_until("it is not detected on", is_off);
    assert_eq!(source.sessions("b").len(), 1);

    // Another transport: another session of this camera.
    let udp = yard.line("c", "c", ", transport: udp");
    source.edit(&format!("{udp}{a}{off}"));
    source.run_until("it is connected again", |it| it.sessions("c").len() == 2);
    let sessions = source.sessions("c");
    assert!(sessions[0].last().is_some_and(|unit| unit.data.is_empty()));
    // Another camera at the same place.
    source.edit(&format!("{}{a}{off}", yard.line("c", "d", "")));
    source.run_until("it is another", |it| it.sessions("c").len() == 3);

    source.edit(&a);
    source.run_until("two are removed", |it| {
        it.state("b") == "removed" && it.state("c") == "removed"
    });
    // The last of each: nobody looks at it again.
    source.run_until("their sessions end", |it| {
        it.has_ended("b") && it.has_ended("c")
    });
    for id in ["b", "c"] {
        let selection = last_of(&source, id).map(|unit| unit.selection);
        assert_eq!(selection, Some(Selection::Off), "{id}");
    }
    let before = source.counters("b").received;

    // And again.
    source.edit(&format!("{a}{b}"));
    source.run_until("it is back", |it| {
        streams(it, "b") && it.sessions("b").len() == 2
    });
    assert!(source.counters("b").received > before, "its counts go on");
    source.close();
    // One session from the first edit to the last, with no frame missing (`sessions` looks).
    let sessions = source.sessions("a");
    assert_eq!(sessions.len(), 1);
    assert!(source.counters("a").dropped.is_empty());
}

#[test]
fn a_file_that_is_invalid_changes_nothing_until_it_is_valid() {
    let yard = Yard::new();
    let a = yard.line("a", "a", "");
    let mut source = open(&a, &[]).expect("valid");
    source.run_until("it streams", |it| streams(it, "a"));
    let path = source.folder.path().join("cameras.yml");
    for (text, part) in [
        (
            "  - {id: b, url: 'ftp://u:t0psecret@h/'}\n",
            "cameras.yml:2:",
        ),
        ("  - {id: b, url: 'rtsp://h", "cameras.yml:"),
        (
            "  - {id: b, url: 'rtsp://h/', password: '${CAMWEAVE_NO_SUCH}'}\n",
            "not set",
        ),
        ("  []\n", "at least one"),
    ] {
        source.edit(text);
        let says = |it: &Source| it.cameras_file().contains(part);
        source.run_until(part, says);
        let fact = source.cameras_file();
        assert!(
            fact.starts_with("refused: ") && !fact.contains("t0psecret"),
            "{fact}"
        );
    }
    fs::remove_file(&path).expect("there");
    source.run_until("no file", |it| it.cameras_file().contains("cannot read"));
    source.edit(&format!("{a}{}", yard.line("b", "b", "")));
    source.run_until("it is valid, and used", |it| {
        it.cameras_file() == "valid" && streams(it, "b")
    });
    source.close();
    assert_eq!(source.sessions("a").len(), 1);
    assert_eq!(source.state("a"), "streaming");
}

#[test]
fn a_camera_that_waits_for_its_password_is_tried_when_that_is_corrected() {
    let folder = folder();
    let clip = clip(&make(folder.path(), "a.mp4", 50, X264));
    let cameras = Cameras::start(vec![camera("a", &clip, None, &[])], Some("u:right"), 0);
    let line = |password: &str| {
        let port = cameras.port();
        format!(
            "  - {{id: a, url: 'rtsp://127.0.0.1:{port}/a', username: u, password: {password}}}\n"
        )
    };
    let mut source = open(&line("wrong"), &[]).expect("valid");
    source.run_until("it is refused", |it| {
        it.state("a") == "offline: unauthorized"
    });
    // Without an edit it would be tried in 6 s, and then in 24 s.
    source.edit(&line("right"));
    source.run_until("it streams", |it| streams(it, "a"));
    assert_eq!(source.errors("a", "unauthorized"), 1);
    // One that never had a frame leaves nothing to be ended.
    source.edit("  - {id: nobody, url: 'rtsp://127.0.0.1:1/'}\n");
    source.run_until("it is gone", |it| it.state("a") == "removed");
    source.run_until("nobody is there", |it| {
        it.state("nobody") == "offline: refused"
    });
    source.edit(&line("right"));
    source.run_until("the other way round", |it| {
        it.state("nobody") == "removed" && streams(it, "a")
    });
    source.close();
    assert!(source.sessions("nobody").is_empty());
}

#[test]
fn cameras_that_come_and_go_leave_no_thread_and_no_descriptor() {
    let yard = Yard::new();
    let a = yard.line("a", "a", "");
    let mut source = open(&a, &[]).expect("valid");
    source.run_until("it streams", |it| streams(it, "a"));
    let count = |what: &str| {
        let path = format!("/proc/self/{what}");
        fs::read_dir(path).expect("Linux tells").count()
    };
    let round = |source: &mut Source, number: usize| {
        let id = format!("x{number}");
        let client = ["rtsp", "ffmpeg"][number % 2];
        let more = format!(", client: {client}");
        source.edit(&format!("{a}{}", yard.line(&id, "b", &more)));
        source.run_until("it streams", |it| streams(it, &id));
        source.edit(&a);
        source.run_until("it is removed", |it| it.state(&id) == "removed");
        source.units.clear();
    };
    for number in 0..6 {
        round(&mut source, number);
    }
    let (threads, descriptors) = (count("task"), count("fd"));
    for number in 6..30 {
        round(&mut source, number);
    }
    // What has ended takes a moment to be gone: the simulated camera's half as well.
    source.run_until("all is given back", |_| {
        count("task") <= threads && count("fd") <= descriptors
    });
    let facts = source.context.counters.report().facts;
    assert!(
        facts.keys().all(|name| !name.starts_with("client.")),
        "{facts:?}"
    );
}

/// Of a camera with two streams, a source reads one, and that the other changes is nothing to it.
#[test]
fn each_source_reads_its_stream() {
    let yard = Yard::new();
    let port = yard.cameras.port();
    let line = |detect: &str, record: &str| {
        let url = |path: &str| format!("'rtsp://127.0.0.1:{port}/{path}'");
        let (detect, record) = (url(detect), url(record));
        format!(
            "  - {{id: gate, streams: {{detect: {detect}, record: {record}}}, region: [0, 0, 1, 0.5]}}\n"
        )
    };
    let played = |path: &str| {
        let records = yard.cameras.simulator().records();
        let camera = records.into_iter().find(|it| it.id == path);
        camera.map_or(0, |it| it.plays)
    };
    let more = yard.line("one", "d", "");
    let mut detect = open(&(line("a", "b") + &more), &[]).expect("valid");
    detect.run_until("it streams", |it| streams(it, "gate") && streams(it, "one"));
    assert_eq!((played("a"), played("b"), played("d")), (1, 0, 1));
    let mut record = open(&(line("a", "b") + &more), &[("STREAM", "record")]).expect("valid");
    record.run_until("it streams", |it| streams(it, "gate") && streams(it, "one"));
    // A camera with one stream has it for both.
    assert_eq!((played("a"), played("b"), played("d")), (1, 1, 2));
    let unit = last_of(&record, "gate").expect("it streams");
    assert!(
        unit.areas.region.is_some(),
        "a clip says what was looked at"
    );
    for source in [&mut detect, &mut record] {
        source.edit(&(line("a", "c") + &more));
    }
    record.run_until("it is connected again", |it| it.sessions("gate").len() == 2);
    assert_eq!(
        (played("b"), played("c"), record.sessions("one").len()),
        (1, 1, 1)
    );
    let before = detect.units.len();
    detect.run_until("it goes on", |it| it.units.len() > before + 50);
    assert_eq!((detect.sessions("gate").len(), played("a")), (1, 1));
    let error = open(&more, &[("STREAM", "both")])
        .map(drop)
        .expect_err("no stream");
    assert!(error.message.contains("STREAM='both'"), "{}", error.message);
}
