//! `camweave init`: from cameras to a graph that runs.

mod cameras;
mod capacity;
mod choice;
mod device;
mod discovered;
mod site;

use std::path::{Path, PathBuf};

use camweave_cameras::edit::{Editor, Value};
use camweave_stage::Exit;
use clap::Args;

pub use capacity::{Capacity, Measuring, Planned, capacity};
pub use device::{Device, chosen};

use crate::cameras::Search;
use crate::error::CliError;
use crate::say::say;
use crate::terminal::{agrees, can_ask};
use cameras::Found;
use choice::{Choice, choose};
use site::Site;

/// Where systemd runs, this is there.
const SYSTEMD: &str = "/run/systemd/system";

/// Where, and which cameras.
#[derive(Debug, Args)]
pub struct Options {
    /// The folder for cameras and graphs [default: /etc/camweave where the package is installed, else
    /// ./camweave]
    folder: Option<PathBuf>,
    /// A camera; may be repeated. Without any they are asked for
    #[arg(long = "camera", value_name = "ID=URL")]
    cameras: Vec<String>,
    /// Look for cameras on the local network (ONVIF)
    #[arg(long)]
    discover: bool,
    #[command(flatten)]
    search: Search,
    /// What runs the detector
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    device: Device,
    /// A detector instead of those for simulated streets; may be repeated, the best first: the first
    /// that this machine runs often enough is taken
    #[arg(long = "model", value_name = "FILE.onnx")]
    models: Vec<PathBuf>,
    /// Do not measure the machine: detect on each frame, with the first detector
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
    let mut models = Vec::new();
    for named in &options.models {
        let model = named
            .canonicalize()
            .map_err(|error| CliError::file("open", named, &error))?;
        site.check_model(&model)?;
        models.push(model);
    }
    let device = chosen(options.device)?;
    let found = chosen_cameras(options)?;
    if found.is_empty() {
        return Err(CliError::new(
            Exit::Configuration,
            "no camera is named or found, expected --camera ID=URL, such as --camera gate=rtsp://192.0.2.10/stream1, or --discover",
        ));
    }
    let Choice { planned, model } = if options.no_measurement {
        Choice {
            planned: Planned::All,
            model: models.first().cloned(),
        }
    } else {
        choose(device, &models, &found)?
    };
    site.write(device.watched(), model.as_deref())?;
    // Without cameras there is no installation, and it can be begun again.
    write_cameras(&site, &found, planned)
        .inspect_err(|_| drop(std::fs::remove_file(site.graph())))?;
    site.give_cameras()?;
    next(&site, models.is_empty())
}

/// The cameras that are named, found, or typed.
fn chosen_cameras(options: &Options) -> Result<Vec<Found>, CliError> {
    let search = &options.search;
    let is_search = options.discover || !search.addresses.is_empty();
    if let Some(option) = search.given().filter(|_| !is_search) {
        return Err(CliError::new(
            Exit::Configuration,
            format!(
                "{option} is for cameras that are found, expected --discover or --address with it"
            ),
        ));
    }
    let may_ask = can_ask();
    let mut found = cameras::named(&options.cameras)?;
    if is_search {
        discovered::discover(search, may_ask, &mut found)?;
    } else if found.is_empty() && may_ask {
        if agrees("Look for cameras on this network (ONVIF)?")? {
            discovered::discover(search, may_ask, &mut found)?;
        }
        cameras::asked(&mut found)?;
    }
    Ok(found)
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
            "model:   one for simulated streets, which knows no real ones: 'camweave model get' has others, and MODEL in the graph names one"
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
            say!("page:    at {listen}; its log has the token");
        }
        _ => say!("page:    http://localhost:8090/"),
    }
    Ok(Exit::Success)
}
