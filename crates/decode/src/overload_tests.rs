//! What comes of cameras that send more than is decoded, in a model of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::tests::came_of;
use super::*;

const SECOND: i64 = 1_000_000_000;
const FPS: i64 = 30;
/// Frames from one keyframe to the next.
const GROUP: u64 = 60;
const CAMERAS: usize = 200;
/// Seconds before what counts, and of it.
const WARM_UP: i64 = 20;
const COUNTED: i64 = 60;

/// What came of it.
struct Outcome {
    /// Decoded units of those that could have been.
    used: f64,
    /// Milliseconds that decoded units had waited, in order.
    waited: Vec<i64>,
    /// Decoded units of each camera, in order.
    of_cameras: Vec<usize>,
}

impl Outcome {
    fn quantile(&self, part: f64) -> i64 {
        self.waited[((self.waited.len() - 1) as f64 * part) as usize]
    }
}

/// `load`: units that come for each one that can be decoded. Cameras take turns, one unit at a time,
/// as the workers have it. Cameras begin their groups of pictures within `spread` frames of each other.
fn overload(load: f64, spread: u64) -> Outcome {
    let service = (SECOND as f64 / (CAMERAS as f64 * FPS as f64) * load) as i64;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    let mut comes = BinaryHeap::new();
    let mut backlogs: Vec<Backlog> = (0..CAMERAS).map(|_| Backlog::default()).collect();
    for camera in 0..CAMERAS {
        let phase = draw((SECOND / FPS) as u64) as i64;
        comes.push(Reverse((phase, camera, draw(spread))));
    }
    let mut ready = VecDeque::new();
    let (mut now, mut served) = (0, 0_usize);
    let mut outcome = Outcome {
        used: 0.0,
        waited: Vec::new(),
        of_cameras: vec![0; CAMERAS],
    };
    let end = (WARM_UP + COUNTED) * SECOND;
    while now < end {
        // What has come while the last unit was decoded.
        while let Some(&Reverse((at, camera, number))) = comes.peek() {
            if at > now && !ready.is_empty() {
                break;
            }
            now = now.max(at);
            comes.pop();
            comes.push(Reverse((at + SECOND / FPS, camera, number + 1)));
            let backlog = &mut backlogs[camera];
            backlog.push(
                came_of(
                    &format!("cam{camera}"),
                    number,
                    number % GROUP == 0,
                    at,
                    CapturedClock::Arrival,
                ),
                BYTES_PER_CAMERA,
            );
            if backlog.len() > 0 && !std::mem::replace(&mut backlog.is_scheduled, true) {
                ready.push_back(camera);
            }
        }
        let Some(camera) = ready.pop_front() else {
            continue;
        };
        let backlog = &mut backlogs[camera];
        if let Some(job) = backlog.pop(now).job {
            if now > WARM_UP * SECOND {
                served += 1;
                outcome.of_cameras[camera] += 1;
                outcome
                    .waited
                    .push(i64::try_from(job.waited(now).as_millis()).expect("seconds"));
            }
            now += service;
        }
        backlog.is_scheduled = backlog.len() > 0;
        if backlog.is_scheduled {
            ready.push_back(camera);
        }
    }
    outcome.used = served as f64 * service as f64 / (COUNTED * SECOND) as f64;
    outcome.waited.sort_unstable();
    outcome.of_cameras.sort_unstable();
    outcome
}

#[test]
fn in_a_lasting_overload_the_decoder_stays_busy_and_the_wait_is_bounded() {
    for (load, spread) in [1.02, 1.1, 1.25, 1.5, 2.0, 3.0]
        .into_iter()
        .flat_map(|load| [(load, GROUP), (load, 1)])
    {
        let it = overload(load, spread);
        let (fewest, most) = (it.of_cameras[0], it.of_cameras[CAMERAS - 1]);
        let seen = format!(
            "{load} times, groups within {spread} frames: {:.1} % used, waits p50 {} p99 {} max {} ms, {fewest} to {most} of a camera",
            100.0 * it.used,
            it.quantile(0.5),
            it.quantile(0.99),
            it.quantile(1.0)
        );
        println!("{seen}");
        assert!(it.quantile(0.99) <= 500, "{seen}");
        assert!(it.quantile(1.0) <= 600, "{seen}");
        // Keyframes of all cameras at the same moment are the worst case.
        let (used, longest, fair) = if spread == 1 {
            (0.8, 280, 0.2)
        } else {
            (0.99, 150, 0.7)
        };
        assert!(it.used > used, "{seen}");
        assert!(it.quantile(0.5) <= longest, "{seen}");
        let equal = (COUNTED * FPS) as f64 / load;
        assert!(fewest as f64 >= fair * equal, "{seen}");
    }
}
