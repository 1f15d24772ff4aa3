//! The stage: rows into the queue, which the delivery empties.

use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_message::{Event, Never};
use camweave_redact::{KnownSecrets, Secret, remember};
use camweave_spool::{Options, Spool};
use camweave_stage::{Context, DropReason, Fact, Output, Stage, StageError, Trouble};
use tracing::{info, warn};

use crate::attempts::Attempts;
use crate::crowding::Crowding;
use crate::delivery::{Delivery, Receiver};
use crate::drops::DROPS;
use crate::facts::{CONNECTED, CONNECTION, FACTS, RECEIVER};
use crate::kafka::{self, Kafka};
use crate::mqtt::Mqtt;
use crate::payload::{Bodies, Payload};
use crate::queue::Queue;
use crate::settings::PublishSettings;
use crate::signature::Signer;
use crate::target::Target;
use crate::topics::Topics;
use crate::webhook::{Login, Webhook};
use crate::{secrets, tls};

/// How often the queue's state is reported, and what waits in memory is written.
const EVERY: Duration = Duration::from_millis(500);
/// Bytes of rows in memory while the disk takes none.
const MEMORY_BYTES: usize = 8 << 20;
/// The queue, as an output.
const SPOOL: &str = "spool";

/// The publisher as a stage.
pub struct Publish {
    queue: Arc<Queue>,
    delivery: Delivery,
    trouble: Trouble,
    crowding: Crowding,
    due: Instant,
}

impl Stage for Publish {
    const KIND: &'static str = "publish";
    const ABOUT: &'static str = "Sends events to an MQTT broker, Kafka or a webhook, at least once and in order, over a queue on disk.";
    type Settings = PublishSettings;
    const DROPS: &'static [DropReason] = DROPS;
    const FACTS: &'static [Fact] = FACTS;
    type In = Event;
    type Out = Never;

    fn open(settings: PublishSettings, context: &Context) -> Result<Self, StageError> {
        let target = settings.target()?;
        let receiver = receiver(&settings, target.clone(), &context.stage)?;
        let limit = settings.spool_mb << 20;
        let spool = open_spool(&settings, limit)?;
        let counters = context.counters.clone();
        counters.fact(&RECEIVER, &target.to_string());
        // What a process before this one said of its connection is over.
        counters.fact(&CONNECTION, "away: not connected yet");
        counters.fact(&CONNECTED, "0");
        let queue = Queue::new(spool, &target.to_string(), counters, limit);
        let queue = Arc::new(queue);
        queue.report();
        let retry_at_most = Duration::from_millis(settings.retry_at_most_ms);
        Ok(Self {
            delivery: Delivery::start(receiver, &queue, retry_at_most)?,
            queue,
            trouble: Trouble::default(),
            crowding: Crowding::default(),
            due: Instant::now(),
        })
    }

    fn rows(&mut self, rows: Vec<Event>, _: &mut Output<Never>) -> Result<(), StageError> {
        let payloads = rows.iter().map(|row| serde_json::to_vec(&Payload::of(row)));
        let payloads = payloads.collect::<Result<Vec<_>, _>>().map_err(|error| {
            StageError::internal(format!("an event cannot be written as JSON: {error}"))
        })?;
        let appended = self.queue.append(payloads);
        self.note(&appended);
        Ok(())
    }

    fn tick(&mut self, _: &mut Output<Never>) -> Result<(), StageError> {
        let now = Instant::now();
        if now >= self.due {
            self.due = now + EVERY;
            let flushed = self.queue.flush();
            self.note(&flushed);
            self.queue.report();
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.due)
    }

    fn close(&mut self, _: &mut Output<Never>) -> Result<(), StageError> {
        self.delivery.close();
        let flushed = self.queue.flush();
        self.note(&flushed);
        let lost = self.queue.give_up();
        if lost > 0 {
            warn!(
                "{lost} undelivered rows are dropped: they are in memory alone, and the graph ends"
            );
        }
        self.queue.report();
        self.trouble.close(SPOOL);
        Ok(())
    }
}

impl Publish {
    /// Says how it went with the disk, and what was dropped.
    fn note(&mut self, written: &Result<(), (u64, String)>) {
        let written = written
            .as_ref()
            .copied()
            .map_err(|(lost, why)| (*lost, &**why));
        self.trouble.note(SPOOL, "", written);
        if let Some(line) = self.crowding.line(self.queue.dropped(), Instant::now()) {
            warn!("{line}");
        }
    }
}

fn open_spool(settings: &PublishSettings, limit: u64) -> Result<Spool, StageError> {
    let options = Options {
        bytes: limit,
        memory_bytes: MEMORY_BYTES,
    };
    let (spool, recovered) = Spool::open(&settings.spool, options).map_err(|error| {
        let line = format!("env SPOOL: {error}");
        match error {
            camweave_spool::Error::Io { .. } => StageError::resource(line),
            _ => StageError::configuration(line),
        }
    })?;
    if recovered.undelivered > 0 {
        info!(
            "{} rows of earlier are to be delivered",
            recovered.undelivered
        );
    }
    if recovered.cut_bytes > 0 {
        warn!(
            "the queue ended in {} bytes of a write that had not come to its end: nobody was promised these rows",
            recovered.cut_bytes
        );
    }
    if recovered.missing > 0 {
        warn!(
            "{} undelivered rows of the queue are damaged or missing; a damaged file is kept in '{}', as *.damaged",
            recovered.missing,
            settings.spool.display()
        );
    }
    Ok(spool)
}

fn receiver(
    settings: &PublishSettings,
    target: Target,
    node: &str,
) -> Result<Receiver, StageError> {
    let password = secrets::read(
        "PASSWORD",
        settings.password_file.as_deref(),
        settings.password_variable.as_deref(),
    )?;
    let mut hidden = target.secrets();
    if let Some(password) = &password {
        let user = settings.username.clone().unwrap_or_default();
        hidden.extend(&KnownSecrets::new(&Secret::from(user), password));
    }
    remember(&hidden);
    let timeout = Duration::from_millis(settings.timeout_ms);
    let own_id = || format!("camweave-{node}");
    match target {
        Target::Mqtt {
            host,
            port,
            is_encrypted,
        } => {
            let tls = is_encrypted
                .then(|| tls::config(settings.identities()))
                .transpose()?;
            let client_id = settings.client_id.clone().unwrap_or_else(own_id);
            Ok(Receiver::Mqtt(Box::new(Mqtt {
                topics: Topics::of(settings, &client_id),
                host,
                port,
                tls: tls.map(Arc::new),
                version: settings.mqtt,
                client_id,
                login: settings
                    .username
                    .clone()
                    .map(|it| (it, password.unwrap_or_default())),
                timeout,
                bodies: Bodies::new(settings.shape),
                cameras: std::collections::BTreeSet::new(),
                attempts: Attempts::default(),
                refused: std::collections::BTreeSet::new(),
            })))
        }
        Target::Kafka(cluster) => {
            let password = password.unwrap_or_default();
            let login = settings.username.as_deref().map(|it| (it, &password));
            let identities = cluster.is_encrypted.then(|| settings.identities());
            Ok(Receiver::Kafka(Box::new(Kafka {
                security: kafka::security(login, settings.sasl, identities)?,
                cluster,
                client_id: settings.client_id.clone().unwrap_or_else(own_id),
                timeout,
                shape: settings.shape,
                bodies: Bodies::new(settings.shape),
                hidden,
                state: kafka::State::default(),
            })))
        }
        Target::Webhook(url) => {
            let key = secrets::read(
                "SIGNING_KEY",
                settings.signing_key_file.as_deref(),
                settings.signing_key_variable.as_deref(),
            )?;
            let signer = key.as_ref().map(Signer::new).transpose()?;
            let login = match (settings.username.clone(), password) {
                (Some(user), password) => Login::Basic(user, password.unwrap_or_default()),
                (None, Some(token)) => Login::Bearer(token),
                (None, None) => Login::None,
            };
            let tls = match url.expose().scheme() {
                "https" => tls::config(settings.identities())?,
                _ => tls::unused()?,
            };
            let webhook = Webhook::new(url, tls, login, signer, settings.shape, timeout)?;
            Ok(Receiver::Webhook(Box::new(webhook)))
        }
    }
}
