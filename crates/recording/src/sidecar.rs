//! A clip's sidecar: made of the lines beside it, when it is finished or salvaged.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use crate::name::ClipName;
use crate::notes::{ClipHead, EventNote, FrameNote, Note, SeenNote};

/// A line that is longer is none.
const MOST_LINE_BYTES: u64 = 64 << 20;

/// What is in a clip, by presentation time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sidecar {
    /// `camweave.clip/1`.
    pub schema: String,
    /// What all of the clip has in common.
    #[serde(flatten)]
    pub head: ClipHead,
    /// When its last frame was captured, in Unix nanoseconds.
    pub end_unix_nanos: i64,
    /// For how long it plays, in seconds.
    pub seconds: f64,
    /// How many frames it has.
    pub frame_count: u64,
    /// Its writer was killed, or its disk was full: it ends with the last fragment that was written.
    pub salvaged: bool,
    /// The events in it, each as it was last heard of, in the order in which they began.
    pub events: Vec<EventNote>,
    /// Its frames, in decoding order.
    pub frames: Vec<ClipFrame>,
}

/// One frame, and what was detected in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipFrame {
    /// Which frame, and when.
    #[serde(flatten)]
    pub frame: FrameNote,
    /// What was detected in it; absent where nothing looked at it, or the answer was not there when
    /// the clip was finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detections: Option<SeenNote>,
}

impl Sidecar {
    /// The schema.
    pub const SCHEMA: &'static str = "camweave.clip/1";

    /// Of the lines beside a clip of so many samples that ends at `seconds`. What cannot be read of
    /// them is left out: a machine that lost its power may have left anything.
    pub(crate) fn of_lines(
        mut lines: impl BufRead,
        name: &ClipName,
        samples: u64,
        seconds: f64,
        salvaged: bool,
    ) -> io::Result<Self> {
        let mut head = None;
        let mut frames = Vec::new();
        let mut seen: HashMap<u64, SeenNote> = HashMap::new();
        let mut events: BTreeMap<String, EventNote> = BTreeMap::new();
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let limited = &mut io::Read::take(&mut lines, MOST_LINE_BYTES);
            if limited.read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            match serde_json::from_slice(&bytes) {
                Ok(Note::Clip(note)) => head = Some(note),
                Ok(Note::Frame(note)) => frames.push(note),
                Ok(Note::Seen(note)) => drop(seen.insert(note.sequence, note)),
                Ok(Note::Event(note)) => drop(events.insert(note.event.clone(), note)),
                Err(_) => {}
            }
        }
        // Lines are written before the samples that they are of.
        frames.truncate(usize::try_from(samples).unwrap_or(usize::MAX));
        let head = head.unwrap_or_else(|| ClipHead {
            camera: name.camera.clone(),
            begin_unix_nanos: name.begin_unix_millis.saturating_mul(1_000_000),
            ..ClipHead::default()
        });
        let captured = frames.iter().map(|it| it.captured_unix_nanos);
        let mut events: Vec<EventNote> = events.into_values().collect();
        // When they were noted, it was not known where the clip would end.
        events.retain(|it| it.begin_at <= seconds && it.end_at.is_none_or(|end| end >= 0.0));
        events.sort_by(|a, b| a.begin_at.total_cmp(&b.begin_at));
        Ok(Self {
            schema: Self::SCHEMA.to_owned(),
            end_unix_nanos: captured.max().unwrap_or(head.begin_unix_nanos),
            head,
            seconds,
            frame_count: samples,
            salvaged,
            events,
            frames: frames
                .into_iter()
                .map(|frame| ClipFrame {
                    detections: seen.remove(&frame.sequence),
                    frame,
                })
                .collect(),
        })
    }
}
