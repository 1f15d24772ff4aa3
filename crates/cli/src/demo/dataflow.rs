//! The graph under `dora run`, a process of its own.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camweave_stage::Exit;
use camweave_telemetry::read_reports;
use rustix::process::{Pid, Signal};

use super::Folder;
use crate::error::CliError;
use crate::places;

/// dora gives its nodes 10 s to stop; so much and a little more.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// A running graph.
pub struct Dataflow {
    child: Child,
    log: PathBuf,
    stats: PathBuf,
    done: bool,
}

impl Dataflow {
    /// Starts the graph; what dora and the nodes print goes to `dora.log` in the folder.
    pub fn start(
        graph: &Path,
        cameras: &Path,
        model: &Path,
        folder: &Folder,
    ) -> Result<Self, CliError> {
        let log = folder.0.join("dora.log");
        let open = || File::options().create(true).append(true).open(&log);
        drop(File::create(&log).map_err(|error| CliError::file("create", &log, &error))?);
        let (out, err) = open()
            .and_then(|out| Ok((out, open()?)))
            .map_err(|error| CliError::file("open", &log, &error))?;
        let dora = places::dora();
        let child = Command::new(&dora)
            .arg("run")
            .arg(graph)
            .env("CAMERAS", cameras)
            .env("MODEL", model)
            .env("OUT", &folder.0)
            .env("CAMWEAVE_STATS_DIR", folder.stats())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // Ctrl-C is this program's to pass on, in order.
            .process_group(0)
            .spawn()
            .map_err(|error| {
                CliError::new(
                    Exit::Missing,
                    format!(
                        "cannot start '{}': {error}; install dora with scripts/setup.sh, or name it in CAMWEAVE_DORA",
                        dora.display()
                    ),
                )
            })?;
        Ok(Self {
            child,
            log,
            stats: folder.stats(),
            done: false,
        })
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

/// Sends SIGINT to a child; one that has ended meanwhile needs none.
pub fn interrupt(child: &Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, Signal::INT);
    }
}

/// Waits for a child, and kills it at `deadline`.
pub fn wait(child: &mut Child, deadline: Instant) {
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= deadline {
            drop(child.kill());
            drop(child.wait());
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
