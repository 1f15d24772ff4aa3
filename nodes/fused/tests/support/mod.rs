//! A fused node without a graph, in a closed loop, and what it allocates once it has warmed up.

#[path = "../../../../crates/nvdec/tests/clips/mod.rs"]
mod clips;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arrow_array::{Array, StructArray};
use arrow_buffer::Buffer;
use camweave_cuda::allocations;
use camweave_message::{Areas, CapturedClock, Codec, FrameId, Never, Orientation, Selection, Unit};
use camweave_stage::fused::{Fused, Outgoing, Part, Place, Plan};
use camweave_stage::{Context, Declared, NoSettings, Output, Stage, StageError};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Rows are smaller; a picture of these tests has 345,600 bytes, and the smallest model's head 67,200.
pub const HOST_BYTES_PER_FRAME: u64 = 64 * 1024;

const CAMERAS: [&str; 4] = ["east", "north", "south", "west"];
/// Frames of all cameras: pools, buffers and queues reach their sizes.
const WARM_UP: u64 = 400;
const MEASURED: u64 = 2000;
/// The stages begin to end when the last frame is through; that is not measured.
const REST: u64 = 40;
const TOTAL: u64 = WARM_UP + MEASURED + REST;
/// Units under way: two of each camera.
const AHEAD: u64 = 2 * CAMERAS.len() as u64;
const PATIENCE: Duration = Duration::from_secs(60);

// A stage is opened from its variables alone, so what the source needs stands here.
static UNITS: OnceLock<Vec<Buffer>> = OnceLock::new();
static ARRIVED: AtomicU64 = AtomicU64::new(0);

/// Gives out a clip's units over and over to all cameras, a few ahead of the frames that arrive.
struct Loop {
    context: Context,
    cameras: [Arc<str>; CAMERAS.len()],
    sent: u64,
}

impl Stage for Loop {
    const KIND: &'static str = "loop";
    const ABOUT: &'static str = "A source.";
    type Settings = NoSettings;
    const OPTIONAL_INPUT: bool = true;
    type In = Never;
    type Out = Unit;

    fn open(_: NoSettings, context: &Context) -> Result<Self, StageError> {
        Ok(Self {
            context: context.clone(),
            cameras: CAMERAS.map(Arc::from),
            sent: 0,
        })
    }

    fn rows(&mut self, _: Vec<Never>, _: &mut Output<Unit>) -> Result<(), StageError> {
        Ok(())
    }

    fn tick(&mut self, out: &mut Output<Unit>) -> Result<(), StageError> {
        let units = UNITS.get().expect("set before the stage is opened");
        let until = TOTAL.min(ARRIVED.load(Ordering::Acquire) + AHEAD);
        while self.sent < until {
            let camera = &self.cameras[self.sent as usize % CAMERAS.len()];
            let sequence = self.sent / CAMERAS.len() as u64;
            let place = sequence as usize % units.len();
            let nanos = sequence as i64 * 40_000_000;
            self.context.counters.received(camera);
            out.send(vec![Unit {
                id: FrameId {
                    camera: Arc::clone(camera),
                    session_unix_nanos: 1,
                    sequence,
                    pts_nanos: nanos,
                    captured_unix_nanos: nanos,
                    captured_clock: CapturedClock::File,
                },
                trace: self.context.new_trace(),
                codec: Codec::H264,
                keyframe: place == 0,
                lost_packets: 0,
                orientation: Orientation::UPRIGHT,
                selection: Selection::All,
                motion: None,
                areas: Areas::default(),
                data: units[place].clone(),
            }]);
            self.sent += 1;
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        Some(Instant::now() + Duration::from_micros(200))
    }

    fn finished(&self) -> bool {
        self.sent == TOTAL || self.context.stopping()
    }
}

/// What a node took while [`MEASURED`] frames, or a few more, went through.
pub struct Steady {
    pub frames: u64,
    /// Allocations of device and pinned memory until then, and during it.
    pub device_before: u64,
    pub device: u64,
    /// Blocks and bytes of Rust's allocator. C libraries have their own.
    pub host_blocks: u64,
    pub host_bytes: u64,
    /// Bytes of them that were still held at the end.
    pub host_held: u64,
    /// By which the device's free memory shrank.
    pub device_bytes_less: i64,
}

impl Steady {
    /// No picture and no head was allocated on the host.
    pub fn check_host(&self) {
        let bytes = self.host_bytes / self.frames;
        assert!(
            bytes < HOST_BYTES_PER_FRAME,
            "{self}; expected less than {HOST_BYTES_PER_FRAME} bytes a frame"
        );
    }
}

impl fmt::Display for Steady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} frames; host: {} blocks and {} bytes a frame, {} bytes held at the end; device: {} allocations before, {} then, {} bytes less free",
            self.frames,
            self.host_blocks / self.frames,
            self.host_bytes / self.frames,
            self.host_held,
            self.device_before,
            self.device,
            self.device_bytes_less,
        )
    }
}

/// Runs `stages` behind a clip of 640x360 for four cameras. All frames must come out.
pub fn steady(
    stages: &str,
    variables: &[(&str, &str)],
    device: Option<&camweave_cuda::Context>,
) -> Steady {
    let clip = clips::get("h264-camera");
    UNITS.get_or_init(|| clip.units.into_iter().map(|it| it.data.into()).collect());
    let parts: Vec<Part> = [Part::of::<Loop>()]
        .into_iter()
        .chain(camweave_fused::PARTS.iter().copied())
        .collect();
    let plan = Plan::parse(&format!("loop,{stages}"), &parts).expect("stages that fit");
    let declared = Declared::of(variables.iter().copied());
    plan.check_names(&declared).expect("known variables");
    let folder = tempfile::tempdir().expect("a folder for reports");
    let place = Place {
        node: "node",
        run: "",
        takes: &[],
        stats_dir: folder.path(),
        terminate: &Arc::default(),
        behind: None,
    };
    let fused = Fused::open(&plan, &place, &declared).expect("stages that can be opened");
    let (sender, receiver) = channel();
    let node = std::thread::spawn(move || fused.run(None, &Outgoing::channel(sender)));
    let steady = measure(&receiver, device);
    // The sender goes when all stages have ended.
    let rest: u64 = receiver.iter().map(|array| array.len() as u64).sum();
    let ended = node.join().expect("no panic outside of the stages");
    assert_eq!(ended, Ok(()));
    let reports = camweave_telemetry::read_reports(folder.path()).expect("reports");
    for report in &reports {
        assert_eq!(report.errors, BTreeMap::new(), "{report:?}");
        for (id, camera) in &report.cameras {
            assert_eq!(camera.dropped, BTreeMap::new(), "{id}: {report:?}");
            let each = TOTAL / CAMERAS.len() as u64;
            assert_eq!((camera.received, camera.sent), (each, each), "{report:?}");
        }
        assert_eq!(report.cameras.len(), CAMERAS.len(), "{report:?}");
    }
    assert_eq!(reports.len(), plan.names().len(), "{reports:?}");
    assert_eq!(ARRIVED.load(Ordering::Acquire) + rest, TOTAL);
    steady
}

/// Receives until the measurement is through.
fn measure(receiver: &Receiver<StructArray>, device: Option<&camweave_cuda::Context>) -> Steady {
    let free = || {
        let memory = device.map(|device| device.memory().expect("the device says it").0);
        memory.map_or(0, |free| {
            i64::try_from(free).expect("no device has so much")
        })
    };
    receive(receiver, WARM_UP);
    let profiler = dhat::Profiler::builder()
        .testing()
        .trim_backtraces(Some(4))
        .build();
    let (first, free_before, device_before) =
        (ARRIVED.load(Ordering::Acquire), free(), allocations());
    receive(receiver, WARM_UP + MEASURED);
    let (device, host) = (allocations() - device_before, dhat::HeapStats::get());
    let steady = Steady {
        frames: ARRIVED.load(Ordering::Acquire) - first,
        device_before,
        device,
        host_blocks: host.total_blocks,
        host_bytes: host.total_bytes,
        host_held: host.curr_bytes as u64,
        device_bytes_less: free_before - free(),
    };
    drop(profiler);
    receive(receiver, TOTAL);
    steady
}

/// Receives until so many frames have arrived.
fn receive(receiver: &Receiver<StructArray>, frames: u64) {
    while ARRIVED.load(Ordering::Acquire) < frames {
        let rows = receiver.recv_timeout(PATIENCE);
        let rows = rows.unwrap_or_else(|error| {
            panic!(
                "{} frames arrived, then: {error}",
                ARRIVED.load(Ordering::Acquire)
            )
        });
        ARRIVED.fetch_add(rows.len() as u64, Ordering::AcqRel);
    }
}
