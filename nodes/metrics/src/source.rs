//! Where a page comes from: the reports of the run, and what this node has measured.

use std::time::Instant;

use camweave_metrics::{Format, Page};
use camweave_stage::Context;
use camweave_stage::telemetry::{is_alive, read_reports_of};
use tracing::warn;

use crate::ages::Ages;

/// Makes pages.
#[derive(Clone)]
pub(crate) struct Source {
    pub context: Context,
    pub ages: Ages,
}

impl Source {
    /// The page as it is now.
    pub fn page(&self, format: Format) -> String {
        let own = self.context.counters.report();
        let read = read_reports_of(&self.context.stats_dir, &own.run);
        let mut reports = read.unwrap_or_else(|error| {
            warn!("the nodes' reports cannot be read: {error}");
            Vec::new()
        });
        // Its own is newer than the one in its file.
        reports.retain(|report| report.stage != own.stage);
        reports.push(own);
        let mut page = Page::default();
        for report in &reports {
            page.report(report, is_alive(report.process_id));
        }
        self.ages.add(&mut page, Instant::now());
        page.text(format)
    }
}
