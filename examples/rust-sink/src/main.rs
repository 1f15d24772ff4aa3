//! Counts the objects of each class that come past each camera, and prints each count.
use camweave_stage::message::{Detections, Never};
use camweave_stage::{Context, Output, Settings, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
struct CountSettings {
    /// boxes below this score do not count
    #[schemars(range(min = 0, max = 1))]
    min_score: f64,
}
impl Default for CountSettings {
    fn default() -> Self {
        Self { min_score: 0.25 }
    }
}
impl Settings for CountSettings {}

struct CountObjects {
    min_score: f64,
    tracks: HashMap<(String, String), HashSet<u64>>,
}

#[expect(clippy::print_stdout, reason = "the lines are its results")]
impl Stage for CountObjects {
    const KIND: &'static str = "rust-sink";
    const ABOUT: &'static str = "Counts the objects of each class that come past each camera.";
    type Settings = CountSettings;
    type In = Detections;
    type Out = Never;
    fn open(settings: CountSettings, _: &Context) -> Result<Self, StageError> {
        let (min_score, tracks) = (settings.min_score, HashMap::new());
        Ok(Self { min_score, tracks })
    }
    fn rows(&mut self, rows: Vec<Detections>, _: &mut Output<Never>) -> Result<(), StageError> {
        for row in &rows {
            for object in row
                .boxes
                .iter()
                .filter(|it| f64::from(it.score) >= self.min_score)
            {
                let key = (row.id.camera.to_string(), object.label.to_string());
                let seen = self.tracks.entry(key).or_default();
                if object.track_id.is_some_and(|id| seen.insert(id)) {
                    println!("{}: {} number {}", row.id.camera, object.label, seen.len());
                }
            }
        }
        Ok(())
    }
}
fn main() -> std::process::ExitCode {
    camweave_stage::main::<CountObjects>()
}
