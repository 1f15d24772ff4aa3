//! What stages say of themselves, where it is a number.

use camweave_telemetry::StageReport;

use crate::catalogue as metrics;
use crate::{Kind, Metric, Page};

/// Attributes that are metrics of their own: of which kind of stage, under which name.
static NAMED: &[(&str, &str, &Metric)] = &[
    ("publish", "connected", &metrics::PUBLISH_CONNECTED),
    ("publish", "delivered", &metrics::PUBLISH_DELIVERED),
    ("publish", "refused", &metrics::PUBLISH_REFUSED),
    ("publish", "queued", &metrics::PUBLISH_QUEUED),
    ("publish", "unsaved", &metrics::PUBLISH_UNSAVED),
    ("publish", "spool_bytes", &metrics::PUBLISH_BYTES),
    ("publish", "spool_limit_bytes", &metrics::PUBLISH_LIMIT),
    ("publish", "oldest_seconds", &metrics::PUBLISH_OLDEST),
    ("publish", "dropped", &metrics::PUBLISH_DROPPED),
    ("publish", "missing", &metrics::PUBLISH_MISSING),
];

pub(crate) fn add(page: &mut Page, report: &StageReport, is_alive: bool) {
    for (name, text) in &report.facts {
        let value = text.parse::<f64>().ok().filter(|it| it.is_finite());
        let Some(value) = value else {
            continue;
        };
        let named = NAMED
            .iter()
            .find(|(kind, attribute, _)| *kind == report.kind && attribute == name);
        if let Some((_, _, metric)) = named {
            // The dead are connected to nothing.
            let is_over = !is_alive && **metric == metrics::PUBLISH_CONNECTED;
            let value = if is_over { 0.0 } else { value };
            match metric.kind {
                Kind::Counter => page.count(metric, &[&report.stage], value),
                Kind::Gauge | Kind::Histogram => page.set(metric, &[&report.stage], value),
            }
            continue;
        }
        // `<attribute>.<camera>`, where it is of one.
        let of_camera = name.split_once('.');
        let of_camera = of_camera.filter(|(_, camera)| report.cameras.contains_key(*camera));
        let (attribute, camera) = of_camera.unwrap_or((name, ""));
        let labels = [&*report.stage, &*report.kind, attribute, camera];
        page.set(&metrics::ATTRIBUTE, &labels, value);
    }
}
