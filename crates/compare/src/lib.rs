//! What runs of graphs are compared by. No processes here: `camweave ab` measures, and this
//! crate says what the measurements can show.
//!
//! - [`Run`]: one run of one graph, measured behind its warm-up.
//! - [`Estimate`]: how far two graphs' runs are apart, with its interval.
//! - [`Comparison`]: all metrics of all graphs against the first, with verdicts.
//! - [`agreement`]: whether two runs found the same objects in the same frames.
//! - [`report`]: Markdown and a page of HTML that needs nothing else.
//! - [`commits`], [`optimization`], [`targets`]: what scripts that measure make of their figures.

pub mod agreement;
pub mod commits;
pub mod comparison;
pub mod estimate;
mod facts;
pub mod lines;
pub mod metric;
pub mod optimization;
pub mod report;
pub mod run;
pub mod targets;
pub mod verdict;
mod wording;

pub use comparison::Comparison;
pub use estimate::Estimate;
pub use run::Run;
pub use verdict::Verdict;
