//! Reports of stages as metrics.

use std::collections::BTreeMap;

use camweave_telemetry::{CameraCounters, SpanSummary, StageReport};

use crate::catalogue as metrics;
use crate::{Page, attributes, states};

fn is_source(kind: &str) -> bool {
    kind.ends_with("-source")
}

impl Page {
    /// Adds what a stage reports. `is_alive` says whether its process is.
    pub fn report(&mut self, report: &StageReport, is_alive: bool) {
        let of_stage = [&*report.stage, &*report.kind];
        let [stage, kind] = of_stage;
        let is_up = report.ready && !report.closed && is_alive;
        self.set(&metrics::STAGE_UP, &of_stage, f64::from(u8::from(is_up)));
        self.count(&metrics::STARTS, &of_stage, report.starts as f64);
        let reported = report.updated_unix_nanos as f64 / 1e9;
        self.set(&metrics::REPORTED, &of_stage, reported);
        self.count(&metrics::SPANS_LOST, &of_stage, report.spans_lost as f64);
        for (error, count) in &report.errors {
            self.count(&metrics::STAGE_ERRORS, &[stage, kind, error], *count as f64);
        }
        for (output, count) in &report.not_written {
            self.count(&metrics::NOT_WRITTEN, &[stage, kind, output], *count as f64);
        }
        if let Some(times) = report.stage_ms {
            for (percentile, ms) in [("50", times.p50), ("95", times.p95), ("99", times.p99)] {
                let labels = [stage, kind, percentile];
                self.set(&metrics::DURATION, &labels, ms / 1000.0);
            }
        }
        self.spans(of_stage, "cpu", &report.spans);
        self.spans(of_stage, "gpu", &report.gpu_spans);
        for (camera, counters) in &report.cameras {
            self.camera(of_stage, camera, counters);
            // A decoder has states of its own, which are not those of the camera.
            if is_source(kind) {
                self.state(stage, camera, counters, is_alive);
            }
        }
        attributes::add(self, report, is_alive);
    }

    fn spans(
        &mut self,
        [stage, kind]: [&str; 2],
        device: &str,
        spans: &BTreeMap<String, SpanSummary>,
    ) {
        for (span, summary) in spans {
            let labels = [stage, kind, device, span];
            self.count(&metrics::SPAN_BUSY, &labels, summary.busy_ms / 1000.0);
            self.count(&metrics::SPAN_CALLS, &labels, summary.calls as f64);
            if let Some(cpu_ms) = summary.cpu_ms {
                self.count(&metrics::SPAN_CPU, &labels, cpu_ms / 1000.0);
            }
        }
    }

    fn camera(&mut self, [stage, kind]: [&str; 2], camera: &str, counters: &CameraCounters) {
        let labels = [stage, kind, camera];
        self.count(&metrics::RECEIVED, &labels, counters.received as f64);
        self.count(&metrics::SENT, &labels, counters.sent as f64);
        self.count(&metrics::LOST, &labels, counters.lost as f64);
        self.set(&metrics::INSIDE, &labels, counters.inside() as f64);
        for (reason, count) in &counters.dropped {
            let labels = [stage, kind, camera, reason];
            self.count(&metrics::DROPPED, &labels, *count as f64);
        }
        for (error, count) in &counters.errors {
            let labels = [stage, kind, camera, error];
            self.count(&metrics::CAMERA_ERRORS, &labels, *count as f64);
        }
    }

    fn state(&mut self, stage: &str, camera: &str, counters: &CameraCounters, is_alive: bool) {
        let Some(state) = counters.state.as_deref().map(states::word) else {
            return;
        };
        let is_up = state == "streaming" && is_alive;
        // Of what is over, nothing is expected any more.
        if !["removed", "ended", "stopped"].contains(&state) {
            let is_up = f64::from(u8::from(is_up));
            self.set(&metrics::CAMERA_UP, &[stage, camera], is_up);
        }
        self.set(&metrics::CAMERA_STATE, &[stage, camera, state], 1.0);
        if let Some(since) = counters.state_since_unix_nanos {
            let since = since as f64 / 1e9;
            self.set(&metrics::CAMERA_SINCE, &[stage, camera], since);
        }
    }
}

#[cfg(test)]
mod tests {
    use camweave_telemetry::{Counters, Fact};

    use super::*;
    use crate::Format;

    #[test]
    fn what_a_stage_counts_is_on_the_page_with_its_labels() {
        let counters = Counters::new("source", "rtsp-source", None);
        for _ in 0..3 {
            counters.received("gate");
        }
        counters.sent("gate", 2_000_000);
        counters.dropped("gate", "corrupt", 1);
        counters.camera_state("gate", "offline: refused");
        counters.camera_state("yard", "offline: \"made up\"\n");
        counters.stage_error("dora");
        let late = Fact {
            name: "late.<camera>",
            help: "",
        };
        counters.camera_fact("gate", &late, "7");
        counters.fact(
            &Fact {
                name: "engine",
                help: "",
            },
            "no number",
        );
        counters.ready();
        let mut page = Page::default();
        page.report(&counters.report(), true);
        let publish = Counters::new("mqtt", "publish", None);
        publish.fact(
            &Fact {
                name: "delivered",
                help: "",
            },
            "5",
        );
        page.report(&publish.report(), false);
        let text = page.text(Format::Prometheus);
        let source = r#"stage="source",kind="rtsp-source""#;
        for line in [
            &format!(r#"camweave_rows_received_total{{{source},camera="gate"}} 3"#),
            &format!(r#"camweave_rows_dropped_total{{{source},camera="gate",reason="corrupt"}} 1"#),
            &format!(r#"camweave_rows_inside{{{source},camera="gate"}} 1"#),
            r#"camweave_camera_up{stage="source",camera="gate"} 0"#,
            r#"camweave_camera_state{stage="source",camera="gate",state="refused"} 1"#,
            r#"camweave_camera_state{stage="source",camera="yard",state="other"} 1"#,
            &format!(r#"camweave_stage_errors_total{{{source},error="dora"}} 1"#),
            &format!(r#"camweave_stage_attribute{{{source},attribute="late",camera="gate"}} 7"#),
            &format!(r#"camweave_stage_up{{{source}}} 1"#),
            r#"camweave_stage_up{stage="mqtt",kind="publish"} 0"#,
            r#"camweave_publish_delivered_rows_total{stage="mqtt"} 5"#,
        ] {
            let has_line = text.lines().any(|it| it.trim_end_matches(".0") == line);
            assert!(has_line, "{line} is not in:\n{text}");
        }
        assert!(
            !text.contains("engine") && !text.contains("made up"),
            "{text}"
        );
    }

    fn lines(report: &StageReport, is_alive: bool) -> Vec<String> {
        let mut page = Page::default();
        page.report(report, is_alive);
        let text = page.text(Format::Prometheus);
        let lines = text.lines().filter(|it| !it.starts_with('#'));
        lines
            .map(|it| it.trim_end_matches(".0").to_owned())
            .collect()
    }

    fn line_of(lines: &[String], metric: &str) -> Option<String> {
        let found = lines.iter().find(|it| it.starts_with(metric));
        found.cloned()
    }

    #[test]
    fn a_camera_s_state_is_that_of_its_source_alone() {
        let decode = Counters::new("decode", "nvdec", None);
        decode.camera_state("gate", "waits for a decoder");
        decode.camera_state("gate", "decoding");
        let lines = lines(&decode.report(), true);
        assert_eq!(line_of(&lines, "camweave_camera_"), None);
    }

    #[test]
    fn what_is_over_is_not_offline_and_what_is_dead_is_not_up() {
        let up = "camweave_camera_up";
        for (state, is_alive, expected) in [
            ("streaming", true, Some("1")),
            ("streaming", false, Some("0")),
            ("connecting", true, Some("0")),
            ("ended", true, None),
            ("stopped", true, None),
            ("removed", true, None),
        ] {
            let source = Counters::new("source", "file-source", None);
            source.camera_state("gate", state);
            let line = line_of(&lines(&source.report(), is_alive), up);
            let value = line.as_deref().and_then(|it| it.rsplit_once(' '));
            assert_eq!(value.map(|(_, value)| value), expected, "{state}");
        }
        let source = Counters::new("source", "file-source", None);
        source.camera_state("gate", "offline: not_found (check the path, or mount it)");
        let line = line_of(&lines(&source.report(), true), "camweave_camera_state{");
        assert!(
            line.as_deref().is_some_and(|it| it.contains("not_found")),
            "{line:?}"
        );
        let publish = Counters::new("mqtt", "publish", None);
        let connected = Fact {
            name: "connected",
            help: "",
        };
        publish.fact(&connected, "1");
        for (is_alive, value) in [(true, "1"), (false, "0")] {
            let lines = lines(&publish.report(), is_alive);
            let line = line_of(&lines, "camweave_publish_connected");
            let expected = format!(r#"camweave_publish_connected{{stage="mqtt"}} {value}"#);
            assert_eq!(line, Some(expected));
        }
    }

    #[test]
    fn the_two_formats_say_the_same() {
        let counters = Counters::new("a", "sink", None);
        counters.received("cam \"1\"\\");
        let make = |format| {
            let mut page = Page::default();
            page.report(&counters.report(), true);
            page.text(format)
        };
        let samples = |text: String| -> Vec<String> {
            let of_report =
                |line: &&str| !line.starts_with('#') && !line.contains("report_timestamp");
            text.lines().filter(of_report).map(str::to_owned).collect()
        };
        let plain = make(Format::Prometheus);
        assert!(
            plain.contains("# TYPE camweave_rows_received_total counter"),
            "{plain}"
        );
        let open = make(Format::OpenMetrics);
        assert!(
            open.contains("# TYPE camweave_rows_received counter") && open.ends_with("# EOF\n"),
            "{open}"
        );
        let (mut plain, mut open) = (samples(plain), samples(open));
        plain.sort_unstable();
        open.sort_unstable();
        assert_eq!(plain, open);
    }
}
