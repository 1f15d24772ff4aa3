//! A graph under `dora run`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a graph may take to stop.
const STOP_AT_MOST: Duration = Duration::from_secs(30);

/// A running graph; it is stopped in order when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `dora run` of the file `graph`; what it says goes to the file `log`.
    ///
    /// # Errors
    /// The command `dora` is missing, or the log cannot be written.
    pub fn start(graph: &Path, log: &Path) -> Result<Self> {
        let output =
            File::create(log).with_context(|| format!("cannot write '{}'", log.display()))?;
        let child = Command::new("dora")
            .arg("run")
            .arg(graph)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot start 'dora' (pip install dora-rs-cli==1.1.0)")?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// The process of the command, which is the daemon as well.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` gives a value.
    ///
    /// # Errors
    /// The graph ended, or `timeout` passed before; or `ready` failed.
    pub fn wait_for<T>(
        &mut self,
        timeout: Duration,
        what: &str,
        mut ready: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let begin = Instant::now();
        loop {
            if let Some(value) = ready()? {
                return Ok(value);
            }
            if let Some(status) = self.child.try_wait()? {
                // It may have come with the end.
                if let Some(value) = ready()? {
                    return Ok(value);
                }
                bail!("the graph ended ({status}) before {what}: {}", self.tail());
            }
            if begin.elapsed() > timeout {
                bail!("no {what} within {timeout:?}: {}", self.tail());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the graph ends by itself.
    ///
    /// # Errors
    /// It does not within `timeout`, or a node failed.
    pub fn wait(mut self, timeout: Duration) -> Result<()> {
        let begin = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the graph ended with {status}: {}", self.tail()),
                None if begin.elapsed() > timeout => {
                    bail!("the graph still runs after {timeout:?}: {}", self.tail())
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Stops the graph in order.
    fn stop(&mut self) -> std::io::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::INT)?;
        }
        let begin = Instant::now();
        while begin.elapsed() < STOP_AT_MOST {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// The last lines of the log.
    fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The measurement is over: what fails here changes nothing in it.
        let _ = self.stop();
    }
}
