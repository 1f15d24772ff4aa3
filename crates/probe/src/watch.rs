//! Connects, watches for some seconds, and ends the session.

use std::time::{Duration, Instant};

use camweave_bitstream::ParameterSets;
use camweave_camera_client::{
    Choice, Client, ClientLimits, Event, Failure, FailureKind, Frame, StreamInfo, Timeline,
    TriedSchemes, Which, connect, nal_codec,
};
use camweave_cameras::{Camera, ClientKind};
use camweave_image::Image;
use camweave_message::Codec;
use tokio::time::{timeout, timeout_at};

use crate::image::{self, ImageError};
use crate::measure::{Seen, Stream, measure};
use crate::remarks::{Remark, remarks};

/// How long the end of the session waits for the camera.
const TEARDOWN_AT_MOST: Duration = Duration::from_millis(300);
/// Frames that are looked at.
const MOST_FRAMES: usize = 100_000;
/// Frames and bytes that are kept for the image: with B frames the first one may come late.
const IMAGE_FRAMES: usize = 64;
const IMAGE_BYTES: usize = 64 << 20;

/// How a camera is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// So long from the first frame on.
    pub watch: Duration,
    /// So long if no second keyframe has come.
    pub watch_at_most: Duration,
    /// Until it plays.
    pub connect_timeout: Duration,
    /// Without a frame.
    pub stall_timeout: Duration,
    /// Whether a frame is to be decoded.
    pub with_image: bool,
    /// Whether a camera that asks for the password itself (basic authentication) gets it. Without it
    /// FFmpeg does not try a camera with a login, as it has no such option.
    pub with_basic: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            watch: Duration::from_secs(6),
            watch_at_most: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(10),
            with_image: false,
            with_basic: true,
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// One of the clients connects.
    Connecting {
        /// `rtsp` or `ffmpeg`.
        client: &'static str,
    },
    /// The camera plays.
    Playing {
        /// What it sends.
        codec: Codec,
    },
    /// The first frame has come.
    Watching {
        /// It is watched for so long at least.
        time: Duration,
    },
}

/// What was found.
#[derive(Debug)]
pub struct Probed {
    /// What it sends.
    pub codec: Codec,
    /// Width and height in pixels, where they are known.
    pub size: Option<(u32, u32)>,
    /// How the data travels.
    pub transport: &'static str,
    /// `rtsp` or `ffmpeg`.
    pub client: &'static str,
    /// Why it is not the RTSP client, where that was asked and could not.
    pub why_client: Option<String>,
    /// Figures.
    pub stream: Stream,
    /// What is unusual, the most important first.
    pub remarks: Vec<Remark>,
    /// A frame, if one was asked for.
    pub image: Option<Result<Image, ImageError>>,
}

/// Looks at a camera, with the RTSP client first and FFmpeg's where that cannot play it, unless the
/// camera names one. Needs a runtime with time and I/O.
///
/// # Errors
/// Why the camera cannot be played; [`FailureKind::advice`] says what to do.
pub async fn probe(
    camera: &Camera,
    options: &Options,
    mut progress: impl FnMut(Step),
) -> Result<Probed, Failure> {
    let is_rtsp = camera.url.expose().scheme() == "rtsp";
    let kind = match options.with_basic || camera.credentials.is_none() {
        true => camera.client,
        false if is_rtsp && camera.client != ClientKind::Ffmpeg => ClientKind::Rtsp,
        false => {
            let detail =
                "only FFmpeg plays it, which may send the password itself: it is not opened";
            return Err(Failure::new(FailureKind::Unauthorized, detail));
        }
    };
    let mut choice = Choice::new(kind, is_rtsp);
    loop {
        let which = choice.client(Instant::now());
        let client = which.as_str();
        progress(Step::Connecting { client });
        let mut watched = Watched::default();
        let ended = session(camera, which, options, &mut watched, &mut progress).await;
        if let Err(failure) = ended {
            let frames = watched.seen.len() as u64;
            match choice.ended(which, failure, frames, Instant::now()) {
                None => continue,
                // What came before it ended says enough.
                Some(_) if watched.has_enough() => {}
                Some(failure) => return Err(failure),
            }
        }
        let why = choice
            .why()
            .filter(|why| which == Which::Ffmpeg && why.starts_with("rtsp client"));
        return finish(watched, client, why, options).await;
    }
}

/// What came of a session.
#[derive(Default)]
struct Watched {
    info: Option<StreamInfo>,
    seen: Vec<Seen>,
    unusable: u64,
    jumps: u64,
    /// From a keyframe on.
    units: Vec<Vec<u8>>,
    unit_bytes: usize,
}

impl Watched {
    fn keyframes(&self) -> usize {
        self.seen.iter().filter(|it| it.keyframe).count()
    }

    /// Whether figures can be made of it.
    fn has_enough(&self) -> bool {
        self.seen.len() > 1 && self.keyframes() > 0
    }

    fn keep(&mut self, data: Vec<u8>, keyframe: bool) {
        let bytes = self.unit_bytes + data.len();
        let begins = keyframe || !self.units.is_empty();
        if begins && self.units.len() < IMAGE_FRAMES && bytes <= IMAGE_BYTES {
            self.unit_bytes = bytes;
            self.units.push(data);
        }
    }
}

/// One session, until it has been watched for long enough.
async fn session(
    camera: &Camera,
    which: Which,
    options: &Options,
    watched: &mut Watched,
    progress: &mut impl FnMut(Step),
) -> Result<(), Failure> {
    let limits = ClientLimits {
        connect_timeout: options.connect_timeout,
        stall_timeout: options.stall_timeout,
        ..ClientLimits::default()
    };
    let tried = match options.with_basic {
        true => TriedSchemes::default(),
        false => TriedSchemes::without_basic(),
    };
    let connected = connect(camera, which, &limits, &tried, false);
    let connected = timeout(options.connect_timeout, connected).await;
    let mut client = connected.unwrap_or_else(|_| {
        let seconds = options.connect_timeout.as_secs_f64();
        let detail = format!("no session within {seconds} s");
        Err(Failure::new(FailureKind::Timeout, detail))
    })?;
    let codec = client.info().codec;
    progress(Step::Playing { codec });
    let ended = frames(&mut *client, options, watched, progress).await;
    watched.info = Some(client.info().clone());
    let _ = timeout(TEARDOWN_AT_MOST, client.teardown()).await;
    ended
}

async fn frames(
    client: &mut dyn Client,
    options: &Options,
    watched: &mut Watched,
    progress: &mut impl FnMut(Step),
) -> Result<(), Failure> {
    let info = client.info().clone();
    let mut sets = nal_codec(info.codec).map(ParameterSets::new);
    if let Some(sets) = &mut sets {
        sets.learn(&info.parameter_sets);
    }
    let mut timeline = Timeline::new(info.clock_hz);
    let mut first: Option<Instant> = None;
    let mut last = tokio::time::Instant::now();
    while watched.seen.len() < MOST_FRAMES {
        if let Some(first) = first {
            let is_over = first.elapsed() >= options.watch && watched.keyframes() > 1;
            if is_over || first.elapsed() >= options.watch_at_most {
                break;
            }
        }
        let event = timeout_at(last + options.stall_timeout, client.next()).await;
        let event = event.unwrap_or_else(|_| {
            let seconds = options.stall_timeout.as_secs_f64();
            let detail = format!("connected, but no frame for {seconds} s");
            Err(Failure::new(FailureKind::Stalled, detail))
        })?;
        match event {
            Event::Frame(frame) => {
                last = tokio::time::Instant::now();
                first.get_or_insert_with(|| {
                    progress(Step::Watching {
                        time: options.watch,
                    });
                    Instant::now()
                });
                note(watched, frame, &mut timeline, sets.as_mut(), options);
            }
            Event::SenderReport {
                ntp,
                timestamp,
                arrival_unix_nanos,
            } => timeline.sender_report(ntp, timestamp, arrival_unix_nanos),
            Event::Dropped { frames, .. } => watched.unusable += u64::from(frames),
            Event::Alive => {}
        }
    }
    Ok(())
}

fn note(
    watched: &mut Watched,
    frame: Frame,
    timeline: &mut Timeline,
    sets: Option<&mut ParameterSets>,
    options: &Options,
) {
    let (times, jumped) = timeline.place(frame.timestamp, frame.arrival_unix_nanos);
    watched.jumps += u64::from(jumped);
    let bytes = frame.data.len();
    let (data, keyframe) = match sets {
        Some(sets) => {
            let unit = sets.complete(frame.data);
            (unit.data, unit.random_access)
        }
        None => (frame.data, frame.keyframe.unwrap_or(true)),
    };
    watched.seen.push(Seen {
        pts_nanos: times.pts_nanos,
        bytes,
        keyframe,
        lost_packets: frame.lost_packets,
        arrival_unix_nanos: frame.arrival_unix_nanos,
        captured_unix_nanos: times.captured_unix_nanos,
        captured_clock: times.captured_clock,
    });
    if options.with_image {
        watched.keep(data, keyframe);
    }
}

async fn finish(
    watched: Watched,
    client: &'static str,
    why_client: Option<String>,
    options: &Options,
) -> Result<Probed, Failure> {
    let Some(info) = watched.info else {
        return Err(Failure::new(
            FailureKind::Ended,
            "it ended before it played",
        ));
    };
    let stream = measure(&watched.seen, watched.unusable, watched.jumps);
    let image = if options.with_image {
        let (codec, units) = (info.codec, watched.units);
        let decoding = tokio::task::spawn_blocking(move || image::decode(codec, &units));
        Some(decoding.await.unwrap_or(Err(ImageError::Undecodable)))
    } else {
        None
    };
    let decoded = image.iter().flatten().next();
    let size = info
        .size
        .or(decoded.map(|image| (image.width, image.height)));
    let remarks = remarks(info.codec, size, why_client.as_deref(), &stream);
    Ok(Probed {
        codec: info.codec,
        size,
        transport: info.transport,
        client,
        why_client,
        stream,
        remarks,
        image,
    })
}
