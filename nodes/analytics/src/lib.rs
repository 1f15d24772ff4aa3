//! Events of zones and lines, by `rules.yml`.

mod drops;
mod facts;
mod heatmaps;
mod ids;
mod settings;
mod stage;

pub use settings::AnalyticsSettings;
pub use stage::Analytics;
