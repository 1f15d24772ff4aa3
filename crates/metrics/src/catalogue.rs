//! Every metric that there is.

/// What kind of metric it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, and starts at 0 again where its stage does.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often a value was in which range.
    Histogram,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, with the `_total` of a counter.
    pub name: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub static $constant: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )+

        /// All of them, in the order of a page.
        pub static ALL: &[&Metric] = &[$(&$constant),+];
    };
}

metrics! {
    RECEIVED Counter "camweave_rows_received_total" ["stage", "kind", "camera"]
        "Rows that came into the stage; of a source, access units that the camera sent.";
    SENT Counter "camweave_rows_sent_total" ["stage", "kind", "camera"]
        "Rows that the stage has sent on.";
    DROPPED Counter "camweave_rows_dropped_total" ["stage", "kind", "camera", "reason"]
        "Rows that the stage has dropped, by reason; 'not_selected' is what cameras.yml leaves out.";
    LOST Counter "camweave_rows_lost_total" ["stage", "kind", "camera"]
        "Rows that were inside a process of the stage when it died.";
    INSIDE Gauge "camweave_rows_inside" ["stage", "kind", "camera"]
        "Rows that came into the stage and have not come out.";
    CAMERA_ERRORS Counter "camweave_camera_errors_total" ["stage", "kind", "camera", "error"]
        "Errors of a camera, by kind.";
    CAMERA_UP Gauge "camweave_camera_up" ["stage", "camera"]
        "1 while the source receives from the camera, else 0; not of a camera that has ended, was stopped or removed.";
    CAMERA_STATE Gauge "camweave_camera_state" ["stage", "camera", "state"]
        "1 for the state that the camera is in: streaming, connecting, ready, ended, stopped, removed, the kind of failure, or other.";
    CAMERA_SINCE Gauge "camweave_camera_state_since_timestamp_seconds" ["stage", "camera"]
        "Since when the camera is in its state, Unix time.";
    STAGE_UP Gauge "camweave_stage_up" ["stage", "kind"]
        "1 while the stage is open and its process alive, else 0.";
    STARTS Counter "camweave_stage_starts_total" ["stage", "kind"]
        "How often the stage was started in this run.";
    STAGE_ERRORS Counter "camweave_stage_errors_total" ["stage", "kind", "error"]
        "Errors that belong to no camera, by kind.";
    NOT_WRITTEN Counter "camweave_results_not_written_total" ["stage", "kind", "output"]
        "Results that could not be written, by output.";
    DURATION Gauge "camweave_stage_duration_seconds" ["stage", "kind", "percentile"]
        "Time from a row's arrival to its departure, of this start of the stage.";
    SPAN_BUSY Counter "camweave_span_busy_seconds_total" ["stage", "kind", "device", "span"]
        "Time inside spans of a name, threads side by side added up; device is cpu or gpu.";
    SPAN_CALLS Counter "camweave_span_calls_total" ["stage", "kind", "device", "span"]
        "How many spans of a name have ended.";
    SPAN_CPU Counter "camweave_span_cpu_seconds_total" ["stage", "kind", "device", "span"]
        "CPU time inside spans of a name, where it is measured.";
    SPANS_LOST Counter "camweave_spans_lost_total" ["stage", "kind"]
        "Events of spans that found no room in memory or on disk.";
    REPORTED Gauge "camweave_report_timestamp_seconds" ["stage", "kind"]
        "When the stage's report has changed last, Unix time.";
    ATTRIBUTE Gauge "camweave_stage_attribute" ["stage", "kind", "attribute", "camera"]
        "What a stage says of itself, or of a camera, as a number; the READMEs of the nodes have the attributes.";
    FRAME_AGE Histogram "camweave_frame_age_seconds" ["camera", "rows"]
        "How long ago a frame was captured when its row came to the metrics node; rows is units or detections.";
    CLOCK_OFFSET Gauge "camweave_capture_clock_offset_seconds" ["camera", "clock"]
        "The least age of a frame in the last minute: below 0, the camera's clock is ahead; far above the others', it is behind.";
    EVENTS Counter "camweave_events_total" ["camera", "rule", "kind", "phase"]
        "Rows of events that came to the metrics node.";
    PUBLISH_CONNECTED Gauge "camweave_publish_connected" ["stage"]
        "1 while the receiver of events takes them, else 0.";
    PUBLISH_DELIVERED Counter "camweave_publish_delivered_rows_total" ["stage"]
        "Rows of events that the receiver has confirmed.";
    PUBLISH_REFUSED Counter "camweave_publish_refused_rows_total" ["stage"]
        "Rows that the receiver will never take, and that were left out.";
    PUBLISH_QUEUED Gauge "camweave_publish_queued_rows" ["stage"]
        "Rows that wait for their delivery.";
    PUBLISH_UNSAVED Gauge "camweave_publish_unsaved_rows" ["stage"]
        "Rows that wait in memory alone, as the disk takes none.";
    PUBLISH_BYTES Gauge "camweave_publish_spool_bytes" ["stage"]
        "Bytes of the queue on disk.";
    PUBLISH_LIMIT Gauge "camweave_publish_spool_limit_bytes" ["stage"]
        "Bytes that the queue may have.";
    PUBLISH_OLDEST Gauge "camweave_publish_oldest_seconds" ["stage"]
        "For how long the oldest row has waited.";
    PUBLISH_DROPPED Counter "camweave_publish_dropped_rows_total" ["stage"]
        "Undelivered rows that were dropped, oldest first, as the queue was full.";
    PUBLISH_MISSING Counter "camweave_publish_missing_rows_total" ["stage"]
        "Undelivered rows that the disk has lost.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_prometheus_has_them() {
        for metric in ALL {
            let name = metric.name;
            assert!(name.starts_with("camweave_"), "{name}");
            assert_eq!(
                name.ends_with("_total"),
                metric.kind == Kind::Counter,
                "{name}"
            );
            let is_part = |it: u8| it.is_ascii_lowercase() || it == b'_';
            assert!(name.bytes().all(is_part), "{name}");
            // Base units only.
            assert!(!name.contains("_ms") && !name.contains("_nanos"), "{name}");
            assert!(metric.help.ends_with('.'), "{name}");
        }
        let mut names: Vec<_> = ALL.iter().map(|it| it.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
