//! Heatmaps as files, one for each camera and rule.

use std::path::Path;
use std::time::{Duration, Instant};

use camweave_outdir::{Error, FILE_MODE, Folder, replace};
use camweave_rules::{Heatmap, Rule};
use camweave_stage::Trouble;
use camweave_stage::telemetry::Counters;
use serde::Serialize;

/// The output's name, in counters and log lines.
const HEATMAPS: &str = "heatmaps";

/// The folder that heatmaps are written into.
pub(crate) struct Heatmaps {
    folder: Folder,
    every: Duration,
    written: Instant,
    counters: Counters,
    trouble: Trouble,
}

/// What a file has.
#[derive(Serialize)]
struct File<'a> {
    camera: &'a str,
    rule: &'a str,
    since_unix_nanos: Option<i64>,
    columns: usize,
    rows: usize,
    /// Row by row from the upper left cell, to a hundredth.
    seconds: Vec<f64>,
}

impl Heatmaps {
    pub fn open(path: &Path, every: Duration, counters: &Counters) -> Result<Self, Error> {
        Ok(Self {
            folder: Folder::open(path)?,
            every,
            written: Instant::now(),
            counters: counters.clone(),
            trouble: Trouble::default(),
        })
    }

    /// Whether they are to be written again.
    pub fn are_due(&mut self, now: Instant) -> bool {
        let is_due = now.saturating_duration_since(self.written) >= self.every;
        if is_due {
            self.written = now;
        }
        is_due
    }

    /// Writes one. What cannot be written is said and counted.
    pub fn write(&mut self, camera: &str, rule: &Rule, heatmap: &Heatmap) {
        let file = File {
            camera,
            rule: &rule.name,
            since_unix_nanos: heatmap.since_unix_nanos,
            columns: heatmap.columns,
            rows: heatmap.rows,
            seconds: (heatmap.seconds.iter())
                .map(|it| (it * 100.0).round() / 100.0)
                .collect(),
        };
        let written = self.put(camera, &rule.name, &file);
        if written.is_err() {
            self.counters.not_written(HEATMAPS, 1);
        }
        let result = match &written {
            Ok(()) => Ok(()),
            Err(why) => Err((1, &**why)),
        };
        self.trouble.note(HEATMAPS, camera, result);
    }

    fn put(&self, camera: &str, rule: &str, file: &File<'_>) -> Result<(), String> {
        let text = serde_json::to_vec(file).map_err(|error| error.to_string())?;
        let folder = self.folder.claim_folder(camera);
        let path = folder.and_then(|it| it.claim(&format!("{rule}.json")));
        let path = path.map_err(|error| error.to_string())?;
        replace(&path, &text, FILE_MODE)
            .map_err(|error| format!("cannot write '{}': {error}", path.display()))
    }

    /// Nothing is written after this.
    pub fn close(&mut self) {
        self.trouble.close(HEATMAPS);
    }
}
