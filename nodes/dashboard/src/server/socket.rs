//! One page's WebSocket.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use bytes::Bytes;
use futures::stream::SplitStream;
use futures::{SinkExt, StreamExt as _};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::debug;

use super::budget::Budget;
use crate::events::ASK_AGAIN;
use crate::viewers::{Joined, Queue, Wanted};

/// Bytes of a message from the page.
pub(crate) const MOST_BYTES: usize = 16 << 10;
/// Messages from the page: so many at once, and one in so long on average.
const BURST: u32 = 30;
const PER_SECOND: u32 = 5;
/// A page that takes nothing for so long is gone.
const SEND_AT_MOST: Duration = Duration::from_secs(30);
/// How often a page is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// One that says nothing for so long is gone.
const SILENT: Duration = Duration::from_secs(70);

/// How long the end of a talk may take.
const CLOSE_AT_MOST: Duration = Duration::from_secs(2);

/// What a page says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said {
    /// It watches these cameras, and no others.
    Watch { cameras: Vec<Wanted> },
}

/// Tells a page that there are too many already.
pub(crate) async fn refuse(mut socket: WebSocket, most: usize) {
    let line = format!("{most} pages are open, which is as many as there may be (VIEWERS)");
    let text = serde_json::json!({ "type": "error", "error": line }).to_string();
    let frame = CloseFrame {
        code: close_code::AGAIN,
        reason: "too many viewers".into(),
    };
    let talk = async {
        socket.send(Message::text(text)).await?;
        socket.send(Message::Close(Some(frame))).await
    };
    drop(timeout(SEND_AT_MOST, talk).await);
}

/// Talks to a page until one of both has enough.
pub(crate) async fn run(
    socket: WebSocket,
    joined: Joined,
    states: watch::Receiver<Arc<str>>,
    events: broadcast::Receiver<Arc<str>>,
) {
    let (mut sender, mut receiver) = socket.split();
    let reason = tokio::select! {
        reason = read(&mut receiver, &joined) => reason,
        Err(()) = write(&mut sender, &joined.viewer.queue, states, events) => None,
    };
    // From here on nothing is kept for it.
    drop(joined);
    let frame = reason.map(|(code, reason)| CloseFrame {
        code,
        reason: reason.into(),
    });
    drop(timeout(CLOSE_AT_MOST, sender.send(Message::Close(frame))).await);
}

/// Sends what there is; ends with an error where the page takes nothing. Where the connection is
/// slower than the states come, the queue has half of it: after a state, as many bytes of the queue
/// go first.
async fn write(
    sender: &mut (impl SinkExt<Message> + Unpin),
    queue: &Queue,
    mut states: watch::Receiver<Arc<str>>,
    mut events: broadcast::Receiver<Arc<str>>,
) -> Result<Infallible, ()> {
    let hello = serde_json::json!({
        "type": "hello",
        "protocol": 1,
        "version": env!("CARGO_PKG_VERSION"),
    });
    send(sender, Message::text(hello.to_string())).await?;
    states.mark_changed();
    let mut owed = 0_usize;
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            biased;
            _ = ping.tick() => Message::Ping(Bytes::new()),
            message = queue.next(), if owed > 0 => {
                let message = message.ok_or(())?;
                owed = owed.saturating_sub(bytes(&message));
                message
            }
            changed = states.changed() => {
                changed.map_err(drop)?;
                let state = states.borrow_and_update().to_string();
                owed = state.len();
                Message::text(state)
            }
            news = events.recv() => Message::text(match news {
                Ok(text) => text.to_string(),
                // It was too slow for them: it asks for what it shows.
                Err(RecvError::Lagged(_)) => ASK_AGAIN.to_owned(),
                Err(RecvError::Closed) => return Err(()),
            }),
            message = queue.next(), if owed == 0 => message.ok_or(())?,
        };
        send(sender, message).await?;
    }
}

fn bytes(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
        _ => 0,
    }
}

/// Takes what the page says, until it is gone, or has to be closed for a reason.
async fn read(
    receiver: &mut SplitStream<WebSocket>,
    joined: &Joined,
) -> Option<(u16, &'static str)> {
    let mut budget = Budget::new(BURST, PER_SECOND, Instant::now());
    loop {
        let message = timeout(SILENT, receiver.next()).await;
        let Ok(Some(Ok(message))) = message else {
            return None;
        };
        if !budget.takes(Instant::now()) {
            return Some((close_code::POLICY, "too many messages"));
        }
        match message {
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(Said::Watch { cameras }) => joined.watch(cameras),
                Err(error) => {
                    debug!("a page said what is no message: {error}");
                    return Some((close_code::POLICY, "expected a message of type 'watch'"));
                }
            },
            Message::Binary(_) => return Some((close_code::UNSUPPORTED, "expected text")),
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
}

async fn send(sender: &mut (impl SinkExt<Message> + Unpin), message: Message) -> Result<(), ()> {
    match timeout(SEND_AT_MOST, sender.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a page gets whose connection is so slow that there is another state after each message.
    async fn got(queue: &Queue, state: &'static str, most: usize) -> Vec<Message> {
        let (newer, states) = watch::channel(Arc::from(state));
        let mut all = Vec::new();
        let mut sink = Box::pin(futures::sink::unfold(&mut all, |all, message: Message| {
            newer.send_replace(Arc::from(state));
            let is_full = all.len() == most;
            if !is_full {
                all.push(message);
            }
            std::future::ready(if is_full { Err(()) } else { Ok(all) })
        }));
        let (_news, events) = broadcast::channel(1);
        assert!(write(&mut sink, queue, states, events).await.is_err());
        drop(sink);
        all
    }

    #[tokio::test]
    async fn one_whose_connection_is_slower_than_the_states_has_video_too() {
        let queue = Queue::default();
        for index in 0..20 {
            queue.image(index, vec![0; 10].into());
        }
        let all = got(&queue, "a state of 20 bytes.", 20).await;
        let sum = |is: fn(&Message) -> bool| -> usize {
            let those = all.iter().filter(|it| is(it));
            those.map(bytes).sum()
        };
        let images = sum(|it| matches!(it, Message::Binary(_)));
        let states = sum(|it| matches!(it, Message::Text(text) if text.starts_with("a state")));
        assert!(
            images > 0 && images.abs_diff(states) <= 20,
            "{images}, {states}"
        );
    }

    #[tokio::test]
    async fn states_do_not_wait_for_a_queue_that_is_empty() {
        let all = got(&Queue::default(), "a state", 20).await;
        let states = all
            .iter()
            .filter(|it| matches!(it, Message::Text(text) if text.as_str() == "a state"));
        assert!(states.count() >= 18);
    }
}
