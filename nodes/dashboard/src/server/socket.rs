//! One page's WebSocket.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use bytes::Bytes;
use futures::stream::SplitStream;
use futures::{SinkExt, StreamExt as _};
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::debug;

use crate::state::Published;
use crate::viewers::{Joined, Queue, Wanted};

/// Bytes of a message from the page.
pub(crate) const MOST_BYTES: usize = 16 << 10;
/// Messages from the page: so many at once, and one in so long on average.
const BURST: f64 = 30.0;
const PER_SECOND: f64 = 5.0;
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
pub(crate) async fn run(socket: WebSocket, joined: Joined, published: Published) {
    let (mut sender, mut receiver) = socket.split();
    let reason = tokio::select! {
        reason = read(&mut receiver, &joined) => reason,
        Err(()) = write(&mut sender, &joined.viewer.queue, published) => None,
    };
    // From here on nothing is kept for it.
    drop(joined);
    let frame = reason.map(|(code, reason)| CloseFrame {
        code,
        reason: reason.into(),
    });
    drop(timeout(CLOSE_AT_MOST, sender.send(Message::Close(frame))).await);
}

/// Sends what there is; ends with an error where the page takes nothing.
async fn write(
    sender: &mut (impl SinkExt<Message> + Unpin),
    queue: &Queue,
    mut published: Published,
) -> Result<Infallible, ()> {
    let hello = serde_json::json!({
        "type": "hello",
        "protocol": 1,
        "version": env!("CARGO_PKG_VERSION"),
    });
    send(sender, Message::text(hello.to_string())).await?;
    published.state.mark_changed();
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            biased;
            changed = published.state.changed() => {
                changed.map_err(drop)?;
                let state = published.state.borrow_and_update().to_string();
                Message::text(state)
            }
            _ = ping.tick() => Message::Ping(Bytes::new()),
            message = queue.next() => message.ok_or(())?,
        };
        send(sender, message).await?;
    }
}

/// Takes what the page says, until it is gone, or has to be closed for a reason.
async fn read(
    receiver: &mut SplitStream<WebSocket>,
    joined: &Joined,
) -> Option<(u16, &'static str)> {
    let mut budget = Budget::new(Instant::now());
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

/// How many messages a page may still send.
struct Budget {
    left: f64,
    since: Instant,
}

impl Budget {
    fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            since: now,
        }
    }

    fn takes(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        self.since = now;
        self.left = (self.left + seconds * PER_SECOND).min(BURST) - 1.0;
        self.left >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_talks_too_much_is_noticed() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        assert!((0..30).all(|_| budget.takes(now)));
        assert!(!budget.takes(now));
        let mut budget = Budget::new(now);
        assert!((0..1000).all(|number| budget.takes(now + Duration::from_millis(200 * number))));
    }
}
