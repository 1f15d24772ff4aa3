use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use camweave_message::limits::MAX_CAMERAS;
use camweave_message::{Detections, Event};
use camweave_rules::{Engine, Rules, TOO_MANY_TRACKS, Watch};
use camweave_stage::telemetry::clock;
use camweave_stage::{Context, DropReason, Fact, Output, Stage, StageError, WatchedFile};
use tracing::info;

use crate::drops::DROPS;
use crate::facts::{FACTS, RULES_FILE};
use crate::heatmaps::Heatmaps;
use crate::ids::Ids;
use crate::settings::AnalyticsSettings;

/// How often silent cameras are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Events of one message.
const ROWS_PER_MESSAGE: usize = 256;

/// Tells what happens at cameras, by the rules of a file.
pub struct Analytics {
    context: Context,
    file: Watch,
    rules: Rules,
    watched: WatchedFile,
    cameras: HashMap<Arc<str>, Camera>,
    silent: Duration,
    looked: Instant,
    ids: Ids,
    heatmaps: Option<Heatmaps>,
}

struct Camera {
    engine: Engine,
    arrived: Instant,
    /// Whether its events have ended, as it is silent.
    is_closed: bool,
}

impl Stage for Analytics {
    const KIND: &'static str = "analytics";
    const ABOUT: &'static str = "Outputs events of zones and lines, by the rules of a file.";
    type Settings = AnalyticsSettings;
    const DROPS: &'static [DropReason] = DROPS;
    const FACTS: &'static [Fact] = FACTS;
    type In = Detections;
    type Out = Event;

    fn open(settings: AnalyticsSettings, context: &Context) -> Result<Self, StageError> {
        let rules = settings.load()?;
        let waker = context.waker();
        let file = Watch::start(&settings.rules, move || waker.wake())
            .map_err(|error| StageError::resource(format!("cannot start a thread: {error}")))?;
        let watched = WatchedFile::new(&context.counters, &RULES_FILE, "rules.yml", "rules");
        let every = Duration::from_millis(settings.heatmaps_every_ms);
        let heatmaps = settings.heatmaps.as_deref();
        let heatmaps = heatmaps
            .map(|path| Heatmaps::open(path, every, &context.counters))
            .transpose()
            .map_err(|error| StageError::configuration(error.to_string()))?;
        Ok(Self {
            context: context.clone(),
            file,
            rules,
            watched,
            cameras: HashMap::new(),
            silent: settings.silent(),
            looked: Instant::now(),
            ids: Ids::new(SystemTime::now()),
            heatmaps,
        })
    }

    fn rows(&mut self, rows: Vec<Detections>, out: &mut Output<Event>) -> Result<(), StageError> {
        let arrived = Instant::now();
        let mut events = Vec::new();
        for row in rows {
            self.take(&row, arrived, &mut events);
            let entered = row.trace.0.last().map_or(0, |pass| pass.enter_nanos);
            let took = clock::monotonic_nanos().saturating_sub(entered).max(0);
            self.context.counters.sent(&row.id.camera, took);
        }
        send(events, out);
        Ok(())
    }

    fn tick(&mut self, out: &mut Output<Event>) -> Result<(), StageError> {
        self.take_file(out);
        let now = Instant::now();
        if now.saturating_duration_since(self.looked) >= LOOK_EVERY {
            self.looked = now;
            self.close_silent(now, out);
            if let Some(heatmaps) = &mut self.heatmaps
                && heatmaps.are_due(now)
            {
                self.write_heatmaps();
            }
        }
        Ok(())
    }

    fn close(&mut self, out: &mut Output<Event>) -> Result<(), StageError> {
        let mut events = Vec::new();
        for (id, camera) in &mut self.cameras {
            let mut new_id = || self.ids.next(id);
            let trace = self.context.new_trace();
            camera.engine.close(&trace, &mut new_id, &mut events);
        }
        send(events, out);
        self.write_heatmaps();
        if let Some(heatmaps) = &mut self.heatmaps {
            heatmaps.close();
        }
        Ok(())
    }
}

impl Analytics {
    fn take(&mut self, row: &Detections, arrived: Instant, events: &mut Vec<Event>) {
        let id = &row.id.camera;
        if !self.cameras.contains_key(id) {
            self.make_room(events);
            let camera = Camera {
                engine: Engine::new(self.rules.of(id)),
                arrived,
                is_closed: false,
            };
            self.cameras.insert(Arc::clone(id), camera);
        }
        let Some(camera) = self.cameras.get_mut(id) else {
            return;
        };
        (camera.arrived, camera.is_closed) = (arrived, false);
        let mut new_id = || self.ids.next(id);
        let engine = &mut camera.engine;
        if engine.frame(row, arrived, &mut new_id, events) > 0 {
            self.context.counters.error(id, TOO_MANY_TRACKS);
        }
    }

    /// Forgets the camera that is silent for longest, where there are too many.
    fn make_room(&mut self, events: &mut Vec<Event>) {
        if self.cameras.len() < MAX_CAMERAS {
            return;
        }
        let longest = self.cameras.iter().min_by_key(|(_, it)| it.arrived);
        let Some(id) = longest.map(|(id, _)| Arc::clone(id)) else {
            return;
        };
        if let Some(mut camera) = self.cameras.remove(&id) {
            let mut new_id = || self.ids.next(&id);
            let trace = self.context.new_trace();
            camera.engine.close(&trace, &mut new_id, events);
        }
    }

    /// Ends the events of cameras that are silent.
    fn close_silent(&mut self, now: Instant, out: &mut Output<Event>) {
        let mut events = Vec::new();
        for (id, camera) in &mut self.cameras {
            let silent = now.saturating_duration_since(camera.arrived);
            if silent >= self.silent && !camera.is_closed {
                camera.is_closed = true;
                let mut new_id = || self.ids.next(id);
                let trace = self.context.new_trace();
                camera.engine.close(&trace, &mut new_id, &mut events);
            }
        }
        send(events, out);
    }

    fn write_heatmaps(&mut self) {
        let Some(heatmaps) = &mut self.heatmaps else {
            return;
        };
        for (id, camera) in &self.cameras {
            for (rule, heatmap) in camera.engine.heatmaps() {
                heatmaps.write(id, rule, heatmap);
            }
        }
    }

    /// Takes what has changed in `rules.yml`, or says once why it cannot be used.
    fn take_file(&mut self, out: &mut Output<Event>) {
        let Some(read) = self.file.take() else {
            return;
        };
        let refused = match read {
            Ok(rules) => {
                self.apply(rules, out);
                None
            }
            Err(error) => Some(error.to_string()),
        };
        self.watched.note(&self.context.counters, refused);
    }

    fn apply(&mut self, rules: Rules, out: &mut Output<Event>) {
        if rules == self.rules {
            return;
        }
        self.rules = rules;
        info!("rules.yml has {} rules", self.rules.0.len());
        let mut events = Vec::new();
        for (id, camera) in &mut self.cameras {
            let mut new_id = || self.ids.next(id);
            let trace = self.context.new_trace();
            let rules = self.rules.of(id);
            let engine = &mut camera.engine;
            engine.set_rules(rules, &trace, &mut new_id, &mut events);
        }
        send(events, out);
    }
}

fn send(mut events: Vec<Event>, out: &mut Output<Event>) {
    while events.len() > ROWS_PER_MESSAGE {
        let rest = events.split_off(ROWS_PER_MESSAGE);
        out.send(std::mem::replace(&mut events, rest));
    }
    out.send(events);
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
