//! What stands in a stage's file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Percentiles, SpanSummary};

/// What one stage counted for one camera. `received = sent + dropped + lost + inside`,
/// where a stage gives one row for each that it takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraCounters {
    /// Rows that came in (for a source: units that the camera sent).
    pub received: u64,
    /// Rows that were sent on.
    pub sent: u64,
    /// Rows that were dropped, by reason.
    #[serde(default)]
    pub dropped: BTreeMap<String, u64>,
    /// Rows that were inside a process of this node when it died.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
    /// Errors, by kind.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// What a source says of its camera: `streaming`, or why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Since when it has been so, in Unix nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_since_unix_nanos: Option<i64>,
    /// What happened, in a line without credentials, where there is more than the state says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_detail: Option<String>,
}

impl CameraCounters {
    /// Rows that were dropped, for whatever reason.
    #[must_use]
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Rows that came in and have not come out: inside, or gone with the process.
    #[must_use]
    pub fn inside(&self) -> u64 {
        let out = self.sent + self.dropped_in_all() + self.lost;
        self.received.saturating_sub(out)
    }
}

/// Which stage of which run it is, and where it stands in the graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageIdentity {
    /// The node's id in the graph; in a fused node `<node>.<stage>`.
    pub stage: String,
    /// The kind of stage, such as `sw-decode`.
    pub kind: String,
    /// The id of the run; empty where there is no graph.
    pub run: String,
    /// Whose rows it takes, by what they give them as; none for a source.
    pub takes: Vec<String>,
    /// The name that those behind it know its rows by: its id, or the fused node's.
    pub gives: String,
}

/// A stage's counters at one moment, as they stand in its file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageReport {
    /// The node's id in the graph.
    pub stage: String,
    /// The kind of stage, such as `sw-decode`.
    pub kind: String,
    /// The run that it belongs to: the dataflow's id. Reports of another run in the same folder
    /// are not its.
    #[serde(default)]
    pub run: String,
    /// Whose rows the stage takes; see [`StageIdentity::takes`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takes: Vec<String>,
    /// The name that its rows are known by; see [`StageIdentity::gives`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gives: String,
    /// The process that wrote the report.
    pub process_id: u32,
    /// When it was written.
    pub updated_unix_nanos: i64,
    /// How often the node was started in this run.
    pub starts: u64,
    /// Whether the stage is open, and takes rows.
    #[serde(default)]
    pub ready: bool,
    /// Whether the stage closed by itself.
    pub closed: bool,
    /// Whether the graph was stopped while its sources still sent: what was between two stages
    /// then reached neither.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// Facts worth a line, such as the inference engine in use.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// Errors that belong to no camera, by kind.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// Results that could not be written, by output; `counters` are reports like this one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_written: BTreeMap<String, u64>,
    /// The last fatal error, if the stage ended with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fatal: Option<String>,
    /// Time from a row's arrival to its departure, of this start, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_ms: Option<Percentiles>,
    /// By span name, of this start; empty where spans are off.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spans: BTreeMap<String, SpanSummary>,
    /// The same of what the stage's device did; empty where there is none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gpu_spans: BTreeMap<String, SpanSummary>,
    /// Events of spans, of this start, that found no room in memory or on disk.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spans_lost: u64,
    /// By camera id.
    pub cameras: BTreeMap<String, CameraCounters>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
