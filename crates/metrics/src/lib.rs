//! What the stages of a graph report, in the text formats of Prometheus and OpenMetrics.
//!
//! Each scrape is made of the reports as they are then: this crate keeps nothing, so what a stage counts
//! is counted once. [`catalogue::ALL`] has each metric with its meaning; `docs/metrics.md` is the same
//! table, which a test compares. Labels have few values: cameras, stages, and words of camweave's own.

mod attributes;
pub mod catalogue;
mod page;
mod reports;
mod states;

pub use catalogue::{Kind, Metric};
pub use page::{Format, Histograms, Labels, Page};
pub use prometheus_client::metrics::histogram::Histogram;
