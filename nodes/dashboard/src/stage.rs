//! The stage: its loop is the hub.

use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_message::{Never, Watched};
use camweave_stage::{Context, DropReason, Fact, Output, Stage, StageError};
use tracing::info;

use crate::clips;
use crate::drops::DROPS;
use crate::events::Events;
use crate::facts::{FACTS, LISTENS};
use crate::hub::{self, Hub};
use crate::images::Images;
use crate::server::{self, Server};
use crate::settings::{DashboardSettings, Tls};
use crate::state;
use crate::viewers::Viewers;

/// The dashboard as a stage.
pub struct Dashboard {
    hub: Hub,
    _server: Server,
}

impl Stage for Dashboard {
    const KIND: &'static str = "dashboard";
    const ABOUT: &'static str = "Shows every camera's own video with its detections in step, and the graph as it runs, on a page.";
    type Settings = DashboardSettings;
    const DROPS: &'static [DropReason] = DROPS;
    const FACTS: &'static [Fact] = FACTS;
    type In = Watched;
    type Out = Never;

    fn open(settings: DashboardSettings, context: &Context) -> Result<Self, StageError> {
        let viewers = Arc::new(Viewers::new(settings.viewers, context.waker()));
        let measured = hub::Shared::default();
        let events = Arc::new(Events::default());
        let published = state::publish(
            context,
            Arc::clone(&measured),
            Arc::clone(&viewers),
            Arc::clone(&events),
        )?;
        let recordings = settings.recordings();
        let clips = recordings.map(|folder| clips::watch(context, folder, Arc::clone(&events)));
        let clips = clips.transpose()?;
        let server = server::open(&settings, published, Arc::clone(&viewers), clips)?;
        let wait_at_most = Duration::from_millis(settings.wait_at_most_ms);
        let images = Images::start(context, settings.device)?;
        let scheme = match settings.encryption()? {
            Tls::Off => "http",
            _ => "https",
        };
        let listens = format!("{scheme}://{}/", server.address);
        context.counters.fact(&LISTENS, &listens);
        info!("the page is at {listens}");
        Ok(Self {
            hub: Hub::new(context, viewers, measured, images, events, wait_at_most),
            _server: server,
        })
    }

    fn rows(&mut self, rows: Vec<Watched>, _: &mut Output<Never>) -> Result<(), StageError> {
        let now = Instant::now();
        for row in rows {
            self.hub.take(row, now);
        }
        self.hub.release(now);
        Ok(())
    }

    fn tick(&mut self, _: &mut Output<Never>) -> Result<(), StageError> {
        self.hub.tick(Instant::now());
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.hub.deadline())
    }

    fn close(&mut self, _: &mut Output<Never>) -> Result<(), StageError> {
        self.hub.flush(Instant::now());
        Ok(())
    }
}
