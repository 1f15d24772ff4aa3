//! Cameras that are detected on while something moves. On a device: of a clip that stands still one
//! frame a second leaves the stage, of one that moves all do.

#[path = "../../../crates/nvdec/tests/clips/mod.rs"]
mod clips;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use camweave_message::{CapturedClock, Codec, FrameId, Unit};
use camweave_nvdec_node::{NvDec, NvdecSettings};
use camweave_stage::{Context, Output, Stage};
use camweave_testing::{frame_id, unit};
use clips::{Clip, Kind};

/// 0.2 % of the frame.
const AREA: Option<NonZeroU32> = NonZeroU32::new(2000);
/// Ten frames a second.
const STEP: i64 = 100_000_000;

/// Plays a clip of 60 frames, of whose units those from `from` on are looked at for motion.
/// Gives the frames that went on, by their numbers in presentation order.
fn gone_on(clip: &Clip, from: usize) -> Vec<usize> {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let context = Context::for_tests("decode", folder.path());
    let mut stage =
        NvDec::open(NvdecSettings::default(), &context).expect("a device with a decoder");
    let order = clip.presentation_order();
    let mut shown = vec![0; order.len()];
    for (index, unit) in order.iter().enumerate() {
        shown[*unit] = index;
    }
    let mut gone_on = Vec::new();
    for sequence in 0..=clip.units.len() {
        // The last one ends the session.
        let data = clip.units.get(sequence).map_or(&[][..], |it| &it.data);
        if !data.is_empty() {
            context.counters.received("cam1");
        }
        let index = shown.get(sequence).copied().unwrap_or(shown.len());
        let unit = Unit {
            id: FrameId {
                pts_nanos: index as i64 * STEP,
                captured_clock: CapturedClock::File,
                ..frame_id("cam1", sequence as u64)
            },
            trace: context.new_trace(),
            codec: match clip.kind {
                Kind::H264 => Codec::H264,
                Kind::H265 => Codec::H265,
                Kind::Vp9 => Codec::Vp9,
            },
            keyframe: sequence == 0,
            motion: AREA.filter(|_| sequence >= from),
            data: data.to_vec().into(),
            ..unit("cam1", 0)
        };
        let mut out = Output::default();
        stage.rows(vec![unit], &mut out).expect("the stage goes on");
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let was_idle = stage.is_idle();
            stage.tick(&mut out).expect("the stage goes on");
            if was_idle {
                break;
            }
            assert!(Instant::now() < deadline, "the stage hangs");
            std::thread::sleep(Duration::from_micros(200));
        }
        // Nobody holds the frames, so that their slots are free again.
        let frames = out.take().into_iter().flatten();
        gone_on.extend(frames.map(|it| shown[it.id.sequence as usize]));
    }
    let report = context.counters.report();
    let dropped = &report.cameras["cam1"].dropped;
    let left_out = (order.len() - gone_on.len()) as u64;
    let not_selected = dropped.get("not_selected").copied().unwrap_or(0);
    assert_eq!(not_selected, left_out, "{report:?}");
    gone_on
}

#[test]
fn of_a_clip_that_stands_still_one_frame_a_second_goes_on() {
    if camweave_cuda::testing::device().is_none() {
        return;
    }
    for name in ["h264-still", "h265-main10-still"] {
        let clip = clips::get(name);
        // Two seconds from the start, then one a second.
        let expected: Vec<usize> = (0..=20).chain([30, 40, 50]).collect();
        assert_eq!(gone_on(&clip, 0), expected, "{name}");
    }
}

#[test]
fn of_a_clip_that_moves_all_frames_go_on() {
    if camweave_cuda::testing::device().is_none() {
        return;
    }
    for name in ["h264-high-b", "h265-main10", "vp9"] {
        let clip = clips::get(name);
        let all: Vec<usize> = (0..clip.pictures.len()).collect();
        assert_eq!(gone_on(&clip, 0), all, "{name}");
    }
}

#[test]
fn a_camera_that_is_looked_at_from_some_frame_on_is_gated_from_there_on() {
    if camweave_cuda::testing::device().is_none() {
        return;
    }
    // Shown in decode order.
    let clip = clips::get("h265-main10-still");
    let expected: Vec<usize> = (0..=40).chain([50]).collect();
    assert_eq!(gone_on(&clip, 20), expected);
}
