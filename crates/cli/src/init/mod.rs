//! `camweave init`: from cameras to a graph that runs.

mod cameras;
mod capacity;
mod site;

use std::path::{Path, PathBuf};

use camweave_cameras::edit::{Editor, Value};
use camweave_stage::Exit;
use clap::{Args, ValueEnum};

pub use capacity::{Capacity, Measuring, Planned, capacity};

use crate::doctor;
use crate::error::CliError;
use crate::run::interruption;
use crate::say::{note, say};
use cameras::Found;
use site::Site;

/// Where systemd runs, this is there.
const SYSTEMD: &str = "/run/systemd/system";

/// What does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// A GPU where all that its graphs need is there
    Auto,
    /// The CPU
    Cpu,
    /// A GPU
    Gpu,
}

/// Where, and which cameras.
#[derive(Debug, Args)]
pub struct Options {
    /// The folder for cameras and graphs [default: /etc/camweave where the package is installed, else
    /// ./camweave]
    folder: Option<PathBuf>,
    /// A camera; may be repeated. Without any they are asked for
    #[arg(long = "camera", value_name = "ID=URL")]
    cameras: Vec<String>,
    /// What runs the detector
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    device: Device,
    /// Another detector than the one for simulated streets
    #[arg(long, value_name = "FILE.onnx")]
    model: Option<PathBuf>,
    /// Do not measure the machine: detect on each frame
    #[arg(long)]
    no_measurement: bool,
}

/// Looks at cameras and the machine, and writes an installation.
///
/// # Errors
/// There is one already, no camera is named, or something cannot be written. What cannot be reached
/// or measured is said, and does not end it.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    let site = Site::new(options.folder.as_deref());
    site.check()?;
    let model = options.model.as_ref().map(|model| {
        model
            .canonicalize()
            .map_err(|error| CliError::file("open", model, &error))
    });
    let model = model.transpose()?;
    if let Some(model) = &model {
        site.check_model(model)?;
    }
    let device = chosen(options.device)?;
    let found = match options.cameras.is_empty() {
        false => cameras::named(&options.cameras)?,
        true if cameras::can_ask() => cameras::asked()?,
        true => Vec::new(),
    };
    if found.is_empty() {
        return Err(CliError::new(
            Exit::Configuration,
            "no camera is named, expected --camera ID=URL, such as --camera gate=rtsp://192.0.2.10/stream1",
        ));
    }
    let planned = if options.no_measurement {
        Planned::All
    } else {
        note!("measuring this machine: about half a minute ...");
        plan(device, model.as_deref(), &found)?
    };
    site.write(device.watched(), model.as_deref())?;
    // Without cameras there is no installation, and it can be begun again.
    write_cameras(&site, &found, planned)
        .inspect_err(|_| drop(std::fs::remove_file(site.graph())))?;
    site.give_cameras()?;
    next(&site, model.is_none())
}

/// A device that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    Cpu,
    Gpu,
}

impl Chosen {
    /// The graph that is measured on it.
    pub fn measured(self) -> &'static str {
        match self {
            Self::Cpu => "cpu-batched.yml",
            Self::Gpu => "gpu-batched.yml",
        }
    }

    /// The same with the page.
    fn watched(self) -> &'static str {
        match self {
            Self::Cpu => "cpu-dashboard.yml",
            Self::Gpu => "gpu-dashboard.yml",
        }
    }
}

/// CPU or GPU.
///
/// # Errors
/// A GPU is asked for, and something that its graphs need is missing.
pub fn chosen(asked: Device) -> Result<Chosen, CliError> {
    match (asked, doctor::missing_for_gpu()) {
        (Device::Cpu, _) => Ok(Chosen::Cpu),
        (_, None) => Ok(Chosen::Gpu),
        (Device::Auto, Some(_)) => Ok(Chosen::Cpu),
        (Device::Gpu, Some(lacking)) => Err(CliError::new(
            Exit::Missing,
            format!("--device gpu: {lacking}"),
        )),
    }
}

/// How often these cameras can be detected on, told to the user.
fn plan(device: Chosen, model: Option<&Path>, found: &[Found]) -> Result<Planned, CliError> {
    let interrupted = interruption()?;
    let folder = tempfile::tempdir()
        .map_err(|error| CliError::file("create", &std::env::temp_dir(), &error))?;
    // The largest frames cost the most to decode.
    let pixels = |it: &&Found| u64::from(it.size.0) * u64::from(it.size.1);
    let (width, height) = found
        .iter()
        .max_by_key(pixels)
        .map_or((640, 360), |it| it.size);
    let shipped = crate::shipped::model(crate::shipped::DETECTOR);
    let measuring = Measuring {
        graph: device.measured(),
        model: model.or(shipped.as_deref().ok()),
        size: format!("{}x{}", width & !1, height & !1),
        out: folder.path(),
    };
    let capacity = match capacity(&measuring, &interrupted) {
        Ok(capacity) => capacity,
        Err(error) if interrupted.load(std::sync::atomic::Ordering::Acquire) => return Err(error),
        Err(error) => {
            note!("the machine cannot be measured, so each frame is detected on: {error}");
            return Ok(Planned::All);
        }
    };
    let rates: Vec<f64> = found.iter().map(|it| it.fps).collect();
    let mean = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
    note!(
        "this machine detects on {:.0} frames/s of {}",
        capacity.frames_per_second,
        measuring.size
    );
    let planned = capacity.plan(&rates);
    let detected = match planned {
        Planned::All => mean,
        Planned::DetectFps(rate) => rate,
        Planned::TooMany => 1.0,
    };
    let most = capacity.cameras(mean, detected);
    let more = (most as usize).saturating_sub(found.len());
    note!(
        "{}",
        match planned {
            Planned::All => {
                format!("every frame is detected on; {more} cameras more like these would fit")
            }
            Planned::DetectFps(rate) => format!(
                "each camera is detected on {rate} times a second (detect_fps in cameras.yml); {more} cameras more like these would fit"
            ),
            Planned::TooMany => format!(
                "these cameras are more than this machine carries: with one frame per second and camera {most} would fit. Frames will be dropped, and counted"
            ),
        }
    );
    Ok(match planned {
        Planned::TooMany => Planned::DetectFps(1.0),
        other => other,
    })
}

fn write_cameras(site: &Site, found: &[Found], planned: Planned) -> Result<(), CliError> {
    std::fs::create_dir_all(&site.folder)
        .map_err(|error| CliError::file("create", &site.folder, &error))?;
    let failed = |error: camweave_cameras::edit::EditError| {
        CliError::new(Exit::Configuration, error.to_string())
    };
    let mut editor = Editor::open_or_create(&site.cameras()).map_err(failed)?;
    for camera in found {
        let mut fields = camera.fields.clone();
        if let Planned::DetectFps(rate) = planned
            && rate < camera.fps
        {
            fields.push(("detect_fps", Value::text(rate.to_string())));
        }
        editor.add(&camera.id, &fields).map_err(failed)?;
    }
    editor.save().map_err(failed)?;
    Ok(())
}

/// What the user does now.
fn next(site: &Site, is_street: bool) -> Result<Exit, CliError> {
    say!("cameras: {}", site.cameras().display());
    say!("graph:   {}", site.graph().display());
    if is_street {
        say!(
            "model:   the one for simulated streets, which knows no real ones: 'camweave model get' has others, and MODEL in the graph names one"
        );
    }
    if site.is_packaged() && !Path::new(SYSTEMD).exists() {
        // The container's entry point waits for the graph.
        say!("start:   a container of camweave starts it now");
    } else if site.is_packaged() {
        say!("start:   sudo systemctl enable --now camweave-coordinator camweave-daemon camweave");
    } else {
        say!("start:   dora run {}", site.graph().display());
    }
    match std::env::var("LISTEN") {
        // The graph takes it from there.
        Ok(listen) if site.is_packaged() => {
            say!("page:    port and address {listen}, by the token in the log")
        }
        _ => say!("page:    http://localhost:8090/"),
    }
    Ok(Exit::Success)
}
