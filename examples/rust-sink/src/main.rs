//! Counts the objects of each class that come past each camera, and prints each count.
use camweave_stage::message::{Detections, Never};
use camweave_stage::{Context, Env, Key, Output, Stage, StageError};
use std::collections::{HashMap, HashSet};
struct CountObjects {
    min_score: f32,
    tracks: HashMap<(String, String), HashSet<u64>>,
}

#[expect(clippy::print_stdout, reason = "the lines are its results")]
impl Stage for CountObjects {
    const KIND: &'static str = "rust-sink";
    const ABOUT: &'static str = "Counts the objects of each class that come past each camera.";
    const KEYS: &'static [Key] = &[Key {
        name: "MIN_SCORE",
        default: Some("0.25"),
        help: "boxes below this score do not count, 0 to 1",
    }];
    type In = Detections;
    type Out = Never;
    fn open(env: &Env, _: &Context) -> Result<Self, StageError> {
        let (min_score, tracks) = (env.number("MIN_SCORE", 0.0..=1.0)?, HashMap::new());
        Ok(Self { min_score, tracks })
    }
    fn rows(&mut self, rows: Vec<Detections>, _: &mut Output<Never>) -> Result<(), StageError> {
        for row in &rows {
            for object in row.boxes.iter().filter(|it| it.score >= self.min_score) {
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
