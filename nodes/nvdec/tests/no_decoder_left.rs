//! More cameras than the chip opens decoders for: those that come too late wait, and one of them
//! gets the next that is given up.

#[path = "../../../crates/nvdec/tests/clips/mod.rs"]
mod clips;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use camweave_message::{CapturedClock, Codec, FrameId, Unit};
use camweave_nvdec_node::NvDec;
use camweave_stage::{Context, Declared, Output, Stage};
use camweave_testing::{frame_id, unit};
use clips::Clip;

/// More than any chip that was measured opens.
const CAMERAS: usize = 400;
/// The larger clip is refused before a decoder is opened for it.
const MAX_WIDTH: &str = "1000";

struct Bench {
    stage: NvDec,
    context: Context,
    frames: BTreeMap<String, usize>,
}

impl Bench {
    /// Plays a clip as a session, and waits until the stage has done what it can with it.
    fn play(&mut self, camera: &str, session: i64, codec: Codec, clip: &Clip) {
        let mut out = Output::default();
        let units = clip.units.iter().enumerate().map(|(sequence, coded)| {
            self.context.counters.received(camera);
            Unit {
                id: FrameId {
                    session_unix_nanos: session,
                    captured_clock: CapturedClock::File,
                    ..frame_id(camera, sequence as u64)
                },
                trace: self.context.new_trace(),
                codec,
                keyframe: sequence == 0,
                data: coded.data.clone().into(),
                ..unit(camera, 0)
            }
        });
        let units: Vec<Unit> = units.collect();
        self.stage.rows(units, &mut out).expect("the stage goes on");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.stage.is_idle() {
            assert!(Instant::now() < deadline, "the stage hangs");
            std::thread::sleep(Duration::from_micros(200));
            self.stage.tick(&mut out).expect("the stage goes on");
        }
        self.stage.tick(&mut out).expect("the stage goes on");
        for frame in out.take().into_iter().flatten() {
            *self.frames.entry(frame.id.camera.to_string()).or_default() += 1;
        }
    }

    fn waits(&self, camera: &str) -> bool {
        let report = self.context.counters.report();
        let state = report.cameras.get(camera).and_then(|it| it.state.clone());
        state.as_deref() == Some("waits for a decoder")
    }
}

#[test]
fn a_camera_beyond_the_last_decoder_waits_and_gets_the_next_that_is_given_up() {
    if camweave_cuda::testing::device().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let context = Context::for_tests("decode", folder.path());
    let declared = Declared::of([("MAX_WIDTH", MAX_WIDTH)]);
    let stage = NvDec::open_declared(&declared, &context).expect("a device");
    // Streams of VP9 have a decoder each.
    let (vp9, large) = (clips::get("vp9"), clips::get("h264-1080p-cropped"));
    assert!(vp9.units.len() >= 8, "a camera of fewer units is a new one");
    let mut bench = Bench {
        stage,
        context,
        frames: BTreeMap::new(),
    };
    let names = (0..CAMERAS).map(|index| format!("cam{index}"));
    let late = names.into_iter().find(|camera| {
        bench.play(camera, 1, Codec::Vp9, &vp9);
        bench.waits(camera)
    });
    let Some(late) = late else {
        println!("this chip opens {CAMERAS} decoders, so none waits");
        return;
    };
    println!("{late} is the first that waits");
    let counted = |bench: &Bench, camera: &str, reason: &str| {
        let report = bench.context.counters.report();
        report.cameras[camera].dropped.get(reason).copied()
    };
    let all = Some(vp9.units.len() as u64);
    assert_eq!(counted(&bench, &late, "no_decoder_left"), all);
    assert_eq!(bench.frames.get(&late), None);
    // Those that have one go on.
    let before = bench.frames["cam1"];
    bench.play("cam1", 2, Codec::Vp9, &vp9);
    assert!(bench.frames["cam1"] > before);
    // Another codec, and too large for this stage: the first camera's decoder is given up.
    bench.play("cam0", 2, Codec::H264, &large);
    bench.play(&late, 2, Codec::Vp9, &vp9);
    assert!(bench.frames.contains_key(&late), "it has no decoder yet");
    assert!(!bench.waits(&late));
    assert_eq!(counted(&bench, &late, "no_decoder_left"), all);
}
