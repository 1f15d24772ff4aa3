//! A camera whose codec the chip does not decode: a line says what does, and the others go on.

#[path = "../../../crates/nvdec/tests/clips/mod.rs"]
mod clips;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use camweave_message::{CapturedClock, Codec, Frame, FrameId, Unit};
use camweave_nvdec_node::{NvDec, NvdecSettings};
use camweave_stage::{Context, Output, Stage};
use camweave_testing::frame_id;

/// Three temporal units of AV1, 256x144 pixels of gray, as FFmpeg writes them:
/// `-f lavfi -i color=gray:size=256x144:rate=25 -c:v libaom-av1 -cpu-used 8 -usage realtime`.
const AV1: [&str; 3] = [
    "12000a0b00000003bffc79b5f20080322410008400020820880002c1b4ae591b608b5605a9626236\
     8a901ae1015fd7a63b4c2285bb",
    "1200321930038080fdf80690001659658a041080009782303b22567c20",
    "12003216300401057df80690001659658a04108000a66a78e9ab",
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let (pairs, _) = digits.as_chunks::<2>();
    let byte = |[high, low]: &[u32; 2]| u8::try_from(16 * high + low).expect("two digits");
    pairs.iter().map(byte).collect()
}

/// A coded unit, or the empty one that ends a session.
fn unit(context: &Context, camera: &str, codec: Codec, sequence: usize, data: &[u8]) -> Unit {
    if !data.is_empty() {
        context.counters.received(camera);
    }
    Unit {
        id: FrameId {
            captured_clock: CapturedClock::File,
            ..frame_id(camera, sequence as u64)
        },
        trace: context.new_trace(),
        codec,
        keyframe: sequence == 0,
        data: data.to_vec().into(),
        ..camweave_testing::unit(camera, 0)
    }
}

/// What is logged, by whichever thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&log).into_owned()
    }
}

/// Gives the stage units and waits until it has done what it can with them.
fn decode(stage: &mut NvDec, units: Vec<Unit>) -> Vec<Frame> {
    let mut out = Output::default();
    stage.rows(units, &mut out).expect("the stage goes on");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let was_idle = stage.is_idle();
        stage.tick(&mut out).expect("the stage goes on");
        if was_idle {
            return out.take().into_iter().flatten().collect();
        }
        assert!(Instant::now() < deadline, "the stage hangs");
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn the_units_of_the_test_are_whole() {
    let units = AV1.map(bytes);
    assert_eq!(units.each_ref().map(Vec::len), [53, 29, 26]);
    for unit in &units {
        // A temporal delimiter begins each: OBU type 2 with a size, which is 0.
        assert_eq!(unit[..2], [0x12, 0]);
    }
    assert_eq!(units[0][2], 0x0a, "then the sequence header");
}

#[test]
fn av1_where_the_chip_has_none_names_what_decodes_it_and_costs_nobody_else() {
    let Some(device) = camweave_cuda::testing::device() else {
        return;
    };
    let known = camweave_nvdec::capabilities(&device).expect("a driver that answers");
    let has_av1 = known
        .iter()
        .any(|it| it.codec == camweave_nvdec::Codec::Av1);
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let context = Context::for_tests("decode", folder.path());
    let mut stage =
        NvDec::open(NvdecSettings::default(), &context).expect("a device with a decoder");
    let (av1, h264) = (AV1.map(bytes), clips::get("h264-camera"));
    let mut frames = Vec::new();
    for sequence in 0..=h264.units.len() {
        let data = h264.units.get(sequence).map_or(&[][..], |it| &it.data);
        let mut units = vec![unit(&context, "south", Codec::H264, sequence, data)];
        if sequence <= av1.len() {
            let data = av1.get(sequence).map_or(&[][..], Vec::as_slice);
            units.push(unit(&context, "north", Codec::Av1, sequence, data));
        }
        frames.extend(decode(&mut stage, units));
    }
    let mut out = Output::default();
    stage.close(&mut out).expect("the stage ends");
    frames.extend(out.take().into_iter().flatten());
    let of = |camera: &str| frames.iter().filter(|it| &*it.id.camera == camera).count();
    let log = log.text();
    println!("{log}");
    let report = context.counters.report();
    let south = &report.cameras["south"];
    assert_eq!(of("south"), h264.pictures.len(), "{south:?}");
    assert!(
        south.errors.is_empty() && south.dropped.is_empty(),
        "{south:?}"
    );
    let north = &report.cameras["north"];
    if has_av1 {
        println!("this chip decodes AV1, so nothing is refused");
        assert_eq!(of("north"), av1.len(), "{north:?}");
        return;
    }
    assert_eq!(of("north"), 0, "{north:?}");
    assert!(north.errors.contains_key("no_decoder"), "{north:?}");
    assert_eq!(north.dropped.values().sum::<u64>(), 3, "{north:?}");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("north")).collect();
    assert_eq!(lines.len(), 1, "one line, not one per unit: {log}");
    for part in ["AV1", "sw-decode"] {
        assert!(lines[0].contains(part), "no '{part}' in: {}", lines[0]);
    }
}
