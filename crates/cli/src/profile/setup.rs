//! What a verdict needs to know that no counter tells.

use std::fs;
use std::path::Path;

use camweave_cuda::Context;
use camweave_nvdec::capabilities;
use camweave_stage::Exit;
use serde_json::Value;

use crate::error::CliError;
use crate::graph::Graph;

/// A batch with so much of the engine's best rate is on its plateau.
const PLATEAU: f64 = 0.9;
/// Frames per second of the engine alone, by batch.
pub type EngineRates = Vec<(f64, f64)>;

/// What is known besides the counters.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Whether cameras send at their own rate.
    pub live: bool,
    /// Streams that are detected on.
    pub streams: u32,
    /// Of the engine alone, where it was measured.
    pub engine: EngineRates,
    /// Decoding engines of the device.
    pub nvdec_engines: Option<u32>,
}

impl Setup {
    /// Of a graph.
    pub fn of(graph: &Graph) -> Self {
        let decodes = !graph.variables("nvdec").is_empty();
        Self {
            nvdec_engines: decodes.then(nvdec_engines).flatten(),
            ..Self::default()
        }
    }

    /// With what the engine does alone, from a file of `engine --json`.
    ///
    /// # Errors
    /// The file cannot be read, or is another.
    pub fn with_engine(mut self, file: &Path) -> Result<Self, CliError> {
        let text = fs::read_to_string(file).map_err(|it| CliError::file("read", file, &it))?;
        self.engine = rates(&text).ok_or_else(|| {
            let shown = file.display();
            CliError::new(
                Exit::Configuration,
                format!("--engine '{shown}': expected a file of 'engine PLAN --json FILE'"),
            )
        })?;
        Ok(self)
    }

    /// The engine's best batch, and its frames per second.
    pub fn best(&self) -> Option<(f64, f64)> {
        let best = self.engine.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        best.copied()
    }

    /// The least batch that is on the plateau.
    pub fn plateau(&self) -> Option<f64> {
        let (_, best) = self.best()?;
        let on = self.engine.iter().filter(|(_, fps)| *fps >= PLATEAU * best);
        on.map(|(batch, _)| *batch).min_by(f64::total_cmp)
    }
}

/// Decoding engines of the first device.
fn nvdec_engines() -> Option<u32> {
    let context = Context::open(0).ok()?;
    let known = capabilities(&context).ok()?;
    known.iter().map(|it| it.engines).max()
}

/// `{"rows": [{"batch": 1, "frames_per_second": 1688.0}, ...]}`
fn rates(text: &str) -> Option<EngineRates> {
    let report: Value = serde_json::from_str(text).ok()?;
    let rate = |row: &Value| Some((row["batch"].as_f64()?, row["frames_per_second"].as_f64()?));
    let rates: EngineRates = report["rows"].as_array()?.iter().filter_map(rate).collect();
    (!rates.is_empty()).then_some(rates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plateau_is_where_larger_batches_bring_little() {
        // docs/benchmarks/2026-11-28-gpu-batches.md: an H200 alone.
        let text = r#"{"device": "H200", "rows": [
            {"batch": 1, "frames_per_second": 1483.0},
            {"batch": 8, "frames_per_second": 6476.0},
            {"batch": 16, "frames_per_second": 8362.0},
            {"batch": 32, "frames_per_second": 9241.0}]}"#;
        let setup = Setup {
            engine: rates(text).expect("rows"),
            ..Setup::default()
        };
        assert_eq!(setup.plateau(), Some(16.0));
        assert_eq!(setup.best(), Some((32.0, 9241.0)));
        assert_eq!(Setup::default().plateau(), None);
        assert_eq!(rates("{}"), None);
        assert_eq!(rates(r#"{"rows": []}"#), None);
    }
}
