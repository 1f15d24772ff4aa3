//! Files as they come from cameras, phones and editors: presentation times are those of `ffprobe`,
//! in order, and a file that cannot be played is its own state.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use camweave_message::{Orientation, Unit};
use camweave_stage::Exit;
use support::{Run, concatenated, folder, frames, make, open, shown_frames};

const MS: i64 = 1_000_000;

fn field(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/field")
        .join(name)
}

fn x264(parameters: &str) -> [&str; 6] {
    [
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        "-x264-params",
        parameters,
    ]
}

/// Plays one file; its units, after the checks that hold for any.
fn play(file: &Path) -> (Run, Vec<Unit>) {
    let folder = folder();
    let files = format!("cam=\"{}\"", file.display());
    let mut run = open(folder.path(), &[("FILES", &files), ("PACE", "fast")]).expect("a file");
    let units = run.play_to_end();
    let units = frames(&run, "cam", &units);
    (run, units)
}

fn presentation(units: &[Unit]) -> Vec<i64> {
    let mut pts: Vec<i64> = units.iter().map(|unit| unit.id.pts_nanos).collect();
    pts.sort_unstable();
    pts
}

fn errors(run: &Run, kind: &str) -> u64 {
    run.counters("cam").errors.get(kind).copied().unwrap_or(0)
}

/// The frames are those that `ffprobe` decodes, at its times and in its order.
fn check_against_ffprobe(file: &Path) -> Vec<Unit> {
    let (run, units) = play(file);
    let shown = shown_frames(file);
    assert_eq!(units.len(), shown.len(), "number of frames");
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by_key(|&index| units[index].id.pts_nanos);
    let expected_order: Vec<usize> = shown.iter().map(|frame| frame.packet).collect();
    assert_eq!(order, expected_order, "which packet is shown when");
    // The last frames of a file without presentation times have none in `ffprobe` either.
    for (found, shown) in presentation(&units).iter().zip(&shown) {
        if let Some(expected) = shown.nanos {
            assert!((found - expected).abs() < MS, "{found} for {expected}");
        }
    }
    let known = shown.iter().filter(|frame| frame.nanos.is_some()).count();
    assert!(known + 4 > shown.len(), "{known} of {}", shown.len());
    assert_eq!(errors(&run, "time_jump"), 0);
    units
}

#[test]
fn avi_has_decoding_times_only_and_is_shown_in_order() {
    let folder = folder();
    for (name, arguments) in [
        (
            "h264.avi",
            &x264("keyint=12:bframes=3:b-adapt=0:b-pyramid=normal")[..],
        ),
        // Open groups: pictures before a keyframe are coded after it.
        (
            "open.avi",
            &x264("keyint=12:bframes=2:b-adapt=0:open-gop=1"),
        ),
        ("mpeg4.avi", &["-c:v", "mpeg4", "-bf", "2", "-g", "12"]),
        ("mjpeg.avi", &["-c:v", "mjpeg"]),
    ] {
        let units = check_against_ffprobe(&make(folder.path(), name, "2", arguments));
        let even: Vec<i64> = (0..50).map(|n| n * 40 * MS).collect();
        assert_eq!(presentation(&units), even, "{name}");
    }
}

#[test]
fn raw_streams_are_shown_in_order() {
    let folder = folder();
    let h265 = "keyint=12:min-keyint=12:bframes=3:log-level=error";
    for (name, arguments) in [
        ("a.h264", &x264("keyint=12:bframes=3:b-adapt=0")[..]),
        ("a.h265", &["-c:v", "libx265", "-x265-params", h265]),
    ] {
        let file = make(folder.path(), name, "2", arguments);
        let (_, units) = play(&file);
        let mut order: Vec<usize> = (0..units.len()).collect();
        order.sort_by_key(|&index| units[index].id.pts_nanos);
        // `ffprobe` has no times here, but the same order.
        let shown: Vec<usize> = shown_frames(&file).iter().map(|it| it.packet).collect();
        assert_eq!(order, shown, "{name}");
    }
}

#[test]
fn a_variable_frame_rate_stays_as_it_is() {
    let folder = folder();
    // Some frames are missing, among them the better part of a second.
    let select = "select='not(eq(mod(n,7),3))*not(between(n,20,38))'";
    let mut arguments = vec!["-vf", select, "-vsync", "vfr"];
    let x264 = x264("keyint=12:bframes=2");
    arguments.extend(x264);
    for name in ["a.mp4", "a.mkv", "a.ts"] {
        let units = check_against_ffprobe(&make(folder.path(), name, "2", &arguments));
        let pts = presentation(&units);
        let gaps: Vec<i64> = pts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().any(|gap| *gap > 700 * MS), "{name}: {gaps:?}");
    }
}

#[test]
fn phone_videos_carry_how_they_are_turned() {
    let (_, units) = play(&field("rot90.mp4"));
    let orientation = Orientation::new(270, false).expect("quarters");
    assert_eq!(units.len(), 30);
    assert!(units.iter().all(|unit| unit.orientation == orientation));
    let folder = folder();
    let (_, units) = play(&make(folder.path(), "a.mp4", "0.2", &x264("keyint=12")));
    assert!(
        units
            .iter()
            .all(|it| it.orientation == Orientation::UPRIGHT)
    );
}

#[test]
fn a_stream_whose_clock_is_set_anew_goes_on() {
    let folder = folder();
    let part = |name: &str, size: &str, parameters: &str| {
        let scale = format!("scale={size}");
        let mut arguments = vec!["-vf", &scale];
        let x264 = x264(parameters);
        arguments.extend(x264);
        make(folder.path(), name, "1", &arguments)
    };
    // The second part is larger, and each begins at the same time.
    let parts = [
        part("1.ts", "192x128", "keyint=12:bframes=2:b-adapt=0"),
        part("2.ts", "320x240", "keyint=12:bframes=0"),
        part("3.ts", "192x128", "keyint=12:bframes=3:b-adapt=0"),
    ];
    let file = concatenated(folder.path(), "all.ts", &parts);
    let (run, units) = play(&file);
    assert_eq!(units.len(), 75);
    assert_eq!(errors(&run, "time_jump"), 2);
    let pts = presentation(&units);
    let gaps: Vec<i64> = pts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Reordering differs between the parts, by a few frames at each seam.
    assert!(
        gaps.iter().all(|gap| (39 * MS..=161 * MS).contains(gap)),
        "{gaps:?}"
    );
    assert!(gaps.iter().filter(|gap| **gap < 41 * MS).count() >= 72);
    assert_eq!(run.counters("cam").state.as_deref(), Some("ended"));
}

#[test]
fn a_huge_time_stamp_costs_no_frame_no_wait_and_nobody_else() {
    let folder = folder();
    let good = make(folder.path(), "good.mp4", "0.5", &x264("keyint=12"));
    let huge = field("hugets.mkv");
    let files = format!("good={},cam={}", good.display(), huge.display());
    let began = Instant::now();
    let mut run = open(folder.path(), &[("FILES", &files)]).expect("two files");
    let units = run.play_to_end();
    assert!(began.elapsed() < Duration::from_secs(20), "{began:?}");
    let huge = frames(&run, "cam", &units);
    let even: Vec<i64> = (0..12).map(|n| n * 100 * MS).collect();
    assert_eq!(presentation(&huge), even);
    assert!(errors(&run, "time_jump") >= 1);
    assert_eq!(frames(&run, "good", &units).len(), 13);
}

#[test]
fn a_pause_is_waited_for_ten_seconds_at_most() {
    let folder = folder();
    // Two frames, a minute apart.
    let fps = ["-vf", "setpts=N*60/TB", "-vsync", "vfr", "-frames:v", "2"];
    let arguments = [&fps[..], &x264("keyint=12:bframes=0")].concat();
    let file = make(folder.path(), "slow.mp4", "2", &arguments);
    let files = format!("cam={}", file.display());
    let mut run = open(folder.path(), &[("FILES", &files)]).expect("a file");
    let began = Instant::now();
    let mut units = run.collect(1);
    assert_eq!(units.len(), 1);
    let deadline = run.deadline();
    let wait = deadline.saturating_duration_since(began);
    assert!(wait <= Duration::from_secs(11), "{wait:?}");
    assert!(run.tick().is_empty());
    assert_eq!(errors(&run, "long_wait"), 1, "counted once");
    // The frame's own time stays as the file has it.
    let (_, fast) = play(&file);
    assert_eq!(presentation(&fast), [0, 60_000 * MS]);
    units.extend(run.close());
    assert_eq!(units.len(), 2);
}

#[test]
fn an_edit_list_shifts_no_time() {
    let folder = folder();
    let file = make(folder.path(), "a.mp4", "3", &x264("keyint=25:bframes=2"));
    let cut = folder.path().join("edit.mp4");
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-ss", "0.72", "-i"])
        .arg(&file);
    let status = command.args(["-t", "2", "-c", "copy"]).arg(&cut).status();
    assert!(status.expect("the ffmpeg command").success());
    let (run, units) = play(&cut);
    let shown = shown_frames(&cut);
    let pts = presentation(&units);
    assert!(pts.len() > shown.len(), "some are hidden");
    // Those that are hidden have time 0; those that are shown have the times of `ffprobe`.
    let hidden = pts.len() - shown.len();
    assert!(pts[..hidden].iter().all(|it| *it == 0), "{pts:?}");
    for (found, shown) in pts[hidden..].iter().zip(&shown) {
        let expected = shown.nanos.expect("MP4 has times");
        assert!((found - expected).abs() < MS, "{found} for {expected}");
    }
    assert_eq!(errors(&run, "time_jump"), 0);
}

#[test]
fn names_with_commas_and_colons() {
    let folder = folder();
    let file = make(folder.path(), "a.mp4", "0.2", &x264("keyint=12"));
    for name in [
        "yard, north.mp4",
        "12:30:00.mp4",
        "file:x.mp4",
        "say \"a\".mp4",
    ] {
        let path = folder.path().join(name);
        std::fs::copy(&file, &path).expect("a copy");
        let quoted = path.display().to_string().replace('"', "\"\"");
        let files = format!("cam=\"{quoted}\",b={}", file.display());
        let mut run = open(folder.path(), &[("FILES", &files), ("PACE", "fast")]).expect(name);
        let units = run.play_to_end();
        assert_eq!(frames(&run, "cam", &units).len(), 5, "{name}");
        assert_eq!(frames(&run, "b", &units).len(), 5, "{name}");
    }
}

#[test]
fn bad_files_are_states_and_the_others_play_on() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let file = make(folder.path(), "good.mp4", "1", &x264("keyint=12"));
    let bytes = std::fs::read(&file).expect("the file");
    std::fs::write(at("unfinished.mp4"), &bytes[..bytes.len() / 2]).expect("writable");
    std::fs::write(at("empty.mp4"), b"").expect("writable");
    std::fs::write(at("noise.mp4"), [7; 5000]).expect("writable");
    let list = format!("#EXTM3U\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n", file.display());
    std::fs::write(at("list.m3u8"), &list).expect("writable");
    // A list that FFmpeg knows by more than its name.
    std::fs::write(at("list.mp4"), &list).expect("writable");
    let concat = format!("ffconcat version 1.0\nfile '{}'\n", file.display());
    std::fs::write(at("concat.mp4"), concat).expect("writable");
    std::fs::create_dir(at("folder.mp4")).expect("a folder");
    let made = Command::new("mkfifo").arg(at("pipe.mp4")).status();
    assert!(made.expect("mkfifo (coreutils)").success());
    make(folder.path(), "old.avi", "0.2", &["-c:v", "mpeg2video"]);
    let cases = [
        ("missing.mp4", "not_found"),
        ("unfinished.mp4", "incomplete"),
        ("empty.mp4", "empty"),
        ("noise.mp4", "not_media"),
        ("list.m3u8", "playlist"),
        ("list.mp4", "playlist"),
        ("concat.mp4", "playlist"),
        ("folder.mp4", "not_a_file"),
        ("pipe.mp4", "not_a_file"),
        ("old.avi", "unsupported_codec"),
    ];
    let mut files = format!("good={}", file.display());
    for (index, (name, _)) in cases.iter().enumerate() {
        files.push_str(&format!(",bad{index}={}", at(name).display()));
    }
    files.push_str(",null=/dev/null");
    let began = Instant::now();
    let mut run = open(folder.path(), &[("FILES", &files), ("PACE", "fast")]).expect("one is good");
    let units = run.play_to_end();
    assert!(began.elapsed() < Duration::from_secs(20), "{began:?}");
    assert_eq!(frames(&run, "good", &units).len(), 25);
    assert_eq!(units.len(), 26, "nothing but the good file, and its end");
    assert_eq!(run.counters("good").state.as_deref(), Some("ended"));
    let null = ("/dev/null", "not_a_file");
    for (index, (name, kind)) in cases.iter().chain([&null]).enumerate() {
        let id = if *name == "/dev/null" {
            "null".to_owned()
        } else {
            format!("bad{index}")
        };
        let counters = run.counters(&id);
        let state = counters.state.expect("a state");
        // What to do stands behind the kind.
        let expected = format!("offline: {kind} (");
        assert!(state.starts_with(&expected), "{name}: {state}");
        assert_eq!(counters.errors[*kind], 1, "{name}");
        assert_eq!(counters.received, 0, "{name}");
    }
}

#[test]
fn no_file_that_can_be_played_ends_the_node() {
    let folder = folder();
    let error = open(folder.path(), &[("FILES", "a=none.mp4,b=nothing.mp4")])
        .err()
        .expect("nothing to play");
    assert_eq!(error.exit, Exit::Input);
    for part in ["none of the 2 files", "none.mp4", "No such file"] {
        assert!(error.message.contains(part), "{error}\nlacks {part}");
    }
}
