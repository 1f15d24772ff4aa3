//! `camweave cameras test`: what one camera sends.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use camweave_cameras::{Camera, StreamRole, load};
use camweave_outdir::{FILE_MODE, replace};
use camweave_probe::{Clock, Failure, Image, ImageError, Probed, Step, probe};
use camweave_redact::printable;
use camweave_stage::Exit;
use clap::{Args, ValueEnum};

use super::reach::{Reach, checked};
use crate::error::CliError;
use crate::say::{note, say};

/// Which camera, and how.
#[derive(Debug, Args)]
pub struct Options {
    /// A cameras.yml, or a camera's URL.
    #[arg(value_name = "FILE or URL")]
    target: String,
    /// With a cameras.yml: the camera.
    id: Option<String>,
    /// With a cameras.yml, of a camera with two streams: which one.
    #[arg(long, value_enum, default_value_t = Which::Detect, requires = "id")]
    stream: Which,
    #[command(flatten)]
    reach: Reach,
    /// Watch for so many seconds; up to 20 until a second keyframe comes.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Write a decoded frame into this file, as a PNG.
    #[arg(long, value_name = "PNG")]
    image: Option<PathBuf>,
}

/// A stream of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The one that is detected on
    Detect,
    /// The one that is recorded
    Record,
}

impl From<Which> for StreamRole {
    fn from(which: Which) -> Self {
        match which {
            Which::Detect => Self::Detect,
            Which::Record => Self::Record,
        }
    }
}

pub fn run(options: &Options) -> Result<Exit, CliError> {
    let camera = asked(options)?;
    let watch = Duration::from_secs(options.seconds);
    let usual = camweave_probe::Options::default();
    let how = camweave_probe::Options {
        watch,
        watch_at_most: usual.watch_at_most.max(watch),
        with_image: options.image.is_some(),
        ..usual
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Resource, format!("cannot start: {error}")))?;
    let found = runtime.block_on(probe(&camera, &how, |step| match step {
        Step::Connecting { client } => note!("connecting to {} ({client}) ...", camera.url),
        Step::Playing { codec } => note!("it plays {}", codec.as_str()),
        Step::Watching { time } => note!("watching for {} s ...", time.as_secs()),
    }));
    // A host's name that is still being looked up is not waited for.
    runtime.shutdown_background();
    match found {
        Ok(found) => show(&camera, &found, options.image.as_deref()),
        Err(failure) => Err(failed(&camera, &failure)),
    }
}

/// The camera that the command line names.
fn asked(options: &Options) -> Result<Camera, CliError> {
    let wrong = |message: String| CliError::new(Exit::Configuration, message);
    let Some(id) = &options.id else {
        if !options.target.contains("://") {
            return Err(wrong(
                "expected a cameras.yml with a camera's id, or a camera's URL".to_owned(),
            ));
        }
        return checked("camera", &options.reach.fields(&options.target)?);
    };
    let file = Path::new(&options.target);
    let cameras = load(file).map_err(|error| wrong(error.to_string()))?;
    let found = cameras.into_iter().find(|camera| camera.id == *id);
    let found = found.map(|camera| camera.with_stream(options.stream.into()));
    found.ok_or_else(|| {
        wrong(format!(
            "'{}' has no camera '{}': 'camweave cameras FILE' lists them",
            file.display(),
            printable(id)
        ))
    })
}

fn failed(camera: &Camera, failure: &Failure) -> CliError {
    let text = camera.known_secrets().hide(&failure.to_string());
    CliError::new(
        Exit::Incomplete,
        format!(
            "the camera at {} cannot be played ({}): {text}\nwhat to do: {}",
            camera.url,
            failure.kind.as_str(),
            failure.kind.advice()
        ),
    )
}

fn show(camera: &Camera, found: &Probed, file: Option<&Path>) -> Result<Exit, CliError> {
    let stream = &found.stream;
    let size = found.size;
    let size = size.map_or(String::new(), |(width, height)| {
        format!(", {width}x{height}")
    });
    say!("camera      {}", camera.url);
    say!("codec       {}{size}", found.codec.as_str());
    let seconds = stream.seconds;
    match stream.frame_rate {
        Some(rate) => say!(
            "frame rate  {rate:.2} frames/s ({} in {seconds:.1} s)",
            stream.frames
        ),
        None => say!("frame rate  unknown: {} frames came", stream.frames),
    }
    match stream.keyframe_interval {
        Some(interval) => say!(
            "keyframes   every {} frames ({:.1} s)",
            interval.frames,
            interval.seconds
        ),
        None => say!("keyframes   fewer than two in {seconds:.1} s"),
    }
    if let Some(bits) = stream.bit_rate {
        let largest = stream.largest_bytes >> 10;
        say!(
            "bit rate    {:.2} Mbit/s, the largest access unit has {largest} KiB",
            bits / 1e6
        );
    }
    match stream.clock {
        Clock::SenderReport { offset_seconds } => say!(
            "clock       the camera's own (sender reports); frames arrive {offset_seconds:.3} s after their capture"
        ),
        Clock::Arrival => say!("clock       none of its own: capture times are those of arrival"),
    }
    say!("transport   {}, client {}", found.transport, found.client);
    match found.remarks.split_first() {
        None => say!("unusual     nothing"),
        Some((first, others)) => {
            say!("unusual     {first}");
            for remark in others {
                say!("            {remark}");
            }
        }
    }
    match (file, &found.image) {
        (Some(file), Some(image)) => write(file, image.as_ref()),
        _ => Ok(Exit::Success),
    }
}

fn write(file: &Path, image: Result<&Image, &ImageError>) -> Result<Exit, CliError> {
    let no_image = |error: &dyn Display| CliError::new(Exit::Incomplete, error.to_string());
    let image = image.map_err(|error| no_image(error))?;
    let bytes = image.to_png().map_err(|error| no_image(&error))?;
    replace(file, &bytes, FILE_MODE).map_err(|error| CliError::file("write", file, &error))?;
    say!(
        "image       {} ({}x{})",
        file.display(),
        image.width,
        image.height
    );
    Ok(Exit::Success)
}
