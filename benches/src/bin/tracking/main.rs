//! Trackers compared on boxes whose truth is known: rendered streets, or a truth file of the
//! MOTChallenge, as a detector with seeded noise sees them. Prints a table in Markdown.
#![expect(clippy::print_stdout, reason = "the result is for standard output")]

mod clip;
mod detector;
mod gaps;
mod recorded;
mod switches;
mod table;
mod trial;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, anyhow};
use camweave_tracker::{BoxClass, TrackerKind, TrackerSettings};
use clap::{Parser, Subcommand};

use clip::Clip;
use table::Row;
use trial::Method;

/// Compare trackers on boxes whose truth is known.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Rendered streets with occlusion, at 30, 15 and 5 frames/s, with gaps of 0.5 to 3 s and without
    Scenes {
        /// The first scene; each has a seed of its own
        #[arg(long, default_value_t = 1)]
        first_seed: u64,
        /// Scenes
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
        seeds: u64,
        /// Seconds of each
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(10..=600))]
        seconds: u32,
    },
    /// A folder with the file gt.txt of the MOTChallenge, with detectors of different seeds
    Mot {
        /// The folder
        folder: PathBuf,
        /// Its frames per second
        #[arg(long, default_value_t = 25.0)]
        fps: f64,
        /// Seeds of the detector's noise
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
        seeds: u64,
    },
    /// What a run of simulated cameras has detected, such as the demo
    Run {
        /// The sink's detections.jsonl
        detections: PathBuf,
        /// The folder that `camera-sim serve --record` has written
        record: PathBuf,
    },
}

/// The trackers, with the name of each in the table.
fn methods() -> Vec<(&'static str, Method)> {
    let usual = TrackerSettings::default();
    let of = |tracker, track_buffer_ms| {
        Method::Tracker(TrackerSettings {
            tracker,
            track_buffer_ms,
            ..usual.clone()
        })
    };
    let detected = TrackerSettings {
        box_class: BoxClass::Detected,
        ..usual.clone()
    };
    let memory = usual.track_buffer_ms;
    vec![
        ("default", of(TrackerKind::Default, memory)),
        ("default, detector's classes", Method::Tracker(detected)),
        ("byte_track", of(TrackerKind::ByteTrack, memory)),
        ("byte_track, 1 s", of(TrackerKind::ByteTrack, 1000)),
        ("oc_sort", of(TrackerKind::OcSort, memory)),
        ("sort", of(TrackerKind::Sort, memory)),
        ("ids of the truth", Method::Truth),
    ]
}

fn main() -> Result<()> {
    let (clips, rates): (Vec<(u64, Clip)>, &[usize]) = match Options::parse().what {
        What::Scenes {
            first_seed,
            seeds,
            seconds,
        } => (scenes(first_seed..first_seed + seeds, seconds)?, &[1, 2, 6]),
        What::Mot { folder, fps, seeds } => {
            let path = folder.join("gt.txt");
            let read = || format!("cannot read '{}'", path.display());
            let text = std::fs::read_to_string(&path).with_context(read)?;
            let clips = (1..=seeds).map(|seed| Ok((seed, Clip::of_mot(&text, fps, seed)?)));
            let clips: Result<Vec<_>> = clips.collect();
            (clips.with_context(read)?, &[1, 2, 5])
        }
        What::Run { detections, record } => {
            let clips = (0..).zip(recorded::clips(&detections, &record)?);
            (clips.collect(), &[1])
        }
    };
    println!("{}", table::HEAD);
    let mut rows = Vec::new();
    for with_gaps in [false, true] {
        for every in rates {
            for (name, method) in methods() {
                let mut outcomes = Vec::new();
                for (seed, clip) in &clips {
                    let seconds = clip.frames.len() as f64 / clip.fps;
                    let gaps = if with_gaps {
                        gaps::gaps(*seed, seconds)
                    } else {
                        Vec::new()
                    };
                    outcomes.push(trial::run(&method, clip, *every, &gaps)?);
                }
                let row = Row {
                    name,
                    fps: clips[0].1.fps / *every as f64,
                    with_gaps,
                    outcomes,
                };
                println!("{}", row.text());
                rows.push(row);
            }
        }
    }
    println!("\n{}", table::SWITCHES_HEAD);
    for row in rows.iter().filter(|row| !row.with_gaps) {
        println!("{}", row.switches());
    }
    Ok(())
}

/// Renders scenes, on as many threads as there are cores.
fn scenes(seeds: std::ops::Range<u64>, seconds: u32) -> Result<Vec<(u64, Clip)>> {
    let next = AtomicU64::new(seeds.start);
    let clips = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(());
            }
            let clip = Clip::of_scene(seed, seconds)?;
            let mut clips = clips.lock().map_err(|_| anyhow!("a thread panicked"))?;
            clips.push((seed, clip));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut ends = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        ends.try_for_each(|end| end.map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    let mut clips = clips
        .into_inner()
        .map_err(|_| anyhow!("a thread panicked"))?;
    clips.sort_by_key(|(seed, _)| *seed);
    Ok(clips)
}
