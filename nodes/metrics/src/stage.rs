//! The stage: it looks at rows, and serves what it and the others have counted.

use std::time::Instant;

use camweave_message::{Never, Row as _, Watched};
use camweave_stage::telemetry::clock;
use camweave_stage::{Context, DropReason, Fact, Output, Stage, StageError};
use tracing::{info, warn};

use crate::ages::Ages;
use crate::drops::DROPS;
use crate::facts::{FACTS, LISTENS};
use crate::server::Server;
use crate::settings::MetricsSettings;
use crate::source::Source;

/// The endpoint as a stage.
pub struct Metrics {
    context: Context,
    ages: Ages,
    _server: Server,
}

impl Stage for Metrics {
    const KIND: &'static str = "metrics";
    const ABOUT: &'static str =
        "Serves what all nodes of the graph count to Prometheus, and measures how old frames are.";
    type Settings = MetricsSettings;
    const DROPS: &'static [DropReason] = DROPS;
    const FACTS: &'static [Fact] = FACTS;
    type In = Watched;
    type Out = Never;

    fn open(settings: MetricsSettings, context: &Context) -> Result<Self, StageError> {
        let address = settings.address()?;
        let ages = Ages::default();
        let source = Source {
            context: context.clone(),
            ages: ages.clone(),
        };
        let server = Server::start(address, source)?;
        let listens = format!("http://{}/metrics", server.address);
        if !address.ip().is_loopback() {
            warn!(
                "whoever reaches {listens} reads the metrics: it has neither login nor encryption"
            );
        }
        context.counters.fact(&LISTENS, &listens);
        info!("metrics are at {listens}");
        Ok(Self {
            context: context.clone(),
            ages,
            _server: server,
        })
    }

    fn rows(&mut self, rows: Vec<Watched>, _: &mut Output<Never>) -> Result<(), StageError> {
        let (unix_nanos, now) = (clock::unix_nanos(), Instant::now());
        for row in &rows {
            self.ages.take(row, unix_nanos, now);
            if row.is_frame() {
                // It goes nowhere from here.
                self.context.counters.sent(&row.id().camera, 0);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
