//! A model's first run, in a process that may die of it.
//!
//! An engine that gets no memory ends its process, and what a network asks for is known for sure
//! only once it has run: sizes may be computed from a frame's shape. So a node's program starts
//! itself once more with an argument, with bounds for memory and time, before it loads a model.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use camweave_model::ModelFile;
use camweave_stage::{Exit, StageError};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};

use crate::opening::Libraries;
use crate::options::NetworkOptions;

/// Loading a model and running it once takes at most so long.
const TIME: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Address space of the program, its threads and the engine's library.
const BASE_BYTES: u64 = 1 << 30;
/// Of each thread, and of its lane: their stacks.
const OF_THREAD: u64 = 16 << 20;
/// Engines keep weights in other forms beside the file's, each value with 32 bits.
const OF_WEIGHTS: u64 = 8;
/// All that a network makes of its input lives at once, at worst.
const OF_INPUT: u64 = 64;
/// A line of an error, in bytes.
pub const MAX_LINE: usize = 4096;

/// The program that answers by [`Trial::answer`].
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Names a program that answers by [`Trial::answer`]; without one, no model is tried before it is
/// opened.
pub fn use_program(program: PathBuf) {
    let _ = PROGRAM.set(program);
}

/// The trial of one kind of models.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// What a program is started with that tries a model and ends.
    pub argument: &'static str,
    /// Loads a model and runs it once.
    pub load: fn(&NetworkOptions) -> Result<(), StageError>,
}

impl Trial {
    /// Tries a model in a process of its own, if this program can.
    ///
    /// # Errors
    /// Those of [`Trial::load`], and the process has died or took too long.
    pub fn check(
        &self,
        options: &NetworkOptions,
        file: &ModelFile,
        size: (u32, u32),
    ) -> Result<(), StageError> {
        check(self.argument, options, file, size)
    }

    /// What the process does that was started with [`Trial::argument`] and these arguments.
    ///
    /// # Errors
    /// Those of [`Trial::load`]; it was not started by [`Trial::check`].
    pub fn answer(&self, arguments: &[OsString]) -> Result<(), StageError> {
        let (parent, bytes, options) = parsed(arguments).ok_or_else(|| {
            StageError::internal(format!("{} is for this program alone", self.argument))
        })?;
        let bounded = |error: rustix::io::Errno| {
            StageError::resource(format!("cannot bound a process: {error}"))
        };
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(bounded)?;
        if std::os::unix::process::parent_id() != parent {
            return Err(StageError::internal("its parent is gone"));
        }
        let at_most = |value| Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        setrlimit(Resource::Core, at_most(0)).map_err(bounded)?;
        setrlimit(Resource::As, at_most(bytes)).map_err(bounded)?;
        (self.load)(&options)
    }
}

fn check(
    argument: &str,
    options: &NetworkOptions,
    file: &ModelFile,
    (width, height): (u32, u32),
) -> Result<(), StageError> {
    let Some(program) = PROGRAM.get() else {
        return Ok(());
    };
    // A dynamic batch is tried with as many frames as it may have.
    let frames = file.input.batch.unwrap_or(options.max_batch.max(1)) as u64;
    let input = (u64::from(width) * u64::from(height) * 3 * 4).saturating_mul(frames);
    let threads = options.threads();
    let bytes = BASE_BYTES
        .saturating_add(OF_THREAD * threads as u64)
        .saturating_add(file.weight_bytes.saturating_mul(OF_WEIGHTS))
        .saturating_add(input.saturating_mul(OF_INPUT));
    let refuse = |why: String| StageError::input(format!("model '{}': {why}", file.path.display()));
    let cannot = |error: std::io::Error| {
        StageError::resource(format!(
            "cannot start a process to try the model '{}' in: {error}",
            file.path.display()
        ))
    };
    let mut child = Command::new(program)
        .arg(argument)
        .args(written(options, bytes))
        // Each thread's own heap would reserve address space.
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(cannot)?;
    let Some(status) = wait(&mut child, TIME).map_err(cannot)? else {
        return Err(refuse(format!(
            "loading it and running it once takes more than {} s, expected less",
            TIME.as_secs()
        )));
    };
    let Some(exit) = said(status) else {
        let how = match status.signal() {
            Some(signal) => format!("signal {signal}"),
            None => format!("exit code {}", status.code().unwrap_or_default()),
        };
        return Err(refuse(format!(
            "a process with {} MiB that loaded it and ran it once has died ({how}), expected a model that needs no more",
            bytes >> 20
        )));
    };
    if exit == Exit::Success {
        return Ok(());
    }
    let mut line = Vec::new();
    let stdout = child.stdout.take();
    let read = stdout.map(|it| it.take(MAX_LINE as u64).read_to_end(&mut line));
    read.transpose().map_err(cannot)?;
    Err(StageError {
        exit,
        message: String::from_utf8_lossy(&line).into_owned(),
    })
}

/// What the process has said by its exit code; `None`: it has died.
fn said(status: ExitStatus) -> Option<Exit> {
    let said = [
        Exit::Success,
        Exit::Configuration,
        Exit::Input,
        Exit::Missing,
        Exit::Resource,
    ];
    said.into_iter()
        .find(|it| status.code() == Some(*it as i32))
}

/// Waits for the end; `None`: it took too long, and was killed.
fn wait(child: &mut Child, at_most: Duration) -> std::io::Result<Option<ExitStatus>> {
    let until = Instant::now() + at_most;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The process's arguments.
fn written(options: &NetworkOptions, bytes: u64) -> Vec<OsString> {
    let library = |named: &Option<PathBuf>| named.clone().unwrap_or_default().into_os_string();
    let numbers = [
        u64::from(std::process::id()),
        bytes,
        options.threads as u64,
        u64::from(options.side),
        options.max_batch as u64,
    ];
    let mut all: Vec<OsString> = numbers.iter().map(|it| it.to_string().into()).collect();
    all.extend([
        options.engine.as_str().into(),
        options.model.clone().into_os_string(),
        library(&options.libraries.onnxruntime),
        library(&options.libraries.openvino),
        options.family.clone().unwrap_or_default().into(),
    ]);
    all
}

/// Reads them.
fn parsed(arguments: &[OsString]) -> Option<(u32, u64, NetworkOptions)> {
    let number = |index: usize| -> Option<u64> { arguments.get(index)?.to_str()?.parse().ok() };
    let engine = arguments.get(5)?.to_str()?.to_owned().try_into().ok()?;
    let library = |index: usize| -> Option<PathBuf> {
        let named = arguments.get(index)?;
        (!named.is_empty()).then(|| PathBuf::from(named))
    };
    let options = NetworkOptions {
        model: PathBuf::from(arguments.get(6)?),
        engine,
        libraries: Libraries {
            onnxruntime: library(7),
            openvino: library(8),
        },
        threads: usize::try_from(number(2)?).ok()?,
        side: u32::try_from(number(3)?).ok()?,
        max_batch: usize::try_from(number(4)?).ok()?,
        family: match arguments.get(9)?.to_str()? {
            "" => None,
            family => Some(family.to_owned()),
        },
    };
    Some((u32::try_from(number(0)?).ok()?, number(1)?, options))
}
