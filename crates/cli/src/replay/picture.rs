//! What the results say of a picture.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

/// One frame that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Picture {
    /// In the folder of the results.
    pub file: String,
    pub camera: String,
    pub clip: PathBuf,
    /// The frame's number in its session.
    pub sequence: u64,
    /// When it is presented, in seconds of the clip.
    pub seconds: f64,
    /// Objects that were detected when it was recorded and are not now, by class.
    pub only_recorded: BTreeMap<String, Vec<Object>>,
    /// Objects that are detected now and were not then.
    pub only_replayed: BTreeMap<String, Vec<Object>>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Object {
    pub score: f32,
    /// `[x1, y1, x2, y2]` in pixels of the picture.
    pub bbox: [f32; 4],
}
