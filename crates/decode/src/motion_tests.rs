use super::*;

use camweave_message::{Ignored, Polygon, Region};
use camweave_vision::LumaPlane;

const WIDTH: usize = 640;
const HEIGHT: usize = 360;
/// Of presentation time: ten frames a second.
const STEP: i64 = 100_000_000;

/// 0.2 % of the frame.
const AREA: NonZeroU32 = NonZeroU32::new(2000).expect("not 0");

/// A frame whose sample at `(x, y)` is `luma(x, y)`.
fn picture(luma: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let samples = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    samples.map(|(x, y)| luma(x, y)).collect()
}

fn plane(data: &[u8]) -> LumaPlane<'_> {
    LumaPlane {
        data,
        stride: WIDTH,
        width: WIDTH,
        height: HEIGHT,
        bits: 8,
    }
}

fn grid(luma: impl Fn(usize, usize) -> u8) -> LumaGrid {
    LumaGrid::of(&plane(&picture(luma))).expect("whole")
}

/// A textured wall.
fn wall(x: usize, y: usize) -> u8 {
    60 + ((x / 9 + y / 7) % 5) as u8 * 20
}

/// The wall, and a dark square of `side` pixels before it.
fn square(left: usize, side: usize) -> impl Fn(usize, usize) -> u8 {
    move |x, y| {
        let is_inside = (left..left + side).contains(&x) && (100..100 + side).contains(&y);
        if is_inside { 20 } else { wall(x, y) }
    }
}

/// Noise of `±most` that differs from sample to sample and from frame to frame.
fn noise(x: usize, y: usize, picture: usize, most: i32) -> i32 {
    let mut hash = (x * 73_856_093) ^ (y * 19_349_663) ^ (picture * 83_492_791);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((hash >> 32) as i32).rem_euclid(2 * most + 1) - most
}

/// Which of the frames go on.
fn passed(pictures: impl IntoIterator<Item = LumaGrid>) -> Vec<usize> {
    let mut gate = MotionGate::default();
    let pictures = pictures.into_iter().enumerate();
    pictures
        .filter_map(|(index, grid)| {
            gate.passes(AREA, grid, index as i64 * STEP)
                .then_some(index)
        })
        .collect()
}

#[test]
fn a_scene_that_stands_still_gives_one_picture_a_second() {
    let noisy = |picture| {
        grid(move |x, y| {
            let luma = i32::from(wall(x, y)) + noise(x, y, picture, 24);
            luma.clamp(0, 255) as u8
        })
    };
    let expected: Vec<usize> = (0..=20).chain((30..100).step_by(10)).collect();
    assert_eq!(passed((0..100).map(noisy)), expected);
}

#[test]
fn a_slow_camera_loses_nothing_that_its_tracks_need() {
    let mut gate = MotionGate::default();
    // A frame a second, give or take a millisecond; then one in 1.7 s.
    for index in 0..10 {
        let jitter = if index % 2 == 0 { 0 } else { -1_000_000 };
        assert!(gate.passes(AREA, grid(wall), index * 10 * STEP + jitter));
    }
    for index in 10..20 {
        assert!(gate.passes(AREA, grid(wall), index * 17 * STEP));
    }
}

#[test]
fn what_moves_is_seen_at_once_and_for_two_seconds_more() {
    // A square of 1/26 of the width: from frame 50 to 59 on its way, then it stands.
    let pictures = (0..100).map(|index| match index {
        0..50 => grid(wall),
        50..60 => grid(square(100 + 20 * (index - 50), 24)),
        _ => grid(square(280, 24)),
    });
    let passed = passed(pictures);
    assert!((50..80).all(|it| passed.contains(&it)), "{passed:?}");
    assert!(!passed.contains(&49), "{passed:?}");
}

#[test]
fn a_camera_that_turns_is_seen() {
    let turned = |index: usize| {
        grid(move |x, y| 40 + (noise((x + 10 * index) / 40, y / 40, 0, 100) + 100) as u8)
    };
    let pictures = (0..60).map(|index| if index < 30 { turned(0) } else { turned(index) });
    let passed = passed(pictures);
    assert!((30..60).all(|it| passed.contains(&it)), "{passed:?}");
}

#[test]
fn what_is_smaller_than_the_area_passes_nothing() {
    let pictures = (0..60).map(|index| grid(square(if index < 30 { 100 } else { 106 }, 6)));
    assert!(!passed(pictures).contains(&31));
}

#[test]
fn light_that_changes_everywhere_is_no_motion() {
    let pictures = (0..100).map(|index| {
        let light = if index < 50 { 0 } else { 30 };
        grid(move |x, y| wall(x, y) + light)
    });
    let passed = passed(pictures);
    assert!(
        (50..59).all(|it| it % 10 == 0 || !passed.contains(&it)),
        "{passed:?}"
    );
}

#[test]
fn what_has_stopped_becomes_the_background() {
    let pictures = (0..900).map(|index| match index {
        0..50 => grid(wall),
        _ => grid(square(200, 60)),
    });
    let passed = passed(pictures);
    let late = passed.iter().filter(|it| **it >= 700).count();
    assert!((19..=21).contains(&late), "{late} of the last 200");
}

#[test]
fn times_that_go_back_and_other_sessions_begin_again() {
    let mut gate = MotionGate::default();
    let mut passes = |session, pts| {
        gate.enter(session);
        gate.passes(AREA, grid(wall), pts)
    };
    let second = 10 * STEP;
    assert!(passes(1, 0) && passes(1, 2 * second) && !passes(1, 2 * second + 5 * STEP));
    assert!(passes(1, second), "the times went back");
    assert!(passes(2, i64::MAX - 1), "another session");
    assert!(passes(2, i64::MAX) && passes(2, i64::MIN) && passes(2, i64::MAX));
}

#[test]
fn what_moves_in_an_ignored_area_or_outside_of_the_region_is_not_seen() {
    let moving = |index: usize| match index {
        0..50 => grid(wall),
        _ => grid(square(100 + 20 * (index - 50), 24)),
    };
    // The square goes from x = 100 to 280 of 640, and from y = 100 to 124 of 360.
    let passed = |areas: &Areas, orientation| {
        let mut gate = MotionGate::default();
        let passes = |index: &usize| {
            gate.watch(areas, orientation);
            gate.passes(AREA, moving(*index), *index as i64 * STEP)
        };
        (0..60).filter(passes).collect::<Vec<_>>()
    };
    let still: Vec<usize> = (0..=20).chain([30, 40, 50]).collect();
    let seen: Vec<usize> = (0..=20).chain([30, 40]).chain(50..60).collect();
    let ignoring = |values: &[f32]| Areas {
        region: None,
        ignored: Ignored::new(vec![Polygon::new(values).expect("points")]).expect("one"),
    };
    let upper_left = [0.0, 0.0, 0.5, 0.0, 0.5, 0.5, 0.0, 0.5];
    let lower_right = upper_left.map(|part| part + 0.5);
    let upright = Orientation::UPRIGHT;
    assert_eq!(passed(&Areas::default(), upright), seen);
    assert_eq!(passed(&ignoring(&upper_left), upright), still);
    assert_eq!(passed(&ignoring(&lower_right), upright), seen);
    // Areas are of the upright frame, and the grid is of the stored one.
    let turned = Orientation::new(180, false).expect("quarters");
    assert_eq!(passed(&ignoring(&lower_right), turned), still);
    assert_eq!(passed(&ignoring(&upper_left), turned), seen);
    let region = |edges| Areas {
        region: Region::new(edges),
        ignored: Ignored::default(),
    };
    assert_eq!(passed(&region([0.0, 0.0, 0.5, 0.5]), upright), seen);
    assert_eq!(passed(&region([0.5, 0.0, 1.0, 1.0]), upright), still);
    // Nothing is left to look at; nor where a region is between the centres of cells.
    let whole = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
    assert_eq!(passed(&ignoring(&whole), upright), still);
    let between = Areas {
        region: Region::new([0.158, 0.0, 0.163, 1.0]),
        ..ignoring(&whole)
    };
    assert_eq!(passed(&between, upright), still);
}

#[test]
fn other_areas_begin_again() {
    let mut gate = MotionGate::default();
    let mut passes = |areas: &Areas, index: i64| {
        gate.watch(areas, Orientation::UPRIGHT);
        gate.passes(AREA, grid(wall), index * STEP)
    };
    let whole = Areas::default();
    let left = Areas {
        region: Region::new([0.0, 0.0, 0.5, 1.0]),
        ..Areas::default()
    };
    assert!(passes(&whole, 0) && passes(&whole, 20) && !passes(&whole, 25));
    assert!(passes(&left, 26) && passes(&left, 27));
}

/// Whether a frame after those of the wall is seen to move, within a region.
fn is_seen_within(edges: [f32; 4], area: u32, moved: impl Fn(usize, usize) -> u8) -> bool {
    let areas = Areas {
        region: Region::new(edges),
        ignored: Ignored::default(),
    };
    let area = NonZeroU32::new(area).expect("not 0");
    let mut gate = MotionGate::default();
    let mut passes = |grid: LumaGrid, index: i64| {
        gate.watch(&areas, Orientation::UPRIGHT);
        gate.passes(area, grid, index * STEP)
    };
    for index in 0..=25 {
        passes(grid(wall), index);
    }
    assert!(!passes(grid(wall), 26));
    passes(grid(moved), 27)
}

#[test]
fn what_moves_in_a_region_of_few_cells_is_seen() {
    // Cells of 10 by 10 pixels.
    let within = |x1, y1, x2, y2| {
        move |x: usize, y: usize| {
            let is_inside = (x1..x2).contains(&x) && (y1..y2).contains(&y);
            if is_inside { 220 } else { wall(x, y) }
        }
    };
    let edges =
        |x1: f32, y1: f32, x2: f32, y2: f32| [x1 / 640.0, y1 / 360.0, x2 / 640.0, y2 / 360.0];
    // Two by two, of which five would have to change.
    let four = edges(100.0, 100.0, 120.0, 120.0);
    assert!(is_seen_within(four, 2000, within(100, 100, 120, 120)));
    assert!(is_seen_within(four, 2000, within(100, 100, 120, 110)));
    assert!(!is_seen_within(four, 2000, within(100, 100, 110, 110)));
    assert!(!is_seen_within(four, 2000, within(120, 100, 200, 200)));
    // Ten by ten, of which 115 would.
    let hundred = edges(100.0, 100.0, 200.0, 200.0);
    assert!(is_seen_within(hundred, 50_000, within(100, 100, 200, 200)));
    assert!(is_seen_within(hundred, 50_000, within(100, 100, 200, 150)));
    assert!(!is_seen_within(hundred, 50_000, within(100, 100, 200, 140)));
    // The light of the whole frame is no motion in them.
    assert!(!is_seen_within(four, 2000, |x, y| wall(x, y) + 40));
    // Between the centres of cells: the cell around its own centre is watched.
    let between = edges(106.0, 106.0, 109.0, 112.0);
    assert!(is_seen_within(between, 2000, within(100, 100, 110, 110)));
    assert!(!is_seen_within(between, 2000, within(110, 100, 200, 110)));
}
