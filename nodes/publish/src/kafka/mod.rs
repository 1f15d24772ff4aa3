//! Delivery to a topic of Kafka, in rounds: some rows, all of which are answered before the next are sent.
//!
//! A round's rows for one partition are one batch, which is taken as a whole or not at all, and nothing
//! else is under way then: that is what keeps each camera's rows in order, whatever fails. Within a
//! round the library sends again what it may, and its numbers in each batch tell the broker what it
//! has already.

mod cluster;
mod security;
mod trouble;

use std::collections::BTreeMap;
use std::time::Duration;

use camweave_redact::KnownSecrets;
use camweave_spool::Record;
use krafka::CloseOptions;
use krafka::auth::AuthConfig;
use krafka::error::KrafkaError;
use krafka::producer::{Acks, Producer};
use tokio::time::{sleep, timeout};

use crate::failure::{Failure, Reason};
use crate::payload::{Bodies, Payload};
use crate::queue::Queue;
use crate::settings::Shape;
pub(crate) use cluster::Cluster;
pub use security::Sasl;
pub(crate) use security::security;

/// Rows of a round at most.
const ROUND: usize = 32;
/// Bytes of a round of several rows: less than any broker's bound for a batch (1 MiB by default), so that
/// only a row that is alone can be too large. The library would send the parts of a batch on its own.
const ROUND_BYTES: usize = 32 << 10;
/// A batch of any round.
const BATCH_BYTES: usize = 4 * ROUND_BYTES;
/// How often a queue without news is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const GOODBYE_AT_MOST: Duration = Duration::from_secs(1);

/// A topic of a cluster.
pub(crate) struct Kafka {
    pub cluster: Cluster,
    pub client_id: String,
    pub security: AuthConfig,
    pub timeout: Duration,
    pub shape: Shape,
    pub bodies: Bodies,
    /// What must not be quoted.
    pub hidden: KnownSecrets,
    pub state: State,
}

/// What is known from one connection to the next.
#[derive(Default)]
pub(crate) struct State {
    /// One that waited too long for an answer: as long as a request of its is under way, another's could
    /// overtake it.
    producer: Option<Producer>,
    /// Rows after the first that is still to be delivered.
    settled: BTreeMap<u64, Settled>,
    /// A round was refused for a row in it: the rows up to this number go one by one.
    alone_up_to: Option<u64>,
}

/// What became of a row.
#[derive(Debug, PartialEq, Eq)]
enum Settled {
    Taken,
    Refused(String),
}

impl Kafka {
    /// Delivers until the queue is closed and empty.
    pub async fn run(&mut self, queue: &Queue) -> Result<(), Failure> {
        let producer = match self.state.producer.take() {
            Some(producer) => producer,
            None => {
                let producer = self.connect().await?;
                queue.connected();
                producer
            }
        };
        let ended = self.deliver(&producer, queue).await;
        match &ended {
            Ok(()) => {
                let goodbye = CloseOptions::new().timeout(GOODBYE_AT_MOST);
                // All is delivered: what fails here fails nobody.
                drop(producer.close_with(goodbye).await);
            }
            Err(failure) if failure.reason == Reason::Timeout => {
                self.state.producer = Some(producer);
            }
            Err(_) => {}
        }
        ended
    }

    async fn connect(&self) -> Result<Producer, Failure> {
        let count = u32::try_from(self.cluster.brokers.len()).unwrap_or(u32::MAX);
        let connect = async {
            let kafka = krafka::Kafka::builder(self.cluster.brokers.join(","))
                .client_id(&self.client_id)
                .security(self.security.clone())
                .request_timeout(self.timeout)
                // So that the last of them has its turn.
                .connect_timeout(self.timeout / count)
                // A name with a slip in it is said, not created.
                .allow_auto_create_topics(false)
                .connect()
                .await?;
            // How long a batch waits for its round's other rows at most: the end of the round comes first.
            let linger = self.timeout / 10;
            let producer = kafka.producer();
            producer
                .acks(Acks::All)
                .idempotent(true)
                .batch_size(BATCH_BYTES)
                .linger(linger)
                .delivery_timeout(self.timeout + linger)
                .max_block(self.timeout)
                .metrics_push(false)
                .build()
                .await
        };
        let producer = timeout(2 * self.timeout, connect).await;
        let producer =
            producer.map_err(|_| Failure::new(Reason::Timeout, "no connection in time"))?;
        let producer = producer.map_err(|error| self.failure(&error))?;
        let found = producer.partitions_for(&self.cluster.topic).await;
        found.map_err(|error| self.failure(&error))?;
        Ok(producer)
    }

    fn failure(&self, error: &KrafkaError) -> Failure {
        trouble::failure(error, &self.cluster.topic, &self.hidden)
    }

    async fn deliver(&mut self, producer: &Producer, queue: &Queue) -> Result<(), Failure> {
        loop {
            let records = queue.read(queue.next(), ROUND)?;
            if records.is_empty() {
                if queue.is_closing() {
                    return Ok(());
                }
                tokio::select! {
                    () = queue.news.notified() => {}
                    () = sleep(LOOK_EVERY) => {}
                }
                continue;
            }
            let round = self.state.round(&records);
            let sent = self.send(producer, &round).await;
            if self.state.settle(queue, &records) {
                queue.connected();
            }
            sent?;
        }
    }

    /// Sends a round, and waits until all of it is answered.
    async fn send(&mut self, producer: &Producer, round: &[&Record]) -> Result<(), Failure> {
        let (mut under_way, mut failed) = (Vec::with_capacity(round.len()), None);
        let mut answered = Vec::with_capacity(round.len());
        let first = round.first().map_or(0, |it| it.number);
        for record in round {
            let message = match self.message(record, first) {
                Ok(message) => message,
                Err(why) => {
                    self.state
                        .settled
                        .insert(record.number, Settled::Refused(why));
                    continue;
                }
            };
            match producer.enqueue(message).await {
                Ok(handle) => under_way.push((record.number, handle)),
                Err(error) => {
                    answered.push((record.number, Err(error)));
                    break;
                }
            }
        }
        let flushed = producer.flush().await;
        for (number, handle) in under_way {
            answered.push((number, handle.await.map(drop)));
        }
        for (number, answer) in answered {
            let settled = match answer {
                Ok(()) => Settled::Taken,
                Err(error) => match trouble::of_the_row(&error) {
                    Some(why) if round.len() == 1 => Settled::Refused(why),
                    Some(_) => {
                        self.state.alone_up_to = round.last().map(|it| it.number);
                        continue;
                    }
                    None => {
                        failed = failed.or(Some(error));
                        continue;
                    }
                },
            };
            self.state.settled.insert(number, settled);
        }
        match failed.or(flushed.err()) {
            Some(error) => Err(self.failure(&error)),
            None => Ok(()),
        }
    }

    /// What is sent of a record; none before the number `first` is sent again.
    fn message(&mut self, record: &Record, first: u64) -> Result<krafka::Record, String> {
        let payload: Payload = serde_json::from_slice(&record.bytes)
            .map_err(|error| format!("not a payload of this version: {error}"))?;
        let value = self.bodies.of(record, &payload, first);
        let message = krafka::Record::new(&self.cluster.topic, value)
            .key(payload.camera)
            .timestamp(record.unix_ms)
            .header("id", payload.id)
            .header("content-type", "application/json");
        Ok(match self.shape {
            Shape::Camweave => message.header("schema", payload.schema),
            Shape::Frigate => message,
        })
    }
}

impl State {
    /// Those that are sent next.
    fn round<'a>(&mut self, records: &'a [Record]) -> Vec<&'a Record> {
        let first = records.first().map_or(0, |it| it.number);
        // Those in front of it were dropped, as the queue was full.
        self.settled = self.settled.split_off(&first);
        let (mut round, mut bytes): (Vec<&Record>, usize) = (Vec::new(), 0);
        for record in records {
            if self.settled.contains_key(&record.number) {
                continue;
            }
            bytes += record.bytes.len();
            let is_alone = round.first().map(|it| it.number) <= self.alone_up_to;
            if !round.is_empty() && (bytes > ROUND_BYTES || is_alone) {
                break;
            }
            round.push(record);
        }
        round
    }

    /// What is settled, up to the first that is not, is done; whether any was taken.
    fn settle(&mut self, queue: &Queue, records: &[Record]) -> bool {
        let mut is_any_taken = false;
        for record in records {
            match self.settled.remove(&record.number) {
                Some(Settled::Taken) => {
                    is_any_taken = true;
                    queue.delivered(record.number + 1, 1);
                }
                Some(Settled::Refused(why)) => queue.refused(record.number + 1, &why),
                None => break,
            }
        }
        is_any_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(numbers: std::ops::Range<u64>, bytes: usize) -> Vec<Record> {
        let record = |number| Record {
            number,
            unix_ms: 0,
            bytes: vec![b'x'; bytes],
        };
        numbers.map(record).collect()
    }

    fn numbers(round: &[&Record]) -> Vec<u64> {
        round.iter().map(|it| it.number).collect()
    }

    #[test]
    fn a_round_is_small_leaves_out_what_is_settled_and_sends_suspects_alone() {
        let mut state = State::default();
        let small = records(10..14, 500);
        assert_eq!(numbers(&state.round(&small)), [10, 11, 12, 13]);
        state.settled.insert(3, Settled::Taken);
        state.settled.insert(11, Settled::Taken);
        assert_eq!(numbers(&state.round(&small)), [10, 12, 13]);
        assert_eq!(state.settled.len(), 1, "what is in front is forgotten");
        state.alone_up_to = Some(12);
        assert_eq!(numbers(&state.round(&small)), [10]);
        assert_eq!(numbers(&state.round(&small[2..])), [12]);
        assert_eq!(numbers(&state.round(&small[3..])), [13]);
        // Half of the bound each, and far above it.
        assert_eq!(
            numbers(&state.round(&records(20..29, ROUND_BYTES / 2))),
            [20, 21]
        );
        assert_eq!(
            numbers(&state.round(&records(20..29, 9 * ROUND_BYTES))),
            [20]
        );
    }
}
