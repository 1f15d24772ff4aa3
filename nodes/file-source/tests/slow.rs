//! Files that take long to read, or much memory: the others play on, and the end does not wait.

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use camweave_message::Unit;
use camweave_stage::Stage;
use support::{Run, folder, frames, make, open};

const X264: &[&str] = &[
    "-c:v",
    "libx264",
    "-pix_fmt",
    "yuv420p",
    "-x264-params",
    "keyint=12:bframes=0",
];
/// The end of a file with a hole, in bytes; sparse, so that it costs no disk.
const HOLE: u64 = 6 << 30;

/// The most memory that this process has had, in MB.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number.expect("a number of kB") / 1000
}

/// A file that goes on with a hole.
fn with_hole(folder: &Path, name: &str, from: &Path) -> PathBuf {
    let path = folder.join(name);
    std::fs::copy(from, &path).expect("a copy");
    let file = std::fs::OpenOptions::new().write(true).open(&path);
    file.expect("writable")
        .set_len(HOLE)
        .expect("a sparse file");
    path
}

/// Runs until the camera has ended; the units, and how long it took.
fn until_ended(run: &mut Run, camera: &str) -> (Vec<Unit>, Duration) {
    let began = Instant::now();
    let mut units = Vec::new();
    while run.counters(camera).state.as_deref() != Some("ended") {
        assert!(began.elapsed() < Duration::from_secs(30), "{camera}");
        let sent = run.tick();
        run.give_back(&sent);
        if sent.is_empty() {
            std::thread::sleep(Duration::from_millis(2));
        }
        units.extend(sent);
    }
    (units, began.elapsed())
}

#[test]
fn a_hole_stops_nobody_and_costs_little_memory() {
    camweave_demux::limit_allocations_for_files();
    let folder = folder();
    let good = make(folder.path(), "good.ts", "1", X264);
    let raw = make(folder.path(), "raw.h264", "1", X264);
    let matroska = make(folder.path(), "a.mkv", "1", X264);
    let hole = with_hole(folder.path(), "hole.h264", &raw);
    let gap = with_hole(folder.path(), "gap.mkv", &matroska);
    let files = format!(
        "hole={},gap={},good={}",
        hole.display(),
        gap.display(),
        good.display()
    );
    let values = [("FILES", files.as_str()), ("PACE", "fast")];
    let mut run = open(folder.path(), &values).expect("all begin well");
    let (mut units, took) = until_ended(&mut run, "good");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(frames(&run, "good", &units).len(), 25);

    // Each of the others ends by itself, with what could be read.
    for camera in ["hole", "gap"] {
        units.extend(until_ended(&mut run, camera).0);
        let sent = frames(&run, camera, &units).len();
        assert!((20..=26).contains(&sent), "{camera}: {sent}");
        assert_eq!(run.counters(camera).errors["damaged"], 1, "{camera}");
    }
    assert!(run.stage.finished());
    assert!(peak_mb() < 500, "{} MB", peak_mb());
}

#[test]
fn the_end_does_not_wait_for_a_file() {
    camweave_demux::limit_allocations_for_files();
    let folder = folder();
    // The first group of pictures comes at once, as the second has begun; of the second nothing
    // comes while the hole is searched.
    let raw = make(folder.path(), "raw.h264", "0.8", X264);
    let hole = with_hole(folder.path(), "hole.h264", &raw);
    let files = hole.display().to_string();
    let values = [("FILES", files.as_str()), ("PACE", "fast")];
    let mut run = open(folder.path(), &values).expect("it begins well");
    let sent = run.collect(2);
    run.give_back(&sent);
    let began = Instant::now();
    let end = run.close();
    assert!(end.last().is_some_and(|unit| unit.data.is_empty()));
    drop(run);
    assert!(began.elapsed() < Duration::from_millis(200));
    // The thread ends soon behind it.
    let give_up = Instant::now() + Duration::from_secs(2);
    let threads = || std::fs::read_dir("/proc/self/task").expect("Linux");
    let reads = || {
        threads().flatten().any(|thread| {
            std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|it| it.trim() == "file")
        })
    };
    while reads() {
        assert!(Instant::now() < give_up, "the file is still read");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn large_pictures_are_not_decoded_to_open_a_file() {
    let folder = folder();
    let large = [
        "-vf",
        "scale=8192:4608",
        "-frames:v",
        "3",
        "-preset",
        "ultrafast",
    ];
    let large = make(
        folder.path(),
        "large.h264",
        "1",
        &[&large[..], X264].concat(),
    );
    let good = make(folder.path(), "good.ts", "1", X264);
    let files = format!("large={},good={}", large.display(), good.display());
    // Each pass reopens the raw stream.
    let values = [("FILES", files.as_str()), ("PACE", "fast"), ("LOOP", "4")];
    let mut run = open(folder.path(), &values).expect("two files");
    let units = run.play_to_end();
    assert_eq!(frames(&run, "good", &units).len(), 100);
    assert_eq!(frames(&run, "large", &units).len(), 12);
    assert!(peak_mb() < 150, "{} MB", peak_mb());
}
