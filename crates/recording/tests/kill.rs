//! A recorder that is killed, a real process, at random moments, or whose disk loses its power: what has
//! its name plays, and what is on the disk of the rest is salvaged.
//!
//! 24 kills and 8 power cuts, or as many as `CAMWEAVE_KILLS` and `CAMWEAVE_CUTS` say.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camweave_message::{Codec, Unit};
use camweave_recording::{Mode, Plan, Recorder, Report, Store};
use camweave_testing::CutDisk;
use support::{Coded, Footage, SECOND, hashes, recorded};

/// Tells a test of this file that it is the process to be killed: the folder of clips.
const CHILD: &str = "CAMWEAVE_KILL_CHILD";
const CAMERAS: [&str; 2] = ["north", "south"];
/// Frames of the child's cameras are so far apart.
const STEP: Duration = Duration::from_millis(40);

/// The footage, where the child finds it.
fn footage_path(folder: &Path) -> std::path::PathBuf {
    folder.join("footage")
}

fn write_footage(folder: &Path, footage: &Footage) {
    let mut bytes = Vec::new();
    for unit in &footage.units {
        bytes.push(u8::from(unit.keyframe));
        bytes.extend((unit.data.len() as u32).to_be_bytes());
        bytes.extend(&unit.data);
    }
    fs::write(footage_path(folder), bytes).expect("writable");
}

fn read_footage(folder: &Path) -> Footage {
    let bytes = fs::read(footage_path(folder)).expect("the parent has written it");
    let mut rest = &bytes[..];
    let mut units = Vec::new();
    while let Some((keyframe, after)) = rest.split_first() {
        let (length, after) = after.split_at(4);
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let (data, after) = after.split_at(length);
        units.push(Coded {
            data: data.to_vec(),
            keyframe: *keyframe != 0,
            pts_nanos: units.len() as i64 * STEP.as_nanos() as i64,
        });
        rest = after;
    }
    Footage {
        codec: Codec::H264,
        units,
        hashes: Vec::new(),
    }
}

/// Records in real time, a clip for each keyframe, until it is killed. Says what it has given the recorder
/// and what is on the disk.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(CHILD).map(std::path::PathBuf::from) else {
        return;
    };
    let footage = read_footage(&folder);
    let folder = folder.join("clips");
    let plan = Plan {
        folder: folder.clone(),
        mode: Mode::Continuous,
        longest: Duration::from_millis(500),
        writers: 2,
        ..Plan::default()
    };
    let store = Store::open(&folder, "the one to be killed").expect("the last one is dead");
    for salvaged in store.salvage().expect("listed") {
        salvaged.expect("salvaged");
    }
    let session = SECOND * i64::from(std::process::id());
    let cameras: Vec<Vec<Unit>> = CAMERAS
        .iter()
        .map(|camera| footage.session(camera, session, 0))
        .collect();
    let mut recorder = Recorder::start(store, plan, || {}).expect("threads");
    let mut out = std::io::stdout().lock();
    let begin = Instant::now();
    for index in 0..footage.units.len() {
        let now = Instant::now();
        for units in &cameras {
            let unit = &units[index];
            recorder.unit(unit, now);
            let camera = &unit.id.camera;
            writeln!(out, "given {camera} {session} {index}").expect("the parent reads");
        }
        // Twice, so that clips that are over end at once: the parent has no seconds to wait.
        recorder.tick(now);
        recorder.tick(now + Duration::from_secs(4));
        for report in recorder.take_reports() {
            if let Report::Synced {
                camera,
                session_unix_nanos,
                sequence,
            } = report
            {
                writeln!(out, "synced {camera} {session_unix_nanos} {sequence}")
                    .expect("the parent reads");
            }
        }
        out.flush().expect("the parent reads");
        let due = begin + STEP * (index as u32 + 1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// The last frame of each camera and session, by the child's lines of this kind.
fn last(lines: &[String], kind: &str) -> BTreeMap<(String, i64), u64> {
    let mut last = BTreeMap::new();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        if let [found, camera, session, sequence] = words[..]
            && found == kind
            && let (Ok(session), Ok(sequence)) = (session.parse(), sequence.parse())
        {
            last.insert((camera.to_owned(), session), sequence);
        }
    }
    last
}

/// Runs a child, and `end`s its work after `life`: it is killed, after its disk has lost its power or not.
/// What it has said until then. While ext4 goes down, it may say that something is on the disk which is not:
/// what is said after the cut does not count.
fn kill_after(clips: &Path, folder: &Path, life: Duration, end: impl FnOnce()) -> Vec<String> {
    fs::create_dir_all(clips).expect("writable");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test again");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let (sender, said) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || {
        // A line that was cut off says nothing.
        for line in lines.map_while(Result::ok) {
            sender.send(line).expect("the test listens");
        }
    });
    // Its life begins with its first frame.
    let mut lines: Vec<String> = Vec::new();
    while !lines.last().is_some_and(|it| it.starts_with("given")) {
        lines.push(said.recv().expect("it begins"));
    }
    std::thread::sleep(life);
    lines.extend(said.try_iter());
    end();
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    reading.join().expect("text");
    lines
}

/// As many as the environment says.
fn count(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |it| it.parse().expect("a number"))
}

/// Ends the work of `all` processes, several at once as they mostly wait, each lane in a folder of its
/// own: in `lane`'s.
#[expect(clippy::print_stderr, reason = "what was measured")]
fn end_again(what: &str, all: u64, lane: impl Fn(&Footage, u64, u64) -> Killed + Sync) {
    let footage = Footage::new(Codec::H264, 30, "160x90", 0);
    let lanes = 4;
    let found: Vec<Killed> = std::thread::scope(|scope| {
        let (footage, lane) = (&footage, &lane);
        let begin = |number| scope.spawn(move || lane(footage, all.div_ceil(lanes), number));
        let lanes: Vec<_> = (0..lanes).map(begin).collect();
        lanes
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .collect()
    });
    let sum = |of: fn(&Killed) -> usize| found.iter().map(of).sum::<usize>();
    let mut losses: Vec<f64> = found.iter().flat_map(|it| it.losses.clone()).collect();
    losses.sort_by(f64::total_cmp);
    let at = |part: f64| losses[((losses.len() - 1) as f64 * part) as usize];
    let (kills, clips) = (sum(|it| it.kills), sum(|it| it.clips));
    eprintln!(
        "{kills} {what}, {clips} clips of {} frames, {} salvaged: lost of the last p50 {:.2} s, p99 {:.2} s, at most {:.2} s",
        sum(|it| it.frames),
        sum(|it| it.salvaged),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    assert!(clips > kills, "the {what} came too early");
}

#[test]
fn whatever_moment_a_recorder_is_killed_at_every_clip_plays() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    end_again("kills", count("CAMWEAVE_KILLS", 24), kill_again);
}

#[test]
fn whatever_moment_the_power_is_cut_at_every_clip_plays() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    if let Some(refusal) = CutDisk::refusal() {
        return eprintln!("skipped: no file system whose power can be cut: {refusal}");
    }
    end_again("power cuts", count("CAMWEAVE_CUTS", 8), cut_again);
}

/// What the kills of one lane came to.
#[derive(Default)]
struct Killed {
    kills: usize,
    clips: usize,
    salvaged: usize,
    frames: usize,
    /// Seconds between the last frame that a camera gave and the last in its clips.
    losses: Vec<f64>,
}

/// Moments of the first 1.8 s of a process.
fn lives(lane: u64) -> impl Iterator<Item = Duration> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64 ^ (u64::from(std::process::id()) << 8) ^ lane;
    std::iter::from_fn(move || {
        // xorshift64
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        Some(Duration::from_micros(random % 1_800_000))
    })
}

fn kill_again(footage: &Footage, kills: u64, lane: u64) -> Killed {
    let place = tempfile::tempdir().expect("a folder");
    write_footage(place.path(), footage);
    let folder = place.path().join("clips");
    let mut found = Killed::default();
    for (kill, life) in (0..kills).zip(lives(lane)) {
        let said = kill_after(&folder, place.path(), life, || {});
        check(footage, &folder, kill, &said, &mut found);
    }
    nothing_else(&folder);
    found
}

fn cut_again(footage: &Footage, cuts: u64, lane: u64) -> Killed {
    let place = tempfile::tempdir().expect("a folder");
    write_footage(place.path(), footage);
    let folder = place.path().join("clips");
    fs::create_dir(&folder).expect("writable");
    let mut disk = CutDisk::new(&folder, 64);
    let mut found = Killed::default();
    for (cut, life) in (0..cuts).zip(lives(lane)) {
        let said = kill_after(&folder, place.path(), life, || disk.cut());
        disk = disk.after_the_cut();
        check(footage, &folder, cut, &said, &mut found);
    }
    nothing_else(&folder);
    found
}

fn nothing_else(folder: &Path) {
    let left: Vec<_> = support::names(folder)
        .into_iter()
        .filter(|it| !it.to_string_lossy().contains(".camweave"))
        .collect();
    assert_eq!(left, Vec::<std::path::PathBuf>::new());
}

/// Salvages, and holds what is there against what the child has said.
fn check(footage: &Footage, folder: &Path, kill: u64, said: &[String], found: &mut Killed) {
    let store = Store::open(folder, "test").expect("the child is dead");
    for salvaged in store.salvage().expect("listed") {
        salvaged.expect("salvaged");
    }
    drop(store);
    // Each clip of the child, whole, one after the other.
    let mut written: BTreeMap<(String, i64), u64> = BTreeMap::new();
    for (clip, sidecar) in recorded(folder) {
        let frames = hashes(&clip.path);
        let sequences = || sidecar.frames.iter().map(|it| it.frame.sequence);
        let expected: Vec<&String> = sequences().map(|it| &footage.hashes[it as usize]).collect();
        assert_eq!(
            frames.iter().collect::<Vec<_>>(),
            expected,
            "kill {kill}: {clip:?}"
        );
        let key = (sidecar.head.camera.clone(), sidecar.head.session_unix_nanos);
        let next = written.get(&key).map_or(0, |last| last + 1);
        assert_eq!(sequences().next(), Some(next), "kill {kill}: {clip:?}");
        written.extend(sequences().max().map(|last| (key, last)));
        found.clips += 1;
        found.salvaged += usize::from(sidecar.salvaged);
        found.frames += frames.len();
        // The next kill has the folder for itself.
        fs::remove_file(clip.sidecar_path()).expect("there");
        fs::remove_file(&clip.path).expect("there");
    }
    let (given, synced) = (last(said, "given"), last(said, "synced"));
    for (key, synced) in &synced {
        let written = written.get(key);
        assert!(
            written.is_some_and(|written| written >= synced),
            "kill {kill}: {key:?}: {written:?} of {synced}"
        );
    }
    for (key, given) in given {
        let written = written.get(&key).map_or(0, |last| last + 1);
        found
            .losses
            .push((given + 1).saturating_sub(written) as f64 * STEP.as_secs_f64());
    }
    found.kills += 1;
}
