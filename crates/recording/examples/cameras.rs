//! What recording costs: simulated cameras in real time, into a folder.
//!
//! ```sh
//! cargo run --release -p camweave-recording --example cameras -- FOLDER [CAMERAS] [MBIT] [SECONDS] [events|continuous]
//! ```
//! Prints the CPU time of this process in cores, and what was lost. The bytes of the access units are
//! random: nothing can decode these clips. The folder is kept within 2 GiB.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_message::{CapturedClock, FrameId, Unit};
use camweave_outdir::Retention;
use camweave_recording::{Mode, Plan, Recorder, Report, Store, Taken};
use camweave_testing::{frame_id, unit};

const FPS: u64 = 25;
/// Frames from one keyframe to the next.
const GROUP: u64 = 50;
/// A keyframe is so many times as large as another.
const KEY: usize = 8;
/// Of 1920x1080, Baseline: sequence and picture parameter set, and how an IDR slice begins.
const HEAD: &[u8] = &[
    0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0, 0, 3, 0,
    4, 0, 0, 3, 0, 0xc8, 0x3c, 0x60, 0xc9, 0x20, 0, 0, 0, 1, 0x68, 0xcb, 0x83, 0xcb, 0x20, 0, 0, 0,
    1, 0x65,
];
const SLICE: &[u8] = &[0, 0, 0, 1, 0x41];

#[expect(clippy::print_stdout, reason = "the figures are its result")]
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: u64| {
        let word = words.get(place).map(|it| it.parse());
        word.map_or(default, |it| it.expect("a whole number"))
    };
    let folder = PathBuf::from(words.first().expect("the first argument: a folder"));
    let (cameras, mbit, seconds) = (number(1, 100), number(2, 5), number(3, 60));
    let mode = match words.get(4).map(String::as_str) {
        None | Some("continuous") => Mode::Continuous,
        Some("events") => Mode::Events,
        Some(other) => panic!("mode '{other}', expected 'events' or 'continuous'"),
    };
    let plan = Plan {
        folder: folder.clone(),
        mode,
        longest: Duration::from_secs(20),
        ring: Duration::from_secs(10),
        ring_bytes: 2 << 30,
        queue_bytes: 1 << 30,
        retention: Retention {
            bytes: Some(2 << 30),
            ..Retention::default()
        },
        ..Plan::default()
    };
    let store = Store::open(&folder, "a measurement").expect("a folder");
    let mut recorder = Recorder::start(store, plan, || {}).expect("threads");
    let ids: Vec<Arc<str>> = (0..cameras)
        .map(|it| Arc::from(format!("cam{it}")))
        .collect();
    let second = (mbit * 1_000_000 / 8) as usize;
    // A group of pictures has so many bytes in all.
    let small = second * (GROUP / FPS) as usize / (GROUP as usize - 1 + KEY);
    let body = |head: &[u8], size: usize| {
        let filler = (0..size).map(|it| (it * 7 % 251) as u8 + 1);
        head.iter().copied().chain(filler).collect::<Vec<u8>>()
    };
    let of = |keyframe, data: Vec<u8>| Unit {
        keyframe,
        data: data.into(),
        ..unit("cam", 0)
    };
    let key = of(true, body(HEAD, KEY * small));
    let other = of(false, body(SLICE, small));
    let mut tally = Tally::default();
    let begin = Instant::now();
    let cpu = cpu_seconds();
    for index in 0..seconds * FPS {
        let now = Instant::now();
        for (place, camera) in ids.iter().enumerate() {
            // Not all have their keyframes at once.
            let place = index + place as u64 * 7;
            let is_key = place.is_multiple_of(GROUP);
            let row = Unit {
                id: FrameId {
                    pts_nanos: (index * 1_000_000_000 / FPS).cast_signed(),
                    captured_unix_nanos: 1_796_000_000_000_000_000
                        + (index * 1_000_000_000 / FPS).cast_signed(),
                    captured_clock: CapturedClock::SenderReport,
                    ..frame_id(camera, index)
                },
                ..if is_key { &key } else { &other }.clone()
            };
            tally.bytes += row.data.len() as u64;
            tally.kept += u64::from(recorder.unit(&row, now) == Taken::Kept);
        }
        if index % 5 == 0 {
            recorder.tick(now);
            tally.most_waiting = tally.most_waiting.max(recorder.waiting_bytes());
            tally.note(recorder.take_reports());
        }
        let due = begin + Duration::from_nanos((index + 1) * 1_000_000_000 / FPS);
        tally.late = tally.late.max(due.elapsed());
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let (wall, used) = (begin.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    assert!(
        recorder.close(Instant::now() + Duration::from_secs(120)),
        "the disk is not done"
    );
    tally.note(recorder.take_reports());
    println!(
        "{cameras} cameras of {mbit} Mbit/s for {wall:.0} s, {mode:?}: {:.2} cores, {:.1} MB/s, {} units kept, {} lost, {} clips failed, {} finished; at most {} MiB waited; at most {:.0} ms late",
        used / wall,
        tally.bytes as f64 / wall / 1e6,
        tally.kept,
        tally.lost,
        tally.failed,
        tally.finished,
        tally.most_waiting >> 20,
        tally.late.as_secs_f64() * 1e3,
    );
}

#[derive(Default)]
struct Tally {
    bytes: u64,
    kept: u64,
    lost: u64,
    failed: u64,
    finished: u64,
    most_waiting: usize,
    late: Duration,
}

impl Tally {
    fn note(&mut self, reports: Vec<Report>) {
        for report in reports {
            match report {
                Report::Lost { units, .. } => self.lost += units,
                Report::Failed { .. } => self.failed += 1,
                Report::Finished { .. } => self.finished += 1,
                _ => {}
            }
        }
    }
}

/// Of this process and its threads.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    let ticks = |place: usize| fields[place].parse::<f64>().expect("a number of ticks");
    // User and system time are the 14th and 15th field; Linux has 100 ticks a second.
    (ticks(12) + ticks(13)) / 100.0
}
