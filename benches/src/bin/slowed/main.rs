//! `cpu-infer`, slowed down on purpose: after each message it burns a set share of the CPU time that
//! the message took. With this in one side of a comparison it is known what must be found.

use std::process::ExitCode;
use std::time::Duration;

use camweave_cpu_infer::{CpuInfer, CpuInferSettings};
use camweave_message::{Frame, Head};
use camweave_stage::{
    Context, DropReason, Output, QueuePolicy, Required, Settings, Stage, StageError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Those of `cpu-infer`, and the share.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
struct SlowedSettings {
    #[serde(flatten)]
    inner: CpuInferSettings,
    /// of the CPU time that a message took, burnt after it
    #[schemars(range(min = 0, max = 1000), extend("unit" = "percent"))]
    slowed_percent: Required<f64>,
}

impl Settings for SlowedSettings {
    fn check(&self) -> Result<(), StageError> {
        self.inner.check()
    }

    fn check_files(&self) -> Result<(), StageError> {
        self.inner.check_files()
    }
}

/// Not the wall clock's: a process can be held meanwhile (`camweave ab --slices`).
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

struct Slowed {
    inner: CpuInfer,
    share: f64,
    /// The process's CPU time when the message came that is still to be brought to its end.
    begun: Option<Duration>,
}

impl Stage for Slowed {
    const KIND: &'static str = CpuInfer::KIND;
    const ABOUT: &'static str = CpuInfer::ABOUT;
    type Settings = SlowedSettings;
    const DROPS: &'static [DropReason] = CpuInfer::DROPS;
    type In = Frame;
    type Out = Head;

    fn open(settings: SlowedSettings, context: &Context) -> Result<Self, StageError> {
        let percent = settings.slowed_percent.0;
        Ok(Self {
            inner: CpuInfer::open(settings.inner, context)?,
            share: percent / 100.0,
            begun: None,
        })
    }

    fn queue(&self) -> QueuePolicy {
        self.inner.queue()
    }

    fn rows(&mut self, rows: Vec<Frame>, out: &mut Output<Head>) -> Result<(), StageError> {
        self.begun = Some(cpu_time());
        self.inner.rows(rows, out)
    }

    fn tick(&mut self, out: &mut Output<Head>) -> Result<(), StageError> {
        // The inner tick lets go of the heads that were sent before it. Those of this message must
        // come after it, or their slots are free before the message has left.
        self.inner.tick(out)?;
        let Some(begun) = self.begun.take() else {
            return Ok(());
        };
        self.inner.finish(out)?;
        let until = begun + (cpu_time() - begun).mul_f64(1.0 + self.share);
        while cpu_time() < until {
            std::hint::spin_loop();
        }
        Ok(())
    }

    fn close(&mut self, out: &mut Output<Head>) -> Result<(), StageError> {
        self.inner.close(out)
    }
}

fn main() -> ExitCode {
    camweave_stage::main::<Slowed>()
}
