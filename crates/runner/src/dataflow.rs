//! The graph under `dora run`, a process of its own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use camweave_outdir::{FILE_MODE, Folder};
use camweave_stage::Exit;
use camweave_telemetry::{StageReport, read_reports};
use rustix::process::Signal;

use crate::process::{LOOK_EVERY, bound, stop, wait_until};
use crate::{RunError, places, signal};

/// dora gives its nodes 10 s to stop; so much and a little more.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// Of the log, as much is shown where it has to explain an end.
const SHOWN_LINES: usize = 40;

/// A graph that is about to run.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// The file.
    pub graph: PathBuf,
    /// Where dora's and the nodes' lines go; what is there is kept.
    pub log: PathBuf,
    /// The folder for the nodes' counters.
    pub stats: PathBuf,
    /// Variables of dora's environment: the graph's `${NAME}` and `CAMWEAVE_...`.
    pub env: Vec<(String, OsString)>,
    /// Settings that the graph is to declare, as in its root `env:`.
    pub declare: Vec<(String, String)>,
    /// A program with arguments that `dora run` is started by, such as a profiler; or none.
    pub wrapper: Vec<OsString>,
}

/// Takes the name of a new `dora.log` in a folder of results.
///
/// # Errors
/// Another than camweave's is there, or the folder refuses.
pub fn claim_log(folder: &Folder) -> Result<PathBuf, RunError> {
    const NAME: &str = "dora.log";
    let log = folder.claim(NAME)?;
    if let Err(error) = fs::remove_file(&log)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(RunError::file("replace", &log, &error));
    }
    folder.claim_file(NAME)?;
    Ok(log)
}

/// A running graph; dropping it stops it in order.
#[derive(Debug)]
pub struct Dataflow {
    child: Child,
    log: PathBuf,
    stats: PathBuf,
    ended: Option<ExitStatus>,
}

impl Dataflow {
    /// Starts the graph.
    ///
    /// # Errors
    /// The log cannot be written, or dora cannot be started.
    pub fn start(launch: &Launch) -> Result<Self, RunError> {
        let log = launch.log.clone();
        let mut options = File::options();
        let open = options.create(true).append(true).mode(FILE_MODE).open(&log);
        let (out, err) = open
            .and_then(|out| Ok((out.try_clone()?, out)))
            .map_err(|error| RunError::file("open", &log, &error))?;
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
            ended: None,
        })
    }

    /// The process that was started: dora, which is the daemon as well, or its wrapper.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// How dora ended, once it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// The stages' reports as they are now; empty where there are none yet.
    #[must_use]
    pub fn reports(&self) -> Vec<StageReport> {
        read_reports(&self.stats).unwrap_or_default()
    }

    /// Whether the graph still runs and no stage has given up.
    ///
    /// # Errors
    /// The first stage's reason, or dora's last words.
    pub fn check(&mut self) -> Result<(), RunError> {
        let fatal = self.reports().into_iter().find_map(|report| {
            let reason = report.fatal?;
            Some(format!("{}: {reason}", report.stage))
        });
        if let Some(line) = fatal {
            return Err(RunError::new(Exit::Incomplete, line));
        }
        if let Some(status) = self.ended() {
            return Err(RunError::new(
                Exit::Incomplete,
                format!(
                    "the graph ended early ({status}): {}; the full log is in '{}'",
                    self.last_words(),
                    self.log.display()
                ),
            ));
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let text = self.log();
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

    /// What dora and the nodes have printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines of that.
    #[must_use]
    pub fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }

    /// Waits until `ready` gives a value; `what` is what is waited for.
    ///
    /// # Errors
    /// The graph ended, or `timeout` passed before; with the end of the log.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        timeout: Duration,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T, RunError> {
        let begin = Instant::now();
        loop {
            // It may come with the end.
            let ended = self.ended();
            if let Some(value) = ready() {
                return Ok(value);
            }
            let why = match ended {
                Some(status) => format!("the graph ended ({status}) before {what}"),
                None if begin.elapsed() > timeout => format!("no {what} within {timeout:?}"),
                None => {
                    std::thread::sleep(LOOK_EVERY);
                    continue;
                }
            };
            let end = self.log_end();
            return Err(RunError::new(Exit::Incomplete, format!("{why}: {end}")));
        }
    }

    /// Waits until the graph ends by itself.
    ///
    /// # Errors
    /// It does not within `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus, RunError> {
        if self.ended().is_none() {
            self.ended = wait_until(&mut self.child, Instant::now() + timeout);
        }
        self.ended.ok_or_else(|| {
            let end = self.log_end();
            let line = format!("the graph still runs after {timeout:?}: {end}");
            RunError::new(Exit::Incomplete, line)
        })
    }

    /// Asks the graph to stop, as Ctrl-C does.
    pub fn interrupt(&mut self) {
        if self.ended().is_none() {
            signal(self.process_id(), Signal::INT);
        }
    }

    /// Stops the graph in order, and in the end by force.
    pub fn stop(&mut self) {
        if self.ended().is_none() {
            stop(&mut self.child, STOP_WITHIN);
            self.ended();
        }
    }
}

impl Drop for Dataflow {
    fn drop(&mut self) {
        self.stop();
    }
}
