//! The graph under `dora run`, a process of its own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use camweave_outdir::{FILE_MODE, Folder};
use camweave_stage::Exit;
use camweave_telemetry::read_reports;

use super::process::{bound, interrupt, wait};
use crate::error::CliError;
use crate::places;

/// dora gives its nodes 10 s to stop; so much and a little more.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// A graph that is about to run.
pub struct Launch {
    /// The file.
    pub graph: PathBuf,
    /// The folder for `dora.log`.
    pub folder: Folder,
    /// The folder for the nodes' counters.
    pub stats: PathBuf,
    /// Variables of dora's environment: the graph's `${NAME}` and `CAMWEAVE_...`.
    pub env: Vec<(String, OsString)>,
    /// Settings that the graph is to declare, as in its root `env:`.
    pub declare: Vec<(String, String)>,
    /// A program with arguments that `dora run` is started by, such as a profiler; or none.
    pub wrapper: Vec<OsString>,
}

/// A running graph.
pub struct Dataflow {
    child: Child,
    log: PathBuf,
    stats: PathBuf,
    done: bool,
}

impl Dataflow {
    /// Starts the graph; what dora and the nodes print goes to `dora.log` in the folder.
    ///
    /// # Errors
    /// The log cannot be written, or dora cannot be started.
    pub fn start(launch: &Launch) -> Result<Self, CliError> {
        let log = launch.folder.claim("dora.log")?;
        let open = || {
            let mut options = File::options();
            options.create(true).append(true).mode(FILE_MODE).open(&log)
        };
        if let Err(error) = fs::remove_file(&log)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(CliError::file("replace", &log, &error));
        }
        launch.folder.claim_file("dora.log")?;
        let (out, err) = open()
            .and_then(|out| Ok((out, open()?)))
            .map_err(|error| CliError::file("open", &log, &error))?;
        let dora = places::dora();
        let wrapper = launch.wrapper.iter().map(OsString::as_os_str);
        let mut words = wrapper.chain([dora.as_os_str()]);
        let program = words.next().unwrap_or_default();
        let mut command = bound(program);
        command.args(words);
        let declared = launch.declare.iter();
        let declared = declared.map(|(name, value)| format!("--env={name}={value}"));
        let child = command
            .arg("run")
            .arg(&launch.graph)
            .args(declared)
            .env("CAMWEAVE_STATS_DIR", &launch.stats)
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // Ctrl-C is this program's to pass on, in order.
            .process_group(0)
            .spawn()
            .map_err(|error| places::no_dora(Path::new(program), &error))?;
        Ok(Self {
            child,
            log,
            stats: launch.stats.clone(),
            done: false,
        })
    }

    /// The process that was started: dora, which is the daemon as well, or its wrapper.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the graph still runs and no stage has given up.
    ///
    /// # Errors
    /// The first stage's reason, or dora's last words.
    pub fn check(&mut self) -> Result<(), CliError> {
        let fatal = read_reports(&self.stats)
            .unwrap_or_default()
            .into_iter()
            .find_map(|report| {
                let reason = report.fatal.clone()?;
                Some((report.stage, reason))
            });
        if let Some((stage, reason)) = fatal {
            return Err(CliError::new(
                Exit::Incomplete,
                format!("{stage}: {reason}"),
            ));
        }
        if let Ok(Some(status)) = self.child.try_wait() {
            self.done = true;
            return Err(CliError::new(
                Exit::Incomplete,
                format!(
                    "the graph ended early ({status}): {}; all of it is in '{}'",
                    self.last_words(),
                    self.log.display()
                ),
            ));
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let telling = |line: &&str| {
            let low = line.to_lowercase();
            low.contains("error") || low.contains("could not") || low.contains("failed")
        };
        text.lines()
            .rev()
            .find(telling)
            .or_else(|| text.lines().rev().find(|line| !line.trim().is_empty()))
            .unwrap_or("it printed nothing")
            .trim()
            .to_owned()
    }

    /// Stops the graph in order.
    pub fn stop(&mut self) -> Result<(), CliError> {
        if !self.done {
            interrupt(&self.child);
            wait(&mut self.child, Instant::now() + STOP_WITHIN);
            self.done = true;
        }
        Ok(())
    }
}

impl Drop for Dataflow {
    fn drop(&mut self) {
        drop(self.stop());
    }
}
