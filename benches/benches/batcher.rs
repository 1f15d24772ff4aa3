//! What the batcher costs per frame: one round is one frame of each camera, so divide by the
//! cameras, or read the items per second.

use std::time::{Duration, Instant};

use camweave_batcher::{BatchQueue, Limits};
use camweave_benches::rows::Rows;
use camweave_message::{Frame, Row};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

const CAMERAS: [usize; 3] = [4, 16, 64];

fn main() {
    divan::main();
}

fn batcher() -> BatchQueue<Frame> {
    BatchQueue::new(Limits {
        max_batch: 8,
        max_window: Duration::from_millis(100),
        max_per_source: 1,
    })
}

fn frames(cameras: usize) -> Vec<Frame> {
    let rows = Rows::new().expect("a small pool fits");
    (0..cameras).map(|camera| rows.frame(camera)).collect()
}

/// Takes one frame of each camera as the stage does: after each message, all lists that are due.
fn round(
    batcher: &mut BatchQueue<Frame>,
    frames: impl Iterator<Item = Frame>,
    now: &mut Instant,
    mut list: impl FnMut(Vec<Frame>),
) {
    for frame in frames {
        *now += Duration::from_millis(1);
        let camera = frame.id.camera.clone();
        batcher.push(&camera, frame, *now);
        while let Some(rows) = batcher.pop(*now) {
            list(rows);
        }
    }
}

#[divan::bench(args = CAMERAS)]
fn push_and_pop(bencher: Bencher<'_, '_>, cameras: usize) {
    let (frames, mut batcher, mut now) = (frames(cameras), batcher(), Instant::now());
    bencher
        .counter(ItemsCount::new(cameras))
        .with_inputs(|| frames.clone())
        .bench_local_values(|frames| {
            round(&mut batcher, frames.into_iter(), &mut now, |rows| {
                black_box(rows);
            });
        });
}

/// As the node does it: each frame comes as a message of its own, and lists leave as messages.
#[divan::bench(args = CAMERAS)]
fn with_arrow_in_and_out(bencher: Bencher<'_, '_>, cameras: usize) {
    let (frames, mut batcher, mut now) = (frames(cameras), batcher(), Instant::now());
    let messages: Vec<_> = frames.chunks(1).map(<Frame as Row>::to_arrow).collect();
    bencher.counter(ItemsCount::new(cameras)).bench_local(|| {
        let frames = messages.iter().flat_map(|message| {
            Frame::from_arrow(black_box(message)).expect("own messages are valid")
        });
        round(&mut batcher, frames, &mut now, |rows| {
            black_box(Frame::to_arrow(&rows));
        });
    });
}
