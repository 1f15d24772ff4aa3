//! The thread that delivers.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use camweave_stage::StageError;
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::failure::Failure;
use crate::kafka::Kafka;
use crate::mqtt::Mqtt;
use crate::queue::Queue;
use crate::webhook::Webhook;

/// How long the delivery goes on with what waits when the graph ends; what is left then stays on disk for
/// the next start. dora kills a node 10 s after a stop.
const DRAIN_AT_MOST: Duration = Duration::from_secs(3);

/// Who takes the events.
pub(crate) enum Receiver {
    Mqtt(Box<Mqtt>),
    Kafka(Box<Kafka>),
    Webhook(Box<Webhook>),
}

impl Receiver {
    /// Delivers until the queue is closed and empty.
    async fn run(&mut self, queue: &Queue) -> Result<(), Failure> {
        match self {
            Self::Mqtt(mqtt) => mqtt.run(queue).await,
            Self::Kafka(kafka) => kafka.run(queue).await,
            Self::Webhook(webhook) => webhook.run(queue).await,
        }
    }
}

/// The running thread.
pub(crate) struct Delivery {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Delivery {
    /// # Errors
    /// There can be no thread.
    pub fn start(
        receiver: Receiver,
        queue: &Arc<Queue>,
        retry_at_most: Duration,
    ) -> Result<Self, StageError> {
        let refused = |error| StageError::resource(format!("cannot start a thread: {error}"));
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(refused)?;
        let taken = Arc::clone(queue);
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = deliver(receiver, &taken, Backoff::new(retry_at_most)) => {}
                    () = overdue(&taken) => {}
                }
            });
            // A name that is being looked up cannot be called off: nobody waits for it.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new()
            .name("delivery".to_owned())
            .spawn(work)
            .map_err(refused)?;
        Ok(Self {
            queue: Arc::clone(queue),
            thread: Some(thread),
        })
    }

    /// Ends the delivery.
    pub fn close(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.close();
    }
}

/// Comes to its end when the delivery should have.
async fn overdue(queue: &Queue) {
    while !queue.is_closing() {
        sleep(Duration::from_millis(50)).await;
    }
    sleep(DRAIN_AT_MOST).await;
}

async fn deliver(mut receiver: Receiver, queue: &Queue, mut backoff: Backoff) {
    loop {
        let before = queue.delivered_in_all();
        let Err(failure) = receiver.run(queue).await else {
            return;
        };
        let lasted = queue.failed(&failure);
        backoff.after(queue.delivered_in_all() > before, lasted);
        if queue.is_closing() {
            return;
        }
        let wait = backoff.wait(failure.wait);
        drop(timeout(wait, closing(queue)).await);
    }
}

async fn closing(queue: &Queue) {
    while !queue.is_closing() {
        sleep(Duration::from_millis(50)).await;
    }
}
