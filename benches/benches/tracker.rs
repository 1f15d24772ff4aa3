//! One frame of a tracker: prediction, association and update of all tracks of a camera.

use camweave_tracker::{TrackerKind, TrackerSettings};
use camweave_vision::Detection;
use divan::Bencher;

fn main() {
    divan::main();
}

/// Frames of `count` boxes that move to and fro over a 1080p frame, each at its own speed, with some
/// noise.
fn frames(count: u16) -> Vec<Vec<Detection>> {
    let mut state = 1_u64;
    let mut unit = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u32 << 24) as f32
    };
    let objects: Vec<[f32; 5]> = (0..count)
        .map(|_| {
            let (x, y) = (unit() * 1920.0, unit() * 1080.0);
            [
                x,
                y,
                20.0 + unit() * 60.0,
                unit() * 20.0 - 10.0,
                unit() * 8.0,
            ]
        })
        .collect();
    (0..64_u16)
        .map(|frame| {
            let boxes = objects.iter().map(|[x, y, side, speed, class]| {
                // The last frame is near the first one: they are shown again and again.
                let x = x + speed * f32::from(frame.min(64 - frame)) + unit();
                Detection {
                    bbox: [x, *y, x + side, y + 2.0 * side],
                    score: 0.5 + 0.4 * unit(),
                    class_id: *class as u32,
                }
            });
            boxes.collect()
        })
        .collect()
}

fn follow(bencher: Bencher<'_, '_>, tracker: TrackerKind, count: u16) {
    let frames = frames(count);
    let settings = TrackerSettings {
        tracker,
        ..TrackerSettings::default()
    };
    let mut follower = settings.follower();
    let mut next = frames.iter().cycle();
    bencher.bench_local(|| next.next().map(|boxes| follower.update(1.0 / 15.0, boxes)));
}

#[divan::bench(args = [10, 100, 300])]
fn default(bencher: Bencher<'_, '_>, count: u16) {
    follow(bencher, TrackerKind::Default, count);
}

#[divan::bench(args = [10, 100, 300])]
fn byte_track(bencher: Bencher<'_, '_>, count: u16) {
    follow(bencher, TrackerKind::ByteTrack, count);
}
