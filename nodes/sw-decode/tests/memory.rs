//! What cameras may cost in memory.

mod common;

use camweave_message::{Codec, Selection};
use camweave_stage::Stage;
use common::{Bench, CAMERA, Clip, Coded, Recipe};

fn clip(size: (u32, u32), frames: u32) -> Clip {
    Recipe {
        size,
        frames,
        ..CAMERA
    }
    .make()
}

/// Bytes of this process in shared memory: that of all pools.
fn pool_bytes() -> u64 {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux tells the mappings");
    maps.lines()
        .filter(|line| line.contains("camweave-data:"))
        .filter_map(|line| {
            let (from, to) = line.split(' ').next()?.split_once('-')?;
            let parse = |text| u64::from_str_radix(text, 16).ok();
            Some(parse(to)? - parse(from)?)
        })
        .sum()
}

#[test]
fn two_sizes_in_turns_take_two_pools_and_all_frames_come() {
    let (small, large) = (clip((320, 180), 1), clip((640, 360), 1));
    let mut bench = Bench::new(&[("CAMERA_MB", "16")]);
    let mut frames = 0;
    let mut most = 0;
    for sequence in 0..100 {
        let clip = if sequence % 2 == 0 { &small } else { &large };
        let unit = bench.unit("cam1", clip.codec, sequence, &clip.units[0]);
        frames += bench.feed(unit).len();
        most = most.max(pool_bytes());
    }
    assert_eq!(frames, 100, "{:?}", bench.balance("cam1"));
    assert!(most <= 16 << 20, "{most} bytes of pools");
}

#[test]
fn pictures_that_need_more_than_a_camera_may_have_are_named_and_cost_nobody_else() {
    let (large, small) = (clip((1920, 1080), 3), clip((320, 180), 3));
    let mut bench = Bench::new(&[("CAMERA_MB", "8")]);
    assert!(bench.play("large", &large).is_empty());
    let dropped = bench.balance("large");
    assert!(dropped["too_large"] >= 1, "{dropped:?}");
    assert!(bench.camera("large").errors["too_large"] >= 1);
    assert_eq!(pool_bytes(), 0);
    assert_eq!(bench.play("small", &small).len(), 3);
}

#[test]
fn keyframes_without_parameter_sets_open_no_decoder() {
    let mut bench = Bench::new(&[]);
    let resident = || -> u64 {
        let text = std::fs::read_to_string("/proc/self/statm").expect("Linux tells the memory");
        let pages = text.split(' ').nth(1).and_then(|it| it.parse::<u64>().ok());
        pages.expect("a number") * 4096
    };
    let garbage = Coded {
        data: b"\0\0\0\x01\x65\x88\x84abc".to_vec(),
        keyframe: true,
        pts_nanos: 0,
    };
    let before = resident();
    for number in 0..1000 {
        let camera = format!("mc{number}");
        bench.feed(bench.unit(&camera, Codec::H264, 0, &garbage));
        assert_eq!(bench.balance(&camera)["before_keyframe"], 1);
    }
    let grown = resident().saturating_sub(before);
    assert!(
        grown < 32 << 20,
        "1,000 cameras that are none take {grown} bytes"
    );
}

#[test]
fn a_camera_that_is_gone_gives_its_memory_back_and_may_come_again() {
    let clip = clip((320, 180), 3);
    let mut bench = Bench::new(&[]);
    for coded in &clip.units {
        bench.feed(bench.unit("cam1", clip.codec, 0, coded));
    }
    assert!(pool_bytes() > 0);
    assert_eq!(bench.stage.cameras(), 1);
    // Twice: the session ends, then the camera is forgotten.
    for _ in 0..200 {
        bench.stage.let_go(std::time::Duration::ZERO);
        if bench.stage.cameras() == 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!((bench.stage.cameras(), pool_bytes()), (0, 0));
    bench.new_session("cam1");
    assert_eq!(bench.play("cam1", &clip).len(), 3);
}

/// What the source sends last of a camera that is removed: a session's end that is not selected.
#[test]
fn cameras_that_are_added_and_removed_leave_nothing() {
    let clip = clip((320, 180), 3);
    let mut bench = Bench::new(&[]);
    let idle = |bench: &mut Bench, cameras: usize| {
        let begin = std::time::Instant::now();
        while bench.stage.cameras() > cameras {
            let mut out = camweave_stage::Output::default();
            bench.stage.tick(&mut out).expect("it goes on");
            assert!(begin.elapsed().as_secs() < 60, "{}", bench.stage.cameras());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    };
    // Nobody reads: a consumer in this process would keep what it has mapped for a moment.
    let play = |bench: &mut Bench, id: &str| {
        let units = clip.units.iter().enumerate();
        let units = units.map(|(sequence, coded)| bench.unit(id, clip.codec, sequence, coded));
        let units: Vec<_> = units.collect();
        units
            .into_iter()
            .map(|it| bench.feed(it).len())
            .sum::<usize>()
    };
    assert_eq!(play(&mut bench, "stays"), 3);
    let one = pool_bytes();
    for round in 0..5 {
        for number in 0..40 {
            let id = if round % 2 == 0 {
                format!("cam{number}")
            } else {
                "again".to_owned()
            };
            if round % 2 == 1 {
                bench.new_session(&id);
            }
            assert_eq!(play(&mut bench, &id), 3);
            let mut end = bench.end(&id, clip.codec, 3);
            end.selection = Selection::Off;
            bench.feed(end);
        }
        idle(&mut bench, 1);
        assert_eq!(pool_bytes(), one, "round {round}");
        for number in 0..40 {
            bench.new_session(&format!("cam{number}"));
        }
    }
}

/// Switched off and on again within a session, it goes on at the next keyframe.
#[test]
fn a_camera_that_is_switched_off_needs_no_memory() {
    let clip = clip((320, 180), 3);
    let mut bench = Bench::new(&[]);
    let mut sequence = 0;
    let mut send = |bench: &mut Bench, selection: Selection, index: usize| {
        let mut unit = bench.unit("cam1", clip.codec, sequence, &clip.units[index]);
        sequence += 1;
        unit.selection = selection;
        bench.feed(unit).len()
    };
    assert_eq!(send(&mut bench, Selection::All, 0), 1);
    let begin = std::time::Instant::now();
    while pool_bytes() > 0 {
        assert_eq!(send(&mut bench, Selection::Off, 1), 0);
        assert!(begin.elapsed().as_secs() < 60);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // Counted without a decoder.
    assert_eq!(send(&mut bench, Selection::Off, 1), 0);
    assert_eq!(bench.stage.cameras(), 0);
    assert_eq!(send(&mut bench, Selection::All, 1), 0);
    assert_eq!(send(&mut bench, Selection::All, 0), 1);
    let dropped = bench.balance("cam1");
    assert_eq!(dropped["before_keyframe"], 1, "{dropped:?}");
    assert!(dropped["not_selected"] >= 2, "{dropped:?}");
}

#[test]
fn cameras_that_come_once_do_not_fill_the_memory_and_take_nothing_from_others() {
    const ONCE: usize = 150;
    let (once, good) = (clip((320, 180), 1), clip((320, 180), 30));
    let mut bench = Bench::new(&[]);
    let mut frames = std::collections::HashMap::<String, usize>::new();
    let mut most = 0;
    // The good camera first, as in a run; then an id that is new with each of its frames.
    let mut feed = |bench: &mut Bench, units: Vec<camweave_message::Unit>| {
        for unit in &units {
            bench.context.counters.received(&unit.id.camera);
        }
        let mut out = camweave_stage::Output::default();
        bench.stage.rows(units, &mut out).expect("it goes on");
        for frame in out.take().concat() {
            *frames.entry(frame.id.camera.to_string()).or_default() += 1;
        }
        most = most.max(bench.stage.cameras());
        frames.len()
    };
    for (sequence, coded) in good.units.iter().enumerate() {
        let mut units = vec![bench.unit("good", good.codec, sequence, coded)];
        for number in 0..ONCE / good.units.len() {
            let camera = format!("once{}", sequence * ONCE / good.units.len() + number);
            units.push(bench.unit(&camera, once.codec, 0, &once.units[0]));
        }
        feed(&mut bench, units);
    }
    let begin = std::time::Instant::now();
    while feed(&mut bench, Vec::new()) < ONCE + 1 {
        let waited = begin.elapsed();
        assert!(
            waited < std::time::Duration::from_secs(60),
            "{most} decoders"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(most <= 66, "{most} cameras had a decoder at once");
    assert_eq!(frames["good"], 30);
}

#[test]
fn pictures_that_the_decoder_keeps_itself_count_as_well() {
    // 4:2:2 of 10 bits goes to consumers as a copy; libavcodec keeps 16 pictures of 4 bytes a pixel.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.h264");
    common::ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=1920x1080:r=10:d=0.5",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-refs",
        "16",
        "-pix_fmt",
        "yuv422p10le",
        "-level",
        "6.2",
        "-g",
        "5",
        file.to_str().expect("UTF-8"),
    ]);
    let coded = Coded {
        data: std::fs::read(&file).expect("made"),
        keyframe: true,
        pts_nanos: 0,
    };
    for (megabytes, fits) in [("64", false), ("256", true)] {
        let mut bench = Bench::new(&[("CAMERA_MB", megabytes)]);
        // Parameter sets and the first picture; more in one unit is ignored.
        let frames = bench.feed(bench.unit("cam1", Codec::H264, 0, &coded)).len();
        let frames = frames + bench.close().len();
        let dropped = bench.balance("cam1").get("too_large").copied().unwrap_or(0);
        assert_eq!((frames > 0, dropped > 0), (fits, !fits), "{megabytes}");
    }
}
