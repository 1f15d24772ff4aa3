//! What the machine has: part by part, and whether that is enough.

use serde::Serialize;

/// Whether a part of the machine serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It serves.
    Ok,
    /// It is not there.
    Missing,
    /// It is there and does not serve.
    Broken,
}

/// Which path of camweave needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// Every graph.
    Cpu,
    /// The GPU graphs.
    Gpu,
    /// None: it makes things faster or easier.
    Optional,
}

/// One part of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is.
    pub name: &'static str,
    /// Whether it serves.
    pub state: State,
    /// What was found: a version, or why it does not serve.
    pub found: String,
    /// Which graphs need it.
    pub need: Need,
    /// What it is for.
    pub used_for: &'static str,
    /// What works without it.
    pub without: &'static str,
    /// How to get it.
    pub get: &'static str,
    /// What a decoder decodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decodes: Vec<Decodes>,
}

/// A sort of stream that a decoder decodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decodes {
    /// The codec's name.
    pub codec: &'static str,
    /// Bits per sample.
    pub bits: u32,
    /// The widest picture, in pixels.
    pub max_width: u32,
    /// The highest picture, in pixels.
    pub max_height: u32,
    /// Engines that decode it.
    pub engines: u32,
}

impl Decodes {
    pub fn of(capability: &camweave_nvdec::Capability) -> Self {
        Self {
            codec: capability.codec.as_str(),
            bits: capability.bit_depth,
            max_width: capability.max_width,
            max_height: capability.max_height,
            engines: capability.engines,
        }
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether the CPU graphs can run.
    pub cpu: bool,
    /// Whether the GPU graphs can run.
    pub gpu: bool,
    /// Part by part.
    pub rows: Vec<Row>,
}

impl Report {
    pub fn new(rows: Vec<Row>) -> Self {
        let serves = |need: Need| {
            let mut needed = rows.iter().filter(|row| row.need == need);
            needed.all(|row| row.state == State::Ok)
        };
        let cpu = serves(Need::Cpu);
        Self {
            cpu,
            gpu: cpu && serves(Need::Gpu),
            rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(need: Need, state: State) -> Row {
        Row {
            name: "part",
            state,
            found: String::new(),
            need,
            used_for: "",
            without: "",
            get: "",
            decodes: Vec::new(),
        }
    }

    #[test]
    fn what_is_optional_decides_nothing_and_the_gpu_needs_the_cpu_path_too() {
        let verdict = |rows: Vec<Row>| {
            let report = Report::new(rows);
            (report.cpu, report.gpu)
        };
        use Need::{Cpu, Gpu, Optional};
        use State::{Broken, Missing, Ok};
        assert_eq!(
            verdict(vec![row(Cpu, Ok), row(Gpu, Ok), row(Optional, Missing)]),
            (true, true)
        );
        assert_eq!(verdict(vec![row(Cpu, Ok), row(Gpu, Broken)]), (true, false));
        assert_eq!(
            verdict(vec![row(Cpu, Missing), row(Gpu, Ok)]),
            (false, false)
        );
    }
}
