//! The queue between the stage, which fills it, and the delivery, which empties it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use camweave_spool::{Record, Spool, Stored};
use camweave_stage::telemetry::{Counters, clock};
use tokio::sync::Notify;
use tracing::warn;

use crate::facts;
use crate::failure::{Failure, Reason};
use crate::outage::Outage;

/// What was delivered goes to disk with a delivery, if so long has passed, and else with the stage's next
/// tick: a kill repeats what was delivered since.
const SYNC_EVERY: Duration = Duration::from_millis(100);
/// Records that are read at once, and their bytes.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 1 << 20;

pub(crate) struct Queue {
    inner: Mutex<Inner>,
    /// Something came, or the end.
    pub news: Notify,
    closing: AtomicBool,
    delivered: AtomicU64,
    refused: AtomicU64,
    counters: Counters,
    limit: u64,
}

struct Inner {
    spool: Spool,
    synced: Instant,
    outage: Outage,
    connected: Option<Instant>,
}

impl Queue {
    pub fn new(spool: Spool, receiver: &str, counters: Counters, limit: u64) -> Self {
        let inner = Inner {
            spool,
            synced: Instant::now(),
            outage: Outage::new(receiver),
            connected: None,
        };
        Self {
            inner: Mutex::new(inner),
            news: Notify::new(),
            closing: AtomicBool::new(false),
            delivered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            counters,
            limit,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes rows over. On return they are on disk, unless the disk refuses: how many are not, and why.
    pub fn append(&self, rows: Vec<Vec<u8>>) -> Result<(), (u64, String)> {
        let count = rows.len() as u64;
        let unix_ms = clock::unix_nanos() / 1_000_000;
        let stored = self.inner().spool.append(unix_ms, rows);
        self.news.notify_one();
        match stored {
            Ok(Stored::OnDisk) => Ok(()),
            Ok(Stored::InMemory(error)) => Err((0, error.to_string())),
            Err(error) => Err((count, error.to_string())),
        }
    }

    /// Writes what waits in memory, and what was delivered.
    pub fn flush(&self) -> Result<(), (u64, String)> {
        let mut inner = self.inner();
        let flushed = inner.spool.flush();
        inner.synced = Instant::now();
        flushed
            .and_then(|()| inner.spool.sync())
            .map_err(|error| (0, error.to_string()))
    }

    /// Drops what is in memory alone, at the end: how many rows.
    pub fn give_up(&self) -> u64 {
        self.inner().spool.give_up()
    }

    /// Rows from the number `from` on, in order.
    pub fn read(&self, from: u64, at_most: usize) -> Result<Vec<Record>, Failure> {
        let read = self
            .inner()
            .spool
            .read(from, at_most.min(BATCH), BATCH_BYTES);
        read.map_err(|error| Failure::new(Reason::Spool, error.to_string()))
    }

    /// The number of the first row that is not delivered.
    pub fn next(&self) -> u64 {
        self.inner().spool.next()
    }

    /// Whether nothing is left to deliver.
    pub fn is_empty(&self) -> bool {
        self.inner().spool.undelivered() == 0
    }

    /// Notes that rows up to and without the number `next` were taken by the receiver.
    pub fn delivered(&self, next: u64, count: u64) {
        self.delivered.fetch_add(count, Ordering::Relaxed);
        self.done(next);
    }

    /// Notes that the receiver will never take the row in front of the number `next`.
    pub fn refused(&self, next: u64, why: &str) {
        let count = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            warn!("the receiver will not take a row, which is left out ({count} so far): {why}");
        }
        self.done(next);
    }

    fn done(&self, next: u64) {
        let mut inner = self.inner();
        inner.spool.delivered(next);
        if inner.synced.elapsed() >= SYNC_EVERY {
            inner.synced = Instant::now();
            // The next try is soon; until then a kill costs repetitions.
            drop(inner.spool.sync());
        }
    }

    pub fn delivered_in_all(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Notes that the receiver is there.
    pub fn connected(&self) {
        let mut inner = self.inner();
        let waiting = inner.spool.undelivered();
        inner.outage.ends(waiting, Instant::now());
        inner.connected.get_or_insert_with(Instant::now);
        self.counters.fact(&facts::CONNECTION, "connected");
        self.counters.fact(&facts::CONNECTED, "1");
    }

    /// Notes that it is not; for how long it was.
    pub fn failed(&self, failure: &Failure) -> Duration {
        self.counters.stage_error(failure.reason.as_str());
        let mut inner = self.inner();
        let lasted = inner.connected.take().map(|it| it.elapsed());
        let waiting = inner.spool.undelivered();
        inner.outage.lasts(failure, waiting, Instant::now());
        let state = format!("away: {}", failure.detail);
        self.counters.fact(&facts::CONNECTION, &state);
        self.counters.fact(&facts::CONNECTED, "0");
        lasted.unwrap_or_default()
    }

    /// Brings what the stage says of itself up to date.
    pub fn report(&self) {
        let mut inner = self.inner();
        let spool = &mut inner.spool;
        let oldest = spool.oldest_unix_ms();
        let age = oldest.map_or(0, |it| (clock::unix_nanos() / 1_000_000 - it).max(0) / 1000);
        let delivered = self.delivered_in_all();
        let refused = self.refused.load(Ordering::Relaxed);
        for (fact, value) in [
            (&facts::DELIVERED, delivered),
            (&facts::REFUSED, refused),
            (&facts::QUEUED, spool.undelivered()),
            (&facts::UNSAVED, spool.unsaved() as u64),
            (&facts::SPOOL_BYTES, spool.disk_bytes()),
            (&facts::SPOOL_LIMIT_BYTES, self.limit),
            (&facts::OLDEST_SECONDS, age.cast_unsigned()),
            (&facts::DROPPED, spool.dropped()),
            (&facts::MISSING, spool.missing()),
        ] {
            self.counters.fact(fact, &value.to_string());
        }
    }

    /// Undelivered rows that were dropped, in all.
    pub fn dropped(&self) -> u64 {
        self.inner().spool.dropped()
    }

    /// Nothing more comes: the delivery ends when the queue is empty.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.news.notify_one();
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}
