//! `camweave engine`: builds TensorRT engines, and says what a plan or a model is.

#[path = "engine_info.rs"]
mod info;
#[path = "engine_prepare.rs"]
mod prepare;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use camweave_model::{ModelError, ModelErrorKind, ModelFile, input_size};
use camweave_stage::Exit;
use camweave_tensorrt::{
    Built, EngineCache, EngineSpec, Error, ErrorKind, Gpu, ModelFacts, Precision, Progress,
    Sidecar, TensorRt, Wishes, sidecar_path, write_engine,
};
use clap::{Args, Subcommand};

pub use prepare::prepare;

use crate::error::CliError;
use crate::say::{note, say};

/// The parts of `camweave engine`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build a TensorRT engine of an ONNX file for this machine's GPU, for batches of 1 to N.
    Build(Box<Options>),
    /// Describe an ONNX file or a plan, and whether the plan fits this machine.
    Info {
        /// The file.
        file: PathBuf,
    },
}

/// What to build.
#[derive(Debug, Args)]
pub struct Options {
    /// A detector's ONNX file.
    model: PathBuf,
    /// Frames of one inference at most.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=256))]
    max_batch: u32,
    /// Batch size that the engine is tuned for; by default the maximum.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    opt_batch: Option<u32>,
    /// Side of the square input in pixels, for a model with a dynamic one; 0: from the file.
    #[arg(long, default_value_t = 0)]
    size: u32,
    /// Precision that the network computes in; from TensorRT 11 on it must be the file's own.
    #[arg(long, value_enum, default_value_t = Precision::Fp16)]
    precision: Precision,
    /// TensorRT's builder optimization level: 0 builds quickly, 5 searches longest.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=5))]
    level: u8,
    /// Let lean runtimes of later TensorRT versions run the plan.
    #[arg(long)]
    version_compatible: bool,
    /// TensorRT's timing cache, read and updated; by default a file in the engine cache.
    #[arg(long, value_name = "FILE")]
    timing_cache: Option<PathBuf>,
    /// Write the plan to this file and its metadata to FILE.json; by default to the engine cache,
    /// where 'trt-infer' finds it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The CUDA device.
    #[arg(long, default_value_t = 0)]
    device: u32,
}

/// Runs a part of `camweave engine`.
pub fn run(command: &Command) -> Result<Exit, CliError> {
    match command {
        Command::Build(options) => build(options),
        Command::Info { file } => info::show(file),
    }
}

fn build(options: &Options) -> Result<Exit, CliError> {
    let file = ModelFile::read(&options.model).map_err(|error| of_model(&error))?;
    let wishes = wishes(options, &file)?;
    let (context, gpu) = device(options.device)?;
    context.bind().map_err(|error| of_cuda(&error))?;
    let tensorrt = TensorRt::load().map_err(|error| of_tensorrt(&error))?;
    let spec = EngineSpec::of_file(&file, &wishes, &tensorrt, &gpu)
        .map_err(|error| of_tensorrt(&error))?;
    say!(
        "{}: {}x{}, batches of {} to {}, {}, for {} with {}",
        file.id,
        spec.width,
        spec.height,
        spec.batch.min,
        spec.batch.max,
        spec.precision,
        gpu.name,
        tensorrt.version()
    );
    let make = |timing: &[u8]| -> Result<Built, Error> {
        let timing = match &options.timing_cache {
            Some(path) => std::fs::read(path).unwrap_or_default(),
            None => timing.to_vec(),
        };
        let build =
            |progress: &OnProgress<'_>| spec.build(&tensorrt, &file.path, &timing, progress);
        let built = watched(&|| true, build)?;
        if let Some(path) = &options.timing_cache {
            std::fs::write(path, &built.timing_cache).map_err(|error| {
                let path = path.display();
                Error::new(
                    ErrorKind::Resource,
                    format!("cannot write '{path}': {error}"),
                )
            })?;
        }
        Ok(built)
    };
    let facts = ModelFacts::of_file(&file);
    let path = match &options.out {
        Some(out) => {
            let built = make(&[]).map_err(|error| of_tensorrt(&error))?;
            let sidecar = Sidecar::new(spec.clone(), facts, &built.plan);
            write_engine(out, &built.plan, &sidecar).map_err(|error| of_tensorrt(&error))?;
            out.clone()
        }
        None => {
            let cache = EngineCache::of_user().map_err(|error| of_tensorrt(&error))?;
            let found = cache.get_or_build(&spec, &facts, make);
            let found = found.map_err(|error| of_tensorrt(&error))?;
            if found.built_because.is_none() {
                say!("it is in the cache already");
            }
            found.path
        }
    };
    say!("plan: {}", path.display());
    say!("sidecar: {}", sidecar_path(&path).display());
    Ok(Exit::Success)
}

fn wishes(options: &Options, file: &ModelFile) -> Result<Wishes, CliError> {
    let opt_batch = options.opt_batch.unwrap_or(options.max_batch);
    if opt_batch > options.max_batch {
        return Err(CliError::new(
            Exit::Configuration,
            format!(
                "--opt-batch is {opt_batch}, expected at most --max-batch ({})",
                options.max_batch
            ),
        ));
    }
    let size = input_size(file, options.size, "--size").map_err(|error| of_model(&error))?;
    Ok(Wishes {
        max_batch: options.max_batch,
        opt_batch,
        size,
        precision: options.precision,
        // 3 is TensorRT's own default, so it is the same engine.
        level: (options.level != 3).then_some(options.level),
        version_compatible: options.version_compatible,
    })
}

/// A device, and what sidecars call it.
fn device(ordinal: u32) -> Result<(camweave_cuda::Context, Gpu), CliError> {
    let context = camweave_cuda::Context::open(ordinal).map_err(|error| of_cuda(&error))?;
    let gpu = Gpu {
        name: context.name().to_owned(),
        compute_capability: context.compute_capability(),
    };
    Ok((context, gpu))
}

/// How often a build that takes minutes says that it is still there.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Hears how far a build is; `false` cancels it.
type OnProgress<'a> = dyn Fn(Progress<'_>) -> bool + Sync + 'a;

/// Runs a build, and says how far it is. It is cancelled when it may not `go_on`.
fn watched(
    go_on: &(dyn Fn() -> bool + Sync),
    build: impl FnOnce(&OnProgress<'_>) -> Result<Built, Error>,
) -> Result<Built, Error> {
    let began = Instant::now();
    let phase = &Mutex::new(String::new());
    let (ended, end) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while end.recv_timeout(SAY_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                let phase = phase.lock().unwrap_or_else(PoisonError::into_inner);
                // TensorRT tells from version 10 on what it is at.
                let colon = if phase.is_empty() { "" } else { ": " };
                note!("building, {} s{colon}{phase}", began.elapsed().as_secs());
            }
        });
        let result = build(&|progress| {
            let mut phase = phase.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(step) = progress.step {
                *phase = format!("{}, step {step}", progress.phase);
            } else {
                *phase = format!("{} of {} steps", progress.phase, progress.steps);
            }
            go_on()
        });
        drop(ended);
        if result.is_ok() {
            note!("built in {} s", began.elapsed().as_secs());
        }
        result
    })
}

fn of_model(error: &ModelError) -> CliError {
    let exit = match error.kind() {
        ModelErrorKind::File => Exit::Input,
        ModelErrorKind::Option => Exit::Configuration,
    };
    CliError::new(exit, error.to_string())
}

fn of_tensorrt(error: &Error) -> CliError {
    let exit = match error.kind() {
        ErrorKind::Missing => Exit::Missing,
        ErrorKind::Input => Exit::Input,
        ErrorKind::Configuration => Exit::Configuration,
        ErrorKind::Resource => Exit::Resource,
    };
    CliError::new(exit, error.to_string())
}

fn of_cuda(error: &camweave_cuda::CudaError) -> CliError {
    let exit = match error.kind() {
        camweave_cuda::CudaErrorKind::Missing => Exit::Missing,
        _ => Exit::Resource,
    };
    CliError::new(exit, error.to_string())
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|error| CliError::file("read", path, &error))
}
