//! What goes wrong costs only the frames that it concerns, and each is counted.

mod common;

use camweave_message::{Codec, Unit};
use camweave_vision::PixelFormat;
use common::{Bench, CAMERA, Clip, H264, Recipe, Shown, assert_exact, assert_picture, picture_of};

const H265_OPEN: Recipe<'static> = Recipe {
    codec: Codec::H265,
    // Four B frames between others wherever it may be, also before key frames.
    encoder: &[
        "-c:v",
        "libx265",
        "-x265-params",
        "keyint=20:b-adapt=0:bframes=4:scenecut=0:log-level=none",
    ],
    ..H264
};

/// Checks frames one by one against the pictures of their own units.
fn assert_pictures(clip: &Clip, shown: &[Shown]) {
    for shown in shown {
        assert_picture(clip, picture_of(clip, &shown.frame), shown);
    }
}

fn play_units(bench: &mut Bench, camera: &str, units: Vec<Unit>) -> Vec<Shown> {
    let (codec, next) = units
        .last()
        .map(|it| (it.codec, it.id.sequence + 1))
        .expect("units");
    let mut shown = Vec::new();
    for unit in units {
        shown.extend(bench.show(unit));
    }
    shown.extend(bench.show(bench.end(camera, codec, next as usize)));
    shown
}

fn units(bench: &Bench, camera: &str, clip: &Clip, from: usize) -> Vec<Unit> {
    let coded = clip.units.iter().enumerate().skip(from);
    coded
        .map(|(sequence, coded)| bench.unit(camera, clip.codec, sequence, coded))
        .collect()
}

#[test]
fn a_consumer_that_holds_all_slots_costs_frames_and_no_picture_after() {
    let clip = Recipe {
        frames: 120,
        ..CAMERA
    }
    .make();
    let mut bench = Bench::new(&[("SLOTS", "6")]);
    let mut held = Vec::new();
    let mut after = Vec::new();
    for (sequence, coded) in clip.units.iter().enumerate() {
        for frame in bench.feed(bench.unit("cam1", clip.codec, sequence, coded)) {
            if sequence < 50 {
                held.push(bench.hold(&frame));
            } else {
                after.push(bench.read(frame));
            }
        }
        if sequence == 49 {
            assert!(held.len() <= 6, "{}", held.len());
            assert_eq!(
                bench.camera("cam1").dropped["pool_exhausted"],
                50 - held.len() as u64
            );
            held.clear();
        }
    }
    assert_eq!(after.len(), 70, "every frame after the consumer let go");
    assert_pictures(&clip, &after);
    // The first that had been begun elsewhere was copied, later ones are direct again.
    assert!(bench.fact("copied_pictures") <= 1);
    bench.balance("cam1");
}

#[test]
fn what_a_consumer_holds_does_not_change_while_decoding_goes_on() {
    let clip = H264.make();
    let mut bench = Bench::new(&[]);
    let mut held = std::collections::VecDeque::new();
    let mut checked = 0;
    for (sequence, coded) in clip.units.iter().enumerate() {
        for frame in bench.feed(bench.unit("cam1", clip.codec, sequence, coded)) {
            held.push_back((bench.hold(&frame), frame));
        }
        while held.len() > 8 {
            let (slot, frame) = held.pop_front().expect("more than eight");
            let pixels = common::pixels(&frame.picture.layout, &slot);
            assert_pictures(&clip, &[Shown { frame, pixels }]);
            checked += 1;
        }
    }
    assert!(checked > 40);
    assert!(!bench.camera("cam1").dropped.contains_key("pool_exhausted"));
}

#[test]
fn joining_in_the_middle_of_a_group() {
    let clip = H264.make();
    let mut bench = Bench::new(&[]);
    let units = units(&bench, "cam1", &clip, 5);
    let shown = play_units(&mut bench, "cam1", units);
    let entry = clip
        .units
        .iter()
        .skip(5)
        .position(|it| it.keyframe)
        .expect("an entry point");
    assert_eq!(bench.balance("cam1")["before_keyframe"], entry as u64);
    assert_eq!(shown.len(), 60 - 5 - entry);
    assert_pictures(&clip, &shown);
}

#[test]
fn leading_pictures_after_an_entry_that_refer_to_what_was_missed() {
    let clip = H265_OPEN.make();
    let mut bench = Bench::new(&[]);
    let units = units(&bench, "cam1", &clip, 1);
    let shown = play_units(&mut bench, "cam1", units);
    let dropped = bench.balance("cam1");
    let entry = clip
        .units
        .iter()
        .skip(1)
        .position(|it| it.keyframe)
        .expect("an entry point")
        + 1;
    let before = clip.units[entry].pts_nanos;
    let leading = clip.units[entry..]
        .iter()
        .filter(|it| it.pts_nanos < before)
        .count();
    assert!(leading > 0, "the clip has leading pictures");
    assert_eq!(dropped["undecodable"], leading as u64);
    assert_eq!(shown.len(), 60 - entry - leading);
    assert_pictures(&clip, &shown);
}

#[test]
fn a_backlog_that_was_dropped_before_an_entry_leaves_no_wrong_picture() {
    let clip = H265_OPEN.make();
    let mut bench = Bench::new(&[]);
    let entries: Vec<_> = (0..60).filter(|&unit| clip.units[unit].keyframe).collect();
    let mut units = units(&bench, "cam1", &clip, 0);
    units.drain(entries[1] - 6..entries[1]);
    let shown = play_units(&mut bench, "cam1", units);
    assert_pictures(&clip, &shown);
    let dropped = bench.balance("cam1");
    assert!(dropped["undecodable"] > 0);
    assert!(shown.len() > 40, "{}", shown.len());
}

#[test]
fn a_lost_unit_costs_the_picture_after_it_and_decoding_goes_on_at_once() {
    let clip = CAMERA.make();
    for announced in [false, true] {
        let mut bench = Bench::new(&[]);
        let mut units = units(&bench, "cam1", &clip, 0);
        if announced {
            // The network lost packets, and the source knows: sequences have no gap.
            units.remove(25);
            units[25].lost_packets = 3;
            for (sequence, unit) in units.iter_mut().enumerate() {
                unit.id.sequence = sequence as u64;
            }
        } else {
            units.remove(25);
        }
        let shown = play_units(&mut bench, "cam1", units);
        let dropped = bench.balance("cam1");
        let corrupt = dropped["corrupt"];
        assert!(
            (1..15).contains(&corrupt),
            "not up to the next key frame: {dropped:?}"
        );
        assert_eq!(shown.len() as u64, 59 - corrupt);
        // From the next key frame on, all is well.
        let after = |shown: &&Shown| shown.frame.id.pts_nanos >= clip.units[40].pts_nanos;
        let well: Vec<_> = shown.iter().filter(after).collect();
        assert_eq!(well.len(), 20);
        for (index, shown) in well.iter().enumerate() {
            common::assert_same(&clip.pictures[40 + index], &shown.pixels, 40 + index);
        }
        if !announced {
            assert_eq!(bench.camera("cam1").errors["sequence_gap"], 1);
        }
    }
}

#[test]
fn a_truncated_unit_is_not_shown() {
    let clip = CAMERA.make();
    let mut bench = Bench::new(&[]);
    let mut units = units(&bench, "cam1", &clip, 0);
    let half = units[25].data.len() / 2;
    units[25].data = units[25].data.slice_with_length(0, half);
    let shown = play_units(&mut bench, "cam1", units);
    assert!(shown.iter().all(|it| it.frame.id.sequence != 25));
    let dropped = bench.balance("cam1");
    let damaged = dropped.get("corrupt").unwrap_or(&0) + dropped.get("decode_error").unwrap_or(&0);
    assert!(damaged >= 1, "{dropped:?}");
    let sound: Vec<_> = shown
        .into_iter()
        .filter(|it| !(25..40).contains(&it.frame.id.sequence))
        .collect();
    assert_eq!(sound.len(), 45);
    assert_pictures(&clip, &sound);
}

/// Bytes without order, the same in each run.
fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn garbage_of_any_kind_and_codec() {
    for (codec, clip) in [
        (Codec::H264, CAMERA.make()),
        (Codec::H265, H265_OPEN.make()),
    ] {
        let mut bench = Bench::new(&[]);
        // No decoder is opened for garbage.
        bench.feed(bench.unit("cam1", codec, 0, &clip.units[0]));
        let mut sequence = 1;
        for round in 0..60_u64 {
            let mut coded = clip.units[(round % 60) as usize].clone();
            match round % 6 {
                0 => coded.data = noise(1000, round),
                1 => coded.data = [vec![0, 0, 0, 1, 0x67], noise(200, round)].concat(),
                2 => coded.data.truncate(5),
                3 => {
                    let (from, noise) = (coded.data.len() / 2, noise(64, round));
                    let length = noise.len().min(coded.data.len() - from);
                    coded.data[from..from + length].copy_from_slice(&noise[..length]);
                }
                4 => coded.data = vec![0],
                _ => {}
            }
            coded.keyframe |= round % 7 == 0;
            bench.feed(bench.unit("cam1", codec, sequence, &coded));
            sequence += 1;
        }
        bench.feed(bench.end("cam1", codec, sequence));
        // The camera comes to its senses.
        bench.new_session("cam1");
        let shown = bench.play("cam1", &clip);
        assert_exact(&clip, &shown);
        let dropped = bench.balance("cam1");
        assert!(dropped["decode_error"] > 0, "{dropped:?}");
        assert!(bench.camera("cam1").errors["decode"] > 0);
    }
}

#[test]
fn a_broken_camera_does_not_touch_its_neighbour() {
    let clip = H264.make();
    let mut bench = Bench::new(&[("THREADS", "1")]);
    let mut shown = Vec::new();
    for (sequence, coded) in clip.units.iter().enumerate() {
        let mut broken = coded.clone();
        broken.data = noise(5000, sequence as u64);
        assert!(
            bench
                .feed(bench.unit("broken", clip.codec, sequence, &broken))
                .is_empty()
        );
        shown.extend(bench.show(bench.unit("sound", clip.codec, sequence, coded)));
    }
    shown.extend(bench.show(bench.end("sound", clip.codec, 60)));
    assert_exact(&clip, &shown);
    assert!(bench.balance("sound").is_empty());
    assert_eq!(bench.camera("broken").sent, 0);
    bench.close();
    bench.balance("broken");
}

#[test]
fn many_cameras_on_few_threads_stay_in_order() {
    let clip = H264.make();
    let mut bench = Bench::new(&[("THREADS", "3")]);
    let cameras: Vec<_> = (0..7).map(|index| format!("cam{index}")).collect();
    let mut shown: Vec<Vec<Shown>> = cameras.iter().map(|_| Vec::new()).collect();
    for sequence in 0..=60 {
        for camera in &cameras {
            let unit = match clip.units.get(sequence) {
                Some(coded) => bench.unit(camera, clip.codec, sequence, coded),
                None => bench.end(camera, clip.codec, sequence),
            };
            for item in bench.show(unit) {
                let index = cameras.iter().position(|it| **it == *item.frame.id.camera);
                shown[index.expect("a known camera")].push(item);
            }
        }
    }
    let mut pools = std::collections::HashSet::new();
    for (camera, shown) in cameras.iter().zip(&shown) {
        assert_exact(&clip, shown);
        bench.balance(camera);
        pools.insert(shown[0].frame.picture.slot.pool.clone());
    }
    assert_eq!(pools.len(), 7, "each camera has a pool of its own");
}

#[test]
fn a_new_session_gives_out_what_was_held_back_and_begins_anew() {
    let clip = H264.make();
    let mut bench = Bench::new(&[]);
    let mut shown = Vec::new();
    for (sequence, coded) in clip.units.iter().enumerate().take(30) {
        shown.extend(bench.show(bench.unit("cam1", clip.codec, sequence, coded)));
    }
    assert!(shown.len() < 30, "B frames are held back");
    bench.new_session("cam1");
    // In the middle of a group: nothing of the old session serves the new one.
    let rest = bench.show(bench.unit("cam1", clip.codec, 0, &clip.units[30]));
    shown.extend(rest);
    let mut of_first: Vec<_> = clip
        .unit_of_picture
        .iter()
        .copied()
        .filter(|&it| it < 30)
        .collect();
    let found: Vec<_> = shown
        .iter()
        .map(|it| it.frame.id.sequence as usize)
        .collect();
    of_first.truncate(found.len());
    assert_eq!(found, of_first);
    assert_eq!(shown.len(), 30);
    // A picture without its future references, at the end, may lack nothing: all are exact.
    assert_pictures(&clip, &shown);
    bench.close();
    assert_eq!(bench.balance("cam1")["before_keyframe"], 1);
}

#[test]
fn close_gives_out_what_was_held_back() {
    let clip = H264.make();
    let mut bench = Bench::new(&[]);
    let mut count = 0;
    for (sequence, coded) in clip.units.iter().enumerate() {
        count += bench
            .feed(bench.unit("cam1", clip.codec, sequence, coded))
            .len();
    }
    assert!(count < 60);
    let last: Vec<_> = bench
        .close()
        .into_iter()
        .map(|frame| bench.read(frame))
        .collect();
    assert_eq!(count + last.len(), 60);
    assert_pictures(&clip, &last);
    bench.balance("cam1");
}

#[test]
fn a_picture_that_is_larger_than_allowed_is_refused_by_its_size() {
    let small = H264.make();
    for codec in [Codec::H264, Codec::H265] {
        let encoder = match codec {
            Codec::H264 => H264.encoder,
            _ => &["-c:v", "libx265", "-x265-params", "log-level=none"],
        };
        let large = Recipe {
            codec,
            encoder,
            size: (1024, 64),
            frames: 5,
            ..H264
        }
        .make();
        let mut bench = Bench::new(&[("MAX_WIDTH", "320"), ("MAX_HEIGHT", "180")]);
        assert!(bench.play("large", &large).is_empty());
        let errors = bench.camera("large").errors;
        assert!(errors["too_large"] >= 1, "{errors:?}");
        bench.balance("large");
        assert_exact(&small, &bench.play("small", &small));
    }
}

#[test]
fn wrong_settings_are_named() {
    use camweave_stage::{Context, Declared, Stage};
    use camweave_sw_decode::SwDecode;
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let context = Context::for_tests("decode", folder.path());
    for (name, value) in [
        ("THREADS", "-1"),
        ("SLOTS", "5000"),
        ("MAX_WIDTH", "8"),
        ("MAX_HEIGHT", "x"),
    ] {
        let error = SwDecode::open_declared(&Declared::of([(name, value)]), &context)
            .err()
            .expect("a wrong value")
            .to_string();
        assert!(error.contains(name) && error.contains(value), "{error}");
    }
}

#[test]
fn pictures_in_own_memory_are_dropped_as_well_when_no_slot_is_free() {
    let encoder = [
        "-pix_fmt",
        "yuv420p10le",
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=none",
    ];
    let clip = Recipe {
        codec: Codec::H265,
        encoder: &encoder,
        pixels: "p010le",
        ..H264
    }
    .make();
    let mut bench = Bench::new(&[("SLOTS", "4")]);
    let mut held = Vec::new();
    for (sequence, coded) in clip.units.iter().enumerate() {
        for frame in bench.feed(bench.unit("cam1", clip.codec, sequence, coded)) {
            assert_eq!(frame.picture.layout.format, PixelFormat::P010);
            held.push(bench.hold(&frame));
        }
    }
    assert_eq!(held.len(), 4);
    drop(held);
    bench.feed(bench.end("cam1", clip.codec, 60));
    assert!(bench.balance("cam1")["pool_exhausted"] >= 50);
}
