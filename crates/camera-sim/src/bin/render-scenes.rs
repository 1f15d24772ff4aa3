//! Renders scenes to video clips with ground truth: a data set for training and testing detectors.
//!
//! For each seed it writes `<seed>.mp4` (H.264, yuv420p, BT.709 limited range, flagged so), `<seed>.jsonl` (one
//! [`FrameTruth`] per frame), and once `classes.json` (class names in order of class id).

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use camweave_camera_sim::render::picture;
use camweave_camera_sim::scene::{CLASS_NAMES, Canvas, FrameTruth, Scene};
use clap::Parser;
use ffmpeg_next as ffmpeg;

/// Frame rate written into the clips.
const CLIP_FPS: i32 = 10;

/// Render scenes to H.264 clips with ground truth.
#[derive(Parser, Debug)]
#[command(version, about)]
struct Options {
    /// Seeds to render: from A up to, but without, B.
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    seeds: std::ops::Range<u64>,
    /// Frames per seed.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..))]
    frames: u32,
    /// Consecutive frames, 0.1 s apart, before the scene jumps ahead.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    burst: u32,
    /// Seconds from the start of a burst to the start of the next one.
    #[arg(long, default_value_t = 3.7)]
    stride_seconds: f64,
    /// Frame size in pixels.
    #[arg(long, value_name = "WxH", default_value = "640x360", value_parser = parse_size)]
    size: (u32, u32),
    /// Folder to write to.
    #[arg(long)]
    out: PathBuf,
    /// Also write each frame as an image, `<seed>-<frame>.png`.
    #[arg(long)]
    png: bool,
    /// In images, draw the boxes: green, or red for objects to be ignored.
    #[arg(long, requires = "png")]
    boxes: bool,
    /// Constant rate factors to vary over, lowest and highest.
    #[arg(long, value_name = "LOW..HIGH", default_value = "20..36", value_parser = parse_seeds)]
    crf: std::ops::Range<u64>,
    /// Scenes rendered at the same time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,
}

fn parse_seeds(text: &str) -> Result<std::ops::Range<u64>> {
    let wanted =
        || anyhow!("'{text}': expected two whole numbers A..B with A below B, as in 0..400");
    let (from, to) = text.split_once("..").ok_or_else(wanted)?;
    let range = from.parse().map_err(|_| wanted())?..to.parse().map_err(|_| wanted())?;
    if range.is_empty() {
        Err(wanted())
    } else {
        Ok(range)
    }
}

fn parse_size(text: &str) -> Result<(u32, u32)> {
    let wanted = || anyhow!("'{text}': expected WxH in pixels, as in 640x360");
    let (width, height) = text.split_once('x').ok_or_else(wanted)?;
    Ok((
        width.parse().map_err(|_| wanted())?,
        height.parse().map_err(|_| wanted())?,
    ))
}

fn main() -> Result<()> {
    let options = Options::parse();
    ffmpeg::init().context("FFmpeg's libraries cannot be used")?;
    ffmpeg::log::set_level(ffmpeg::log::Level::Error);
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make the folder {}", options.out.display()))?;
    let classes = options.out.join("classes.json");
    fs::write(&classes, serde_json::to_string(&CLASS_NAMES)?)
        .with_context(|| format!("cannot write {}", classes.display()))?;

    let next = AtomicU64::new(options.seeds.start);
    let done = AtomicUsize::new(0);
    let total = options.seeds.end - options.seeds.start;
    let started = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= options.seeds.end {
                            return Ok(());
                        }
                        render(seed, &options).with_context(|| format!("seed {seed}"))?;
                        let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                        let seconds = started.elapsed().as_secs_f64();
                        write!(
                            std::io::stderr(),
                            "\r{count} of {total} scenes, {seconds:.0} s "
                        )?;
                    }
                })
            })
            .collect();
        for worker in workers {
            worker
                .join()
                .map_err(|_| anyhow!("a render thread panicked"))??;
        }
        writeln!(std::io::stderr()).context("standard error is closed")
    })
}

fn render(seed: u64, options: &Options) -> Result<()> {
    let (width, height) = options.size;
    let scene = Scene::new(seed, width, height)?;
    let mut canvas = Canvas::new(width, height);
    let mut clip = Clip::create(&options.out.join(format!("{seed}.mp4")), seed, options)?;
    let truth_path = options.out.join(format!("{seed}.jsonl"));
    let mut truth = BufWriter::new(
        File::create(&truth_path)
            .with_context(|| format!("cannot write {}", truth_path.display()))?,
    );
    for frame in 0..options.frames {
        let burst = f64::from(frame / options.burst) * options.stride_seconds;
        let seconds = burst + f64::from(frame % options.burst) / f64::from(CLIP_FPS);
        let objects = scene.render(seconds, &mut canvas);
        clip.write(&canvas, i64::from(frame))?;
        let line = FrameTruth {
            frame: u64::from(frame),
            captured_offset_nanos: (seconds * 1e9).round() as u64,
            objects,
        };
        serde_json::to_writer(&mut truth, &line)?;
        truth.write_all(b"\n")?;
        if options.png {
            save_picture(
                &canvas,
                &line,
                options,
                &options.out.join(format!("{seed}-{frame}.png")),
            )?;
        }
    }
    truth
        .flush()
        .with_context(|| format!("cannot write {}", truth_path.display()))?;
    clip.finish()
}

fn save_picture(canvas: &Canvas, truth: &FrameTruth, options: &Options, path: &Path) -> Result<()> {
    let mut pixels = canvas.rgba().to_vec();
    let (width, height) = (canvas.width() as usize, canvas.height() as usize);
    if options.boxes {
        for object in &truth.objects {
            let colour = if object.ignore {
                [255, 40, 40, 255]
            } else {
                [40, 255, 80, 255]
            };
            let [x1, y1, x2, y2] = object.bbox.map(|edge| edge as usize);
            for y in y1..y2.min(height) {
                for x in x1..x2.min(width) {
                    if y == y1 || y + 1 == y2 || x == x1 || x + 1 == x2 {
                        pixels[(y * width + x) * 4..][..4].copy_from_slice(&colour);
                    }
                }
            }
        }
    }
    let picture = tiny_skia::PixmapRef::from_bytes(&pixels, canvas.width(), canvas.height());
    let picture = picture.ok_or_else(|| anyhow!("a picture of {width}x{height} has no pixels"))?;
    picture
        .save_png(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A video file being written.
struct Clip {
    output: ffmpeg::format::context::Output,
    encoder: ffmpeg::encoder::Video,
    packet: ffmpeg::Packet,
    path: PathBuf,
}

impl Clip {
    /// Quality, speed preset and distance of key frames vary with the seed, as between cameras.
    fn create(path: &Path, seed: u64, options: &Options) -> Result<Self> {
        let (width, height) = options.size;
        let crf =
            options.crf.start + seed.wrapping_mul(7) % (options.crf.end - options.crf.start + 1);
        let preset =
            ["veryfast", "ultrafast", "superfast", "faster", "medium"][(seed % 5) as usize];
        let gop = [24, 12, 8, 50][(seed / 5 % 4) as usize];

        let codec = ffmpeg::encoder::find_by_name("libx264");
        let Some(codec) = codec else {
            bail!("this FFmpeg has no encoder libx264")
        };
        let mut output = ffmpeg::format::output(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        let mut encoder = ffmpeg::codec::context::Context::new_with_codec(codec)
            .encoder()
            .video()?;
        encoder.set_width(width);
        encoder.set_height(height);
        encoder.set_format(ffmpeg::format::Pixel::YUV420P);
        encoder.set_time_base((1, CLIP_FPS));
        encoder.set_frame_rate(Some((CLIP_FPS, 1)));
        encoder.set_gop(gop);
        encoder.set_max_b_frames(0);
        encoder.set_colorspace(ffmpeg::color::Space::BT709);
        encoder.set_color_range(ffmpeg::color::Range::MPEG);
        encoder.set_color_primaries(ffmpeg::color::Primaries::BT709);
        encoder.set_color_transfer_characteristic(ffmpeg::color::TransferCharacteristic::BT709);
        if output
            .format()
            .flags()
            .contains(ffmpeg::format::Flags::GLOBAL_HEADER)
        {
            encoder.set_flags(ffmpeg::codec::Flags::GLOBAL_HEADER);
        }
        let mut settings = ffmpeg::Dictionary::new();
        settings.set("preset", preset);
        settings.set("crf", &crf.to_string());
        settings.set("threads", "1");
        let encoder = encoder
            .open_with(settings)
            .context("libx264 refuses its settings")?;
        let mut stream = output.add_stream(codec)?;
        stream.set_parameters(&encoder);
        stream.set_time_base((1, CLIP_FPS));
        output
            .write_header()
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            output,
            encoder,
            packet: ffmpeg::Packet::empty(),
            path: path.to_owned(),
        })
    }

    fn write(&mut self, canvas: &Canvas, index: i64) -> Result<()> {
        let mut frame = picture(canvas);
        frame.set_pts(Some(index));
        self.encoder.send_frame(&frame)?;
        self.drain()
    }

    fn drain(&mut self) -> Result<()> {
        while self.encoder.receive_packet(&mut self.packet).is_ok() {
            self.packet.set_stream(0);
            self.packet.set_duration(1);
            let base = self
                .output
                .stream(0)
                .map(|stream| stream.time_base())
                .context("the clip has no stream")?;
            self.packet.rescale_ts((1, CLIP_FPS), base);
            self.packet
                .write_interleaved(&mut self.output)
                .with_context(|| format!("cannot write {}", self.path.display()))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.encoder.send_eof()?;
        self.drain()?;
        self.output
            .write_trailer()
            .with_context(|| format!("cannot finish {}", self.path.display()))
    }
}
