//! Pace, window, passes, and files that are wrong.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use camweave_message::Unit;
use camweave_stage::{Exit, Stage};
use support::{folder, frames, make, open, picture_hashes, write_stream};

const X264: &[&str] = &[
    "-c:v",
    "libx264",
    "-pix_fmt",
    "yuv420p",
    "-x264-params",
    "keyint=12:bframes=2:b-adapt=0",
];

#[test]
fn realtime_sends_what_is_due_and_waits_for_the_rest() {
    let folder = folder();
    let (a, b) = (folder.path().join("a.mp4"), folder.path().join("b.mp4"));
    make(folder.path(), "a.mp4", "1", X264);
    std::fs::copy(&a, &b).expect("a copy");
    let files = format!("{},{}", a.display(), b.display());
    let mut run = open(folder.path(), &[("FILES", &files)]).expect("two files");
    let began = Instant::now();
    // By then some units of each file have been read.
    std::thread::sleep(Duration::from_millis(500));
    let began = began + Duration::from_millis(500);
    let first = run.tick();
    assert!(first.len() < 10, "{} units at once", first.len());
    assert_eq!(
        first.iter().filter(|unit| *unit.id.camera == *"a").count(),
        first.len() / 2
    );
    let deadline = run.stage.deadline().expect("more is to come");
    assert!(deadline <= began + Duration::from_millis(40) * first.len() as u32);
    let mut units = first;
    units.extend(run.play_to_end());
    // The last unit of a file is due a second less one frame after its first.
    assert!(
        began.elapsed() >= Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
    for camera in ["a", "b"] {
        assert_eq!(frames(&run, camera, &units).len(), 25);
    }
}

#[test]
fn fast_keeps_a_window_and_gives_up_what_does_not_come_back() {
    let folder = folder();
    let file = make(folder.path(), "a.mp4", "1", X264);
    let files = file.display().to_string();
    let values = [
        ("FILES", files.as_str()),
        ("PACE", "fast"),
        ("WINDOW", "8"),
        ("RETURN_TIMEOUT_MS", "300000"),
    ];
    let mut run = open(folder.path(), &values).expect("a file");
    let mut units = run.collect(8);
    assert_eq!(units.len(), 8);
    assert!(run.tick().is_empty());
    run.give_back(&units[..3]);
    run.give_back(&units[..3]);
    let more = run.collect(3);
    assert!(run.tick().is_empty());
    assert_eq!(
        more.len(),
        3,
        "a frame that comes back twice frees one place"
    );
    units.extend(more);
    let mut stranger = units[3].clone();
    stranger.id.session_unix_nanos += 1;
    run.give_back(&[stranger]);
    assert!(run.tick().is_empty(), "a frame of another run frees none");
    run.give_back(&units[3..]);
    units.extend(run.play_to_end());
    assert_eq!(frames(&run, "a", &units).len(), 25);
    assert!(run.counters("a").errors.is_empty());

    let values = [
        ("FILES", files.as_str()),
        ("PACE", "fast"),
        ("WINDOW", "10"),
        ("RETURN_TIMEOUT_MS", "5"),
    ];
    let mut run = open(folder.path(), &values).expect("a file");
    let mut units: Vec<Unit> = Vec::new();
    let give_up = Instant::now() + Duration::from_secs(60);
    while !run.stage.finished() {
        assert!(Instant::now() < give_up, "never finished");
        let sent = run.tick();
        assert!(sent.iter().filter(|unit| !unit.data.is_empty()).count() <= 10);
        units.extend(sent);
        if let Some(deadline) = run.stage.deadline() {
            std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
        }
    }
    assert_eq!(frames(&run, "a", &units).len(), 25);
    assert_eq!(run.counters("a").errors["not_returned"], 25);
}

#[test]
fn passes_share_one_time_line() {
    let folder = folder();
    for (name, arguments, stream) in [
        ("a.mp4", X264, "all.h264"),
        (
            "b.mkv",
            &[
                "-c:v",
                "libx265",
                "-x265-params",
                "keyint=12:bframes=3:log-level=error",
            ][..],
            "all.h265",
        ),
    ] {
        let file = make(folder.path(), name, "1", arguments);
        let files = format!("cam={}", file.display());
        let values = [("FILES", files.as_str()), ("PACE", "fast"), ("LOOP", "3")];
        let mut run = open(folder.path(), &values).expect("a file");
        let units = run.play_to_end();
        let units = frames(&run, "cam", &units);
        assert_eq!(units.len(), 75);
        let mut pts: Vec<i64> = units.iter().map(|unit| unit.id.pts_nanos).collect();
        pts.sort_unstable();
        assert!(
            pts.windows(2).all(|pair| pair[1] - pair[0] == 40_000_000),
            "{pts:?}"
        );
        let once = picture_hashes(&file);
        let thrice = [once.clone(), once.clone(), once].concat();
        assert_eq!(
            picture_hashes(&write_stream(folder.path(), stream, &units)),
            thrice
        );
    }
}

#[test]
fn max_frames_ends_early_and_close_ends_the_session() {
    let folder = folder();
    let file = make(folder.path(), "a.mp4", "1", X264);
    let files = file.display().to_string();
    let values = [
        ("FILES", files.as_str()),
        ("PACE", "fast"),
        ("MAX_FRAMES", "7"),
        ("LOOP", "0"),
    ];
    let mut run = open(folder.path(), &values).expect("a file");
    let units = run.play_to_end();
    assert_eq!(frames(&run, "a", &units).len(), 7);

    let values = [
        ("FILES", files.as_str()),
        ("PACE", "fast"),
        ("WINDOW", "4"),
        ("LOOP", "0"),
    ];
    let mut run = open(folder.path(), &values).expect("a file");
    let mut units = run.collect(4);
    units.extend(run.close());
    assert_eq!(frames(&run, "a", &units).len(), 4);
    assert_eq!(run.counters("a").state.as_deref(), Some("stopped"));
}

fn truncate(path: &Path, share: f64) {
    let bytes = std::fs::read(path).expect("the file");
    let length = (bytes.len() as f64 * share) as usize;
    std::fs::write(path, &bytes[..length]).expect("a shorter file");
}

#[test]
fn a_truncated_file_gives_what_is_there() {
    let folder = folder();
    let faststart: Vec<&str> = X264
        .iter()
        .copied()
        .chain(["-movflags", "+faststart"])
        .collect();
    let file = make(folder.path(), "a.mp4", "2", &faststart);
    let hashes = picture_hashes(&file);
    truncate(&file, 0.6);
    let files = file.display().to_string();
    let mut run = open(folder.path(), &[("FILES", &files), ("PACE", "fast")]).expect("readable");
    let units = run.play_to_end();
    let units = frames(&run, "a", &units);
    assert!((10..45).contains(&units.len()), "{}", units.len());
    let counters = run.counters("a");
    assert_eq!(counters.errors["damaged"], 1);
    assert_eq!(counters.state.as_deref(), Some("ended"));
    // What was sent is whole: its pictures are those of the whole file.
    let sent = picture_hashes(&write_stream(folder.path(), "sent.h264", &units));
    assert_eq!(sent.len(), units.len());
    assert!(sent.iter().all(|hash| hashes.contains(hash)));

    // The index of this one stands at its end.
    let file = make(folder.path(), "b.mp4", "1", X264);
    truncate(&file, 0.6);
    let error = open(folder.path(), &[("FILES", &file.display().to_string())])
        .err()
        .expect("nothing to read");
    assert_eq!(error.exit, Exit::Input);
    assert!(error.message.contains("b.mp4"), "{error}");
}

#[test]
fn errors_name_file_and_expectation() {
    let folder = folder();
    std::fs::write(folder.path().join("notes.txt"), "no film here\n".repeat(50)).expect("a text");
    std::fs::write(folder.path().join("noise.mp4"), [7_u8; 5000]).expect("noise");
    make(folder.path(), "old.avi", "0.2", &["-c:v", "mpeg2video"]);
    let sound = ["-f", "lavfi", "-i", "sine=duration=0.2", "-map", "1:a"];
    make(folder.path(), "sound.wav", "0.2", &sound);
    for (name, parts) in [
        ("none.mp4", &["cannot open", "No such file"][..]),
        ("notes.txt", &["not a media file"]),
        ("noise.mp4", &["not a media file"]),
        ("old.avi", &["mpeg2video", "h264", "vp9", "mjpeg"]),
        ("sound.wav", &["no video stream"]),
        ("", &["cannot open", "directory"]),
    ] {
        let path = folder.path().join(name);
        let error = open(
            folder.path(),
            &[("FILES", &format!("x={}", path.display()))],
        )
        .err()
        .expect(name);
        assert_eq!(error.exit, Exit::Input, "{error}");
        assert!(!error.message.contains('\n'), "{error}");
        for part in parts.iter().chain([&name]) {
            assert!(error.message.contains(part), "{error}\nlacks {part}");
        }
    }
    for (values, parts) in [
        (
            &[("FILES", "a/x.mp4,b/x.mp4")][..],
            &["FILES", "camera 'x'"][..],
        ),
        (
            &[("FILES", "x.mp4"), ("PACE", "slow")],
            &["PACE", "'slow'", "realtime, fast"],
        ),
        (
            &[("FILES", "x.mp4"), ("WINDOW", "0")],
            &["WINDOW", "'0'", "from 1"],
        ),
        (&[], &["FILES", "not set"]),
    ] {
        let error = open(folder.path(), values).err().expect("wrong values");
        assert_eq!(error.exit, Exit::Configuration, "{error}");
        for part in parts {
            assert!(error.message.contains(part), "{error}\nlacks {part}");
        }
    }
}
