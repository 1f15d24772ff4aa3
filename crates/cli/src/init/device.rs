//! What does the work: the CPU or a GPU.

use camweave_stage::Exit;
use clap::ValueEnum;

use crate::doctor;
use crate::error::CliError;

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
    pub fn watched(self) -> &'static str {
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
