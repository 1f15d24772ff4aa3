//! Truth against pixels, and scenes against themselves.

use std::collections::BTreeMap;

use super::*;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;

fn scene(seed: u64) -> Scene {
    Scene::new(seed, WIDTH, HEIGHT).expect("640x360 is a valid size")
}

/// An object drawn alone onto a whole, empty canvas that reaches a frame beyond each edge, without the sprite's bounds:
/// (pixels, box inside the frame).
fn measure_alone(scene: &Scene, object: &Placed) -> (u32, Option<[f32; 4]>) {
    let (width, height) = (WIDTH as i32, HEIGHT as i32);
    let mut pixels = vec![0; (width * 3 * height * 3 * 4) as usize];
    let pixmap =
        PixmapMut::from_bytes(&mut pixels, WIDTH * 3, HEIGHT * 3).expect("the canvas has its size");
    let mut brush = Brush::new(pixmap, [-width, -height], &scene.view, &scene.light);
    object
        .actor
        .model
        .draw(&mut brush, object.actor.pose, object.actor.motion);
    let (mut count, mut bbox) = (0, None::<[f32; 4]>);
    for y in -height..2 * height {
        for x in -width..2 * width {
            let index = ((y + height) * width * 3 + x + width) as usize * 4;
            if pixels[index + 3] < 128 {
                continue;
            }
            count += 1;
            if (0..width).contains(&x) && (0..height).contains(&y) {
                let (x, y) = (x as f32, y as f32);
                let b = bbox.get_or_insert([x, y, x + 1.0, y + 1.0]);
                *b = [
                    b[0].min(x),
                    b[1].min(y),
                    b[2].max(x + 1.0),
                    b[3].max(y + 1.0),
                ];
            }
        }
    }
    (count, bbox)
}

#[test]
fn same_seed_and_time_give_the_same_bytes_in_any_order() {
    let times = [0.0, 7.3, 31.9, 2.05, 7.3];
    for seed in [3, 1_000_001] {
        let (first, second) = (scene(seed), scene(seed));
        let (mut a, mut b) = (Canvas::new(WIDTH, HEIGHT), Canvas::new(WIDTH, HEIGHT));
        let forward: Vec<_> = times
            .iter()
            .map(|t| (first.render(*t, &mut a), a.rgba().to_vec()))
            .collect();
        for (time, expected) in times.iter().zip(&forward).rev() {
            let truth = second.render(*time, &mut b);
            assert_eq!(truth, expected.0, "seed {seed} at {time} s");
            assert!(
                b.rgba() == expected.1,
                "seed {seed} at {time} s: pixels differ"
            );
        }
        assert_ne!(forward[0].1, forward[1].1, "seed {seed}: nothing moves");
    }
    assert_ne!(scene(3).backdrop, scene(4).backdrop);
}

#[test]
fn boxes_and_areas_are_those_of_the_object_drawn_alone() {
    let mut compared = 0;
    let mut sprite = Vec::new();
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    for seed in 0..6 {
        let scene = scene(seed);
        for time in [1.0, 13.0] {
            let truth = scene.render(time, &mut canvas);
            for object in scene.placed(time) {
                let (count, bbox) = measure_alone(&scene, &object);
                let found = truth.iter().find(|t| t.track_id == object.actor.track_id);
                assert_eq!(
                    found.map(|t| t.bbox),
                    bbox,
                    "seed {seed} at {time} s: {object:?}"
                );
                let Some(found) = found else { continue };
                scene.draw_sprite(&object, &mut sprite);
                let area = canvas.measure(&sprite, object.rect).pixels;
                // Positions relative to another origin may round a pixel over the threshold.
                assert!(
                    area.abs_diff(count) <= 2,
                    "seed {seed} at {time} s: {area} of {count} pixels: {object:?}"
                );
                assert!(found.visible <= 1.0, "{found:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 60, "only {compared} objects");
}

#[test]
fn visible_pixels_are_those_that_the_object_changes() {
    // An object in front of everything keeps all its pixels inside the frame; the owner map agrees with the count.
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    for seed in 0..8 {
        let scene = scene(seed);
        let truth = scene.render(20.0, &mut canvas);
        let placed = scene.placed(20.0);
        for object in &truth {
            let index = placed
                .iter()
                .position(|p| p.actor.track_id == object.track_id)
                .expect("it was placed");
            let owned = canvas
                .owners
                .iter()
                .filter(|owner| usize::from(**owner) == index + 1)
                .count();
            let (count, _) = measure_alone(&scene, &placed[index]);
            let share = owned as f32 / count as f32;
            assert!(
                (share - object.visible).abs() < 2.5 / count as f32,
                "seed {seed}: {owned} of {count}: {:?} {object:?}",
                placed[index]
            );
            let [x1, y1, x2, y2] = object.bbox.map(|edge| edge as usize);
            let inside = (y1..y2)
                .flat_map(|y| canvas.owners[y * WIDTH as usize..][x1..x2].iter())
                .filter(|owner| usize::from(**owner) == index + 1)
                .count();
            assert_eq!(
                inside, owned,
                "seed {seed}: pixels outside the box of {object:?}"
            );
        }
    }
}

#[test]
fn tracks_are_continuous_and_keep_their_class() {
    for seed in [0, 5, 9, 21, 1_001_002] {
        let scene = scene(seed);
        let mut canvas = Canvas::new(WIDTH, HEIGHT);
        // Track id: class, last frame seen, last box.
        let mut tracks: BTreeMap<u32, (u32, u32, [f32; 4])> = BTreeMap::new();
        for frame in 0..400 {
            let truth = scene.render(f64::from(frame) / 10.0, &mut canvas);
            assert!(
                truth
                    .windows(2)
                    .all(|pair| pair[0].track_id < pair[1].track_id),
                "seed {seed}: ids repeat"
            );
            for object in truth {
                assert!((0.0..=1.0).contains(&object.visible), "{object:?}");
                let [x1, y1, x2, y2] = object.bbox;
                assert!(
                    x1 >= 0.0
                        && y1 >= 0.0
                        && x1 < x2
                        && y1 < y2
                        && x2 <= WIDTH as f32
                        && y2 <= HEIGHT as f32
                );
                let track =
                    tracks
                        .entry(object.track_id)
                        .or_insert((object.class_id, frame, object.bbox));
                assert_eq!(
                    track.0, object.class_id,
                    "seed {seed}: track {} changes class",
                    object.track_id
                );
                // A leg that swings over the frame's edge comes and goes.
                let on_edge = x1 == 0.0 || y1 == 0.0 || x2 == WIDTH as f32 || y2 == HEIGHT as f32;
                let gap = frame - track.1;
                assert!(
                    gap <= 1 || (on_edge && gap < 15),
                    "seed {seed}: track {} comes back after {gap}",
                    object.track_id
                );
                let jump = (track.2[0] - x1).abs().min((track.2[2] - x2).abs());
                assert!(
                    jump < 120.0,
                    "seed {seed}: track {} jumps {jump} px in a frame",
                    object.track_id
                );
                *track = (object.class_id, frame, object.bbox);
            }
        }
        assert!(tracks.len() > 10, "seed {seed}: {} tracks", tracks.len());
    }
}

#[test]
fn every_class_appears_and_things_hide_each_other() {
    for seed in [1, 2, 8, 30, 1_001_001] {
        let scene = scene(seed);
        let mut canvas = Canvas::new(WIDTH, HEIGHT);
        let mut counted = [0; CLASS_NAMES.len()];
        let mut half_hidden = 0;
        for second in 0..60 {
            for object in scene.render(f64::from(second), &mut canvas) {
                if !object.ignore {
                    counted[object.class_id as usize] += 1;
                }
                let [x1, y1, x2, y2] = object.bbox;
                let inside = x1 > 0.0 && y1 > 0.0 && x2 < WIDTH as f32 && y2 < HEIGHT as f32;
                half_hidden += usize::from(inside && object.visible < 0.6);
            }
        }
        assert!(
            counted.iter().all(|n| *n > 0),
            "seed {seed}: objects by class {counted:?}"
        );
        assert!(
            half_hidden > 5,
            "seed {seed}: {half_hidden} objects hidden by others"
        );
    }
}

#[test]
fn a_larger_frame_shows_the_same_objects_larger() {
    let (small, large) = (
        scene(11),
        Scene::new(11, WIDTH * 2, HEIGHT * 2).expect("1280x720 is a valid size"),
    );
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let small: Vec<_> = small.render(12.0, &mut canvas);
    let large: Vec<_> = large.render(12.0, &mut canvas);
    assert_eq!((canvas.width(), canvas.height()), (WIDTH * 2, HEIGHT * 2));
    let mut compared = 0;
    for object in small.iter().filter(|o| !o.ignore) {
        let other = large
            .iter()
            .find(|o| o.track_id == object.track_id)
            .expect("the larger frame shows it too");
        for (a, b) in object.bbox.iter().zip(other.bbox) {
            assert!((a * 2.0 - b).abs() < 5.0, "{object:?} and {other:?}");
        }
        compared += 1;
    }
    assert!(compared > 2, "{compared} objects");
}

#[test]
fn unusable_sizes_are_refused_by_name() {
    for (width, height) in [(641, 360), (640, 361), (0, 0), (62, 64), (4098, 360)] {
        let error = Scene::new(1, width, height).expect_err("this size is not usable");
        assert!(
            error.to_string().contains(&format!("{width}x{height}")),
            "{error}"
        );
    }
}

#[test]
fn times_that_are_no_numbers_are_the_start() {
    let scene = scene(1);
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let start = scene.render(0.0, &mut canvas);
    for time in [f64::NAN, f64::INFINITY, -5.0] {
        assert_eq!(scene.render(time, &mut canvas), start);
    }
    assert!(
        !scene
            .render(3.0e7, &mut canvas)
            .iter()
            .any(|o| o.bbox.iter().any(|edge| !edge.is_finite()))
    );
}

#[test]
fn yuv_of_known_colours() {
    // ITU-R BT.709, limited range: (Y, Cb, Cr) of white, black, and the primaries.
    let known = [
        ([255, 255, 255], [235, 128, 128]),
        ([0, 0, 0], [16, 128, 128]),
        ([255, 0, 0], [63, 102, 240]),
        ([0, 255, 0], [173, 42, 26]),
        ([0, 0, 255], [32, 240, 118]),
    ];
    for (rgb, yuv) in known {
        let mut canvas = Canvas::new(64, 64);
        for pixel in canvas.rgba.chunks_exact_mut(4) {
            pixel.copy_from_slice(&[rgb[0], rgb[1], rgb[2], 255]);
        }
        let (mut y, mut u, mut v) = (vec![0; 80 * 64], vec![0; 40 * 32], vec![0; 40 * 32]);
        canvas.write_yuv420(Yuv420Planes {
            y: (&mut y, 80),
            u: (&mut u, 40),
            v: (&mut v, 40),
        });
        for (plane, row, value) in [(&y, 80, yuv[0]), (&u, 40, yuv[1]), (&v, 40, yuv[2])] {
            let last = plane.len() - row + row * 4 / 5 - 1;
            for index in [0, last] {
                assert!(
                    i32::from(plane[index]).abs_diff(value) <= 1,
                    "{rgb:?}: {} for {value}",
                    plane[index]
                );
            }
        }
    }
}
