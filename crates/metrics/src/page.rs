//! One answer to a scrape.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::catalogue::{self, Kind, Metric};

/// Names and values of labels.
pub type Labels = Vec<(&'static str, String)>;

/// The text of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`, which everything reads.
    Prometheus,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
}

impl Format {
    /// What a request's `Accept` asks for.
    #[must_use]
    pub fn asked(accept: Option<&str>) -> Self {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Self::OpenMetrics,
            _ => Self::Prometheus,
        }
    }

    /// The answer's `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

type Counts = Family<Labels, Counter<f64, AtomicU64>>;
type Levels = Family<Labels, Gauge<f64, AtomicU64>>;
/// A histogram of each set of labels; clones share it.
pub type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// A page that is being made.
#[derive(Debug, Default)]
pub struct Page {
    counts: BTreeMap<&'static str, Counts>,
    levels: BTreeMap<&'static str, Levels>,
    histograms: BTreeMap<&'static str, Histograms>,
}

fn labels(metric: &Metric, values: &[&str]) -> Labels {
    debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
    let values = values.iter().map(|it| (*it).to_owned());
    metric.labels.iter().copied().zip(values).collect()
}

impl Page {
    /// Adds to a counter. `values` are those of its labels, in their order.
    pub fn count(&mut self, metric: &'static Metric, values: &[&str], count: f64) {
        let family = self.counts.entry(metric.name).or_default();
        family
            .get_or_create(&labels(metric, values))
            .inc_by(count.max(0.0));
    }

    /// Sets a gauge.
    pub fn set(&mut self, metric: &'static Metric, values: &[&str], value: f64) {
        let family = self.levels.entry(metric.name).or_default();
        family.get_or_create(&labels(metric, values)).set(value);
    }

    /// Adds histograms that are kept elsewhere.
    pub fn histograms(&mut self, metric: &'static Metric, histograms: &Histograms) {
        self.histograms.insert(metric.name, histograms.clone());
    }

    /// The page as text.
    #[must_use]
    pub fn text(self, format: Format) -> String {
        let mut registry = Registry::default();
        for metric in catalogue::ALL {
            // Both formats add the suffix of a counter, and OpenMetrics the sentence's end.
            let name = metric.name.trim_end_matches("_total");
            let help = metric.help.trim_end_matches('.');
            match metric.kind {
                Kind::Counter => {
                    if let Some(family) = self.counts.get(metric.name) {
                        registry.register(name, help, family.clone());
                    }
                }
                Kind::Gauge => {
                    if let Some(family) = self.levels.get(metric.name) {
                        registry.register(name, help, family.clone());
                    }
                }
                Kind::Histogram => {
                    if let Some(family) = self.histograms.get(metric.name) {
                        registry.register(name, help, family.clone());
                    }
                }
            }
        }
        let mut page = String::new();
        match format {
            Format::Prometheus => prometheus_text::encode(&mut page, &registry),
            Format::OpenMetrics => text::encode(&mut page, &registry),
        }
        .expect("a text in memory takes whatever is written to it");
        page
    }
}
