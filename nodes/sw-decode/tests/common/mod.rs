//! Clips made by the ffmpeg command, a stage around which they are fed, and the
//! command's own decoding of them to compare with.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use camweave_demux::{Read, Reader};
use camweave_message::{CapturedClock, Codec, Frame, FrameId, Unit};
use camweave_pool::{Attachments, ReadSlot};
use camweave_stage::{Context, Declared, Output, Stage};
use camweave_sw_decode::SwDecode;
use camweave_telemetry::{CameraCounters, SpanMode, SpanSettings, Spans};
use camweave_testing::{frame_id, unit};
use camweave_vision::{Picture, PictureLayout, PixelFormat};
use tempfile::TempDir;

/// Runs ffmpeg; its output is the test's where it fails.
pub fn ffmpeg(arguments: &[&str]) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments)
        .output()
        .expect("the ffmpeg command is installed");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments:?}: {text}");
}

/// One coded unit of a clip.
#[derive(Clone)]
pub struct Coded {
    pub data: Vec<u8>,
    pub keyframe: bool,
    pub pts_nanos: i64,
}

/// A clip: its units in decode order, and its pictures in presentation order.
pub struct Clip {
    pub codec: Codec,
    pub units: Vec<Coded>,
    /// Tightly packed, in the pixel format that was asked for.
    pub pictures: Vec<Vec<u8>>,
    /// For each picture, its unit.
    pub unit_of_picture: Vec<usize>,
}

/// What to encode: see [`Recipe::make`].
#[derive(Clone, Copy)]
pub struct Recipe<'a> {
    pub codec: Codec,
    pub size: (u32, u32),
    pub frames: u32,
    /// Arguments of the encoder.
    pub encoder: &'a [&'a str],
    /// Of the reference pictures.
    pub pixels: &'a str,
}

impl Recipe<'_> {
    /// Encodes FFmpeg's moving test picture and decodes it again with the ffmpeg command.
    pub fn make(&self) -> Clip {
        self.make_with(&[])
    }

    /// As [`Recipe::make`], but the reference pictures are whole, whatever the stream crops.
    pub fn make_whole(&self) -> Clip {
        self.make_with(&["-apply_cropping", "0"])
    }

    fn make_with(&self, decoder: &[&str]) -> Clip {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let (width, height) = self.size;
        let source = format!("testsrc2=size={width}x{height}:rate=25");
        let clip = path(&folder, "clip.mkv");
        let frames = self.frames.to_string();
        let mut arguments = vec!["-f", "lavfi", "-i", &source, "-frames:v", &frames];
        arguments.extend(self.encoder);
        arguments.extend(["-f", "matroska", &clip]);
        ffmpeg(&arguments);

        let packets = read_packets(Path::new(&clip));
        let mut units: Vec<Coded> = match self.codec {
            Codec::H264 | Codec::H265 => {
                let (filter, format) = match self.codec {
                    Codec::H264 => ("h264_mp4toannexb", "h264"),
                    _ => ("hevc_mp4toannexb", "hevc"),
                };
                let raw = path(&folder, "clip.raw");
                ffmpeg(&[
                    "-i", &clip, "-c", "copy", "-bsf:v", filter, "-f", format, &raw,
                ]);
                read_packets(Path::new(&raw))
            }
            Codec::Vp9 | Codec::Av1 => packets.clone(),
            Codec::Mjpeg | Codec::Mpeg4 => demuxed(Path::new(&clip)),
        };
        assert_eq!(units.len(), packets.len(), "one access unit per packet");
        for (unit, packet) in units.iter_mut().zip(&packets) {
            unit.pts_nanos = packet.pts_nanos;
            unit.keyframe = packet.keyframe;
        }
        let decoded = path(&folder, "clip.yuv");
        let mut arguments = decoder.to_vec();
        arguments.extend(["-i", &clip, "-fps_mode", "passthrough", "-f", "rawvideo"]);
        arguments.extend(["-pix_fmt", self.pixels, &decoded]);
        ffmpeg(&arguments);
        let bytes = std::fs::read(decoded).expect("ffmpeg wrote it");
        let picture_bytes = bytes.len() / units.len();
        assert_eq!(
            picture_bytes * units.len(),
            bytes.len(),
            "one picture per unit"
        );
        let mut unit_of_picture: Vec<usize> = (0..units.len()).collect();
        unit_of_picture.sort_by_key(|&unit| units[unit].pts_nanos);
        Clip {
            codec: self.codec,
            pictures: bytes.chunks(picture_bytes).map(<[u8]>::to_vec).collect(),
            units,
            unit_of_picture,
        }
    }
}

/// H.264 as x264 makes it, with B frames and a key frame every 20.
pub const H264: Recipe<'static> = Recipe {
    codec: Codec::H264,
    size: (320, 180),
    frames: 60,
    encoder: &[
        "-c:v",
        "libx264",
        "-g",
        "20",
        "-keyint_min",
        "20",
        "-sc_threshold",
        "0",
    ],
    pixels: "yuv420p",
};

/// H.264 as cameras make it: no B frames, one reference.
pub const CAMERA: Recipe<'static> = Recipe {
    encoder: &[
        "-c:v",
        "libx264",
        "-g",
        "20",
        "-keyint_min",
        "20",
        "-sc_threshold",
        "0",
        "-bf",
        "0",
        "-refs",
        "1",
    ],
    ..H264
};

fn path(folder: &TempDir, name: &str) -> String {
    folder
        .path()
        .join(name)
        .to_str()
        .expect("a path of plain text")
        .to_owned()
}

/// The units as a source makes them: with the stream's headers before each keyframe.
fn demuxed(file: &Path) -> Vec<Coded> {
    ffmpeg_next::init().expect("FFmpeg starts");
    let mut reader = Reader::open(file).expect("a media file");
    std::iter::from_fn(|| match reader.read() {
        Read::Unit(unit) => Some(Coded {
            data: unit.data,
            keyframe: unit.keyframe,
            pts_nanos: unit.pts_nanos,
        }),
        Read::Damaged(reason) => panic!("{reason}"),
        Read::End(_) => None,
    })
    .collect()
}

fn read_packets(file: &Path) -> Vec<Coded> {
    ffmpeg_next::init().expect("FFmpeg starts");
    let mut input = ffmpeg_next::format::input(file).expect("a media file");
    let base = input.stream(0).expect("a stream").time_base();
    input
        .packets()
        .map(|(_, packet)| packet)
        .map(|packet| Coded {
            data: packet.data().expect("data").to_vec(),
            keyframe: packet.is_key(),
            pts_nanos: packet.pts().unwrap_or(0) * 1_000_000_000 * i64::from(base.numerator())
                / i64::from(base.denominator()),
        })
        .collect()
}

/// A stage alone, fed as the runtime would.
pub struct Bench {
    pub stage: SwDecode,
    pub context: Context,
    _folder: TempDir,
    sessions: HashMap<String, i64>,
}

/// A frame that came out, and its pixels as they were then.
pub struct Shown {
    pub frame: Frame,
    pub pixels: Vec<u8>,
}

impl Bench {
    pub fn new(env: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let mut context = Context::for_tests("decode", folder.path());
        let settings = SpanSettings {
            mode: SpanMode::Stats,
            ..SpanSettings::default()
        };
        let spans = Spans::open("decode", "sw-decode", &settings, folder.path());
        context.counters = context.counters.with_spans(spans);
        let declared = Declared::of(env.iter().copied());
        let stage = SwDecode::open_declared(&declared, &context).expect("FFmpeg is installed");
        Self {
            stage,
            context,
            _folder: folder,
            sessions: HashMap::new(),
        }
    }

    /// The unit of a camera's running session.
    pub fn unit(&self, camera: &str, codec: Codec, sequence: usize, coded: &Coded) -> Unit {
        let session = self.sessions.get(camera).copied().unwrap_or(1);
        Unit {
            id: FrameId {
                session_unix_nanos: session,
                pts_nanos: coded.pts_nanos,
                captured_unix_nanos: session + coded.pts_nanos,
                captured_clock: CapturedClock::SenderReport,
                ..frame_id(camera, sequence as u64)
            },
            trace: self.context.new_trace(),
            codec,
            keyframe: coded.keyframe,
            data: coded.data.clone().into(),
            ..unit(camera, 0)
        }
    }

    /// The unit that ends the camera's session.
    pub fn end(&self, camera: &str, codec: Codec, sequence: usize) -> Unit {
        let nothing = Coded {
            data: Vec::new(),
            keyframe: false,
            pts_nanos: 0,
        };
        self.unit(camera, codec, sequence, &nothing)
    }

    /// Units that a decoder was given.
    pub fn decoded(&self) -> u64 {
        self.context.counters.spans().finish();
        let report = self.context.counters.report();
        report.spans.get("decode").map_or(0, |span| span.calls)
    }

    /// The camera reconnects.
    pub fn new_session(&mut self, camera: &str) {
        *self.sessions.entry(camera.to_owned()).or_insert(1) += 1_000_000;
    }

    /// Gives the stage one unit; returns the frames that came of it, in order.
    pub fn feed(&mut self, unit: Unit) -> Vec<Frame> {
        if !unit.data.is_empty() {
            self.context.counters.received(&unit.id.camera);
        }
        let mut out = Output::default();
        self.stage
            .rows(vec![unit], &mut out)
            .expect("the stage goes on");
        self.settle(out)
    }

    /// As [`Bench::feed`], with the pixels, read through the pool.
    pub fn show(&mut self, unit: Unit) -> Vec<Shown> {
        self.feed(unit)
            .into_iter()
            .map(|frame| self.read(frame))
            .collect()
    }

    /// Feeds a whole clip as one session, and ends it.
    pub fn play(&mut self, camera: &str, clip: &Clip) -> Vec<Shown> {
        let mut shown = Vec::new();
        for (sequence, coded) in clip.units.iter().enumerate() {
            shown.extend(self.show(self.unit(camera, clip.codec, sequence, coded)));
        }
        shown.extend(self.show(self.end(camera, clip.codec, clip.units.len())));
        shown
    }

    /// Closes the stage; returns the last frames.
    pub fn close(&mut self) -> Vec<Frame> {
        let mut out = Output::default();
        self.stage.close(&mut out).expect("the stage closes");
        self.sent(out)
    }

    fn settle(&mut self, mut out: Output<Frame>) -> Vec<Frame> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let was_idle = self.stage.is_idle();
            self.stage.tick(&mut out).expect("the stage goes on");
            if was_idle {
                return self.sent(out);
            }
            assert!(Instant::now() < deadline, "the stage hangs");
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn sent(&self, mut out: Output<Frame>) -> Vec<Frame> {
        let frames: Vec<Frame> = out.take().into_iter().flatten().collect();
        for frame in &frames {
            assert_eq!(frame.trace.0.len(), 1, "the unit's trace goes along");
            self.context.counters.sent(&frame.id.camera, 0);
        }
        frames
    }

    pub fn hold(&self, frame: &Frame) -> ReadSlot {
        acquire(&self.context.attachments, frame)
    }

    pub fn read(&self, frame: Frame) -> Shown {
        let slot = self.hold(&frame);
        Shown {
            pixels: pixels(&frame.picture.layout, &slot),
            frame,
        }
    }

    pub fn camera(&self, camera: &str) -> CameraCounters {
        self.context
            .counters
            .report()
            .cameras
            .remove(camera)
            .expect("a known camera")
    }

    pub fn fact(&self, name: &str) -> u64 {
        let facts = self.context.counters.report().facts;
        facts
            .get(name)
            .map_or(0, |text| text.parse().expect("a number"))
    }

    /// Checks that no unit is unaccounted for; gives the drops by reason.
    pub fn balance(&self, camera: &str) -> BTreeMap<String, u64> {
        let counters = self.camera(camera);
        let dropped: u64 = counters.dropped.values().sum();
        assert_eq!(counters.received, counters.sent + dropped, "{counters:?}");
        counters.dropped
    }
}

pub fn acquire(attachments: &Attachments, frame: &Frame) -> ReadSlot {
    attachments
        .acquire(&frame.picture.slot)
        .expect("a frame that was just sent")
}

/// The picture's pixels without gaps, as FFmpeg's rawvideo.
pub fn pixels(layout: &PictureLayout, data: &[u8]) -> Vec<u8> {
    Picture::new(layout, data).expect("a layout that fits its slot");
    let (width, height) = (layout.width as usize, layout.height as usize);
    let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
    let shapes: &[(usize, usize)] = match layout.format {
        PixelFormat::I420 => &[
            (width, height),
            (chroma_width, chroma_height),
            (chroma_width, chroma_height),
        ],
        PixelFormat::Nv12 => &[(width, height), (2 * chroma_width, chroma_height)],
        PixelFormat::P010 => &[(2 * width, height), (4 * chroma_width, chroma_height)],
        PixelFormat::Rgb8 => &[(3 * width, height)],
    };
    let mut packed = Vec::new();
    for (plane, &(row, rows)) in layout.planes.iter().zip(shapes) {
        for index in 0..rows {
            let start = plane.offset as usize + index * plane.stride as usize;
            packed.extend_from_slice(&data[start..start + row]);
        }
    }
    packed
}

/// Checks that `shown` are all pictures of the clip: exact, in order, each with its own unit's id.
pub fn assert_exact(clip: &Clip, shown: &[Shown]) {
    assert_eq!(shown.len(), clip.pictures.len(), "number of pictures");
    for (index, shown) in shown.iter().enumerate() {
        assert_picture(clip, index, shown);
    }
}

/// Checks one picture by its number in presentation order.
pub fn assert_picture(clip: &Clip, index: usize, shown: &Shown) {
    let unit = clip.unit_of_picture[index];
    assert_eq!(
        shown.frame.id.sequence, unit as u64,
        "the unit of picture {index}"
    );
    assert_eq!(shown.frame.id.pts_nanos, clip.units[unit].pts_nanos);
    assert_same(&clip.pictures[index], &shown.pixels, index);
}

/// The number in presentation order of a frame's picture.
pub fn picture_of(clip: &Clip, frame: &Frame) -> usize {
    let unit = usize::try_from(frame.id.sequence).expect("a small number");
    clip.unit_of_picture
        .iter()
        .position(|&it| it == unit)
        .expect("a unit of the clip")
}

pub fn assert_same(expected: &[u8], found: &[u8], index: usize) {
    assert_eq!(expected.len(), found.len(), "size of picture {index}");
    let differing = expected.iter().zip(found).filter(|(a, b)| a != b).count();
    assert_eq!(
        differing,
        0,
        "bytes of picture {index} that differ, of {}",
        expected.len()
    );
}
