//! The stage alone. On a device: a clip of B frames comes out in presentation order, each picture
//! with its own unit's identity and the pixels that FFmpeg's own decoder gives.

#[path = "../../../crates/nvdec/tests/clips/mod.rs"]
mod clips;

use std::time::{Duration, Instant};

use camweave_cuda::{CudaMemory, PinnedBuffer, Stream};
use camweave_message::{CapturedClock, Codec, Frame, FrameId, Unit};
use camweave_nvdec_node::{NvDec, NvdecSettings};
use camweave_pool::Attachments;
use camweave_stage::telemetry::{SpanMode, SpanSettings, Spans};
use camweave_stage::{Context, Exit, Output, Stage};
use camweave_testing::frame_id;
use clips::{Clip, Kind, packed, visible_rows};

fn open(context: &Context) -> Result<NvDec, camweave_stage::StageError> {
    NvDec::open(NvdecSettings::default(), context)
}

#[test]
fn without_cuda_one_line_says_what_is_missing_and_what_does_the_same() {
    if camweave_cuda::missing().is_none() {
        return; // there is a device: the other tests run
    }
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let context = Context::for_tests("decode", folder.path());
    let error = open(&context).err().expect("no device");
    assert_eq!(error.exit, Exit::Missing);
    assert_eq!(error.exit as u8, 4);
    assert!(!error.message.contains('\n'), "{error}");
    for part in ["libcuda", "dataflows/cpu-batched.yml"] {
        assert!(error.message.contains(part), "{error}");
    }
}

fn unit(context: &Context, clip: &Clip, sequence: usize, data: &[u8]) -> Unit {
    let codec = match clip.kind {
        Kind::H264 => Codec::H264,
        Kind::H265 => Codec::H265,
        Kind::Vp9 => Codec::Vp9,
    };
    Unit {
        id: FrameId {
            captured_clock: CapturedClock::File,
            ..frame_id("cam1", sequence as u64)
        },
        trace: context.new_trace(),
        codec,
        keyframe: sequence == 0,
        data: data.to_vec().into(),
        ..camweave_testing::unit("cam1", 0)
    }
}

#[test]
fn frames_leave_in_presentation_order_with_their_own_identity_and_pixels() {
    let Some(device) = camweave_cuda::testing::device() else {
        return;
    };
    let clip = clips::get("h264-high-b");
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let mut context = Context::for_tests("decode", folder.path());
    let settings = SpanSettings {
        mode: SpanMode::Stats,
        ..SpanSettings::default()
    };
    let spans = Spans::open("decode", NvDec::KIND, &settings, folder.path());
    context.counters = context.counters.with_spans(spans);
    let mut stage = open(&context).expect("a device with a decoder");
    let stream = Stream::new(&device).expect("a stream");
    let attachments = Attachments::<CudaMemory>::new_in(device.clone());
    let expected = clip.presentation_order();
    let mut shown = 0;
    let mut check = |frames: Vec<Frame>| {
        for frame in frames {
            assert_eq!(frame.id.sequence, expected[shown] as u64, "picture {shown}");
            let layout = frame.picture.layout;
            let slot = attachments
                .acquire(&frame.picture.slot)
                .expect("a frame that was just sent");
            slot.wait_on(&stream).expect("the producer's event");
            let bytes = slot.address().len();
            let mut host = PinnedBuffer::new(&device, bytes, "a test").expect("pinned memory");
            stream
                .download(slot.address(), &mut host, 0..bytes)
                .expect("a copy");
            let pixels = packed(
                host.bytes().expect("copied"),
                &layout,
                visible_rows(&layout),
            );
            assert_eq!(
                clips::hash(&pixels),
                clip.pictures[shown],
                "picture {shown}"
            );
            shown += 1;
        }
    };
    for sequence in 0..=clip.units.len() {
        let data = clip.units.get(sequence).map_or(&[][..], |it| &it.data);
        if !data.is_empty() {
            context.counters.received("cam1");
        }
        let mut out = Output::default();
        let row = unit(&context, &clip, sequence, data);
        stage.rows(vec![row], &mut out).expect("the stage goes on");
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
        check(out.take().into_iter().flatten().collect());
    }
    assert_eq!(shown, clip.pictures.len());
    let report = context.counters.report();
    assert!(report.cameras["cam1"].dropped.is_empty(), "{report:?}");
    let spans = context.counters.spans();
    spans.finish();
    let copy = spans.device_summaries()["copy"];
    assert_eq!(copy.frames, clip.pictures.len() as u64);
    assert!(copy.busy_ms > 0.0, "{copy:?}");
}
