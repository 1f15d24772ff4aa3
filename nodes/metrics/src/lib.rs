//! Serves the counters, gauges and histograms of all nodes of a graph to Prometheus, and measures how old
//! frames are when they come here.
//!
//! `docs/metrics.md` has the metrics, and `README.md` is the node's documentation.

mod ages;
mod drops;
mod facts;
mod server;
mod settings;
mod source;
mod stage;

pub use settings::MetricsSettings;
pub use stage::Metrics;
