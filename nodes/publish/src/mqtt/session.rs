//! One connection: what is under way, and what the broker has confirmed.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::broker::{Made, Mqtt, Stream};
use super::packets::{Heard, KEEP_ALIVE_SECONDS, Message, Opening};

use crate::failure::{Failure, Reason};
use crate::queue::Queue;
use crate::settings::MqttVersion;

/// Messages that are under way at most.
const WINDOW: usize = 32;
const PING_AFTER: Duration = Duration::from_secs(KEEP_ALIVE_SECONDS as u64 / 2);
/// For what a broker said before it closed the connection.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A message that waits for its turn.
#[derive(Debug)]
enum Waiting {
    /// `record` is that which it is the last message of; an announcement is of none.
    Message {
        message: Message,
        record: Option<u64>,
    },
    /// A record that is none that can be sent.
    Refused { record: u64, why: String },
}

/// A message that was sent.
#[derive(Debug)]
struct Sent {
    id: u16,
    record: Option<u64>,
    topic: String,
    at: Instant,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    None,
    Taken,
    /// It will never be taken.
    Refused(String),
    /// It is not taken now.
    Rejected(String),
}

pub(super) struct Session {
    stream: Box<dyn Stream>,
    version: MqttVersion,
    input: BytesMut,
    output: BytesMut,
    waiting: VecDeque<Waiting>,
    under_way: VecDeque<Sent>,
    window: usize,
    packet_bytes: u32,
    ping_after: Duration,
    last_id: u16,
    timeout: Duration,
    wrote: Instant,
    pinged: Option<Instant>,
    /// It has answered to a message.
    has_answered: bool,
    /// It has taken a row.
    has_taken: bool,
    /// A row that was rejected often enough.
    doubted: Option<u64>,
}

/// Silence after which a broker is asked whether it is alive: half of what it waits for.
fn ping_after(keep_alive_seconds: u16) -> Duration {
    match keep_alive_seconds {
        0 => PING_AFTER,
        seconds => PING_AFTER.min(Duration::from_secs(seconds.into()) / 2),
    }
}

fn lost(error: &std::io::Error) -> Failure {
    Failure::new(
        Reason::Connection,
        format!("the connection is lost: {error}"),
    )
}

impl Session {
    /// Opens a session.
    pub async fn open(
        stream: Box<dyn Stream>,
        version: MqttVersion,
        opening: &Opening<'_>,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let mut session = Self {
            stream,
            version,
            input: BytesMut::new(),
            output: BytesMut::new(),
            waiting: VecDeque::new(),
            under_way: VecDeque::new(),
            window: WINDOW,
            packet_bytes: u32::MAX,
            ping_after: PING_AFTER,
            last_id: 0,
            timeout: patience,
            wrote: Instant::now(),
            pinged: None,
            has_answered: false,
            has_taken: false,
            doubted: None,
        };
        version.connect(opening, &mut session.output)?;
        session.write().await?;
        let until = Instant::now() + patience;
        loop {
            match version.read(&mut session.input)? {
                Some(Heard::Welcome(limits)) => {
                    session.window = WINDOW.min(usize::from(limits.at_most)).max(1);
                    session.packet_bytes = limits.packet_bytes;
                    session.ping_after = ping_after(limits.keep_alive);
                    return Ok(session);
                }
                Some(_) => {
                    let line = "the broker does not begin with an answer to the connection";
                    return Err(Failure::new(Reason::Protocol, line));
                }
                None => timeout_at(until, session.read())
                    .await
                    .map_err(|_| Failure::new(Reason::Timeout, "the broker does not answer"))??,
            }
        }
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let read = self.stream.read_buf(&mut self.input).await;
        match read.map_err(|error| lost(&error))? {
            0 => Err(Failure::new(
                Reason::Connection,
                "the broker has closed the connection",
            )),
            _ => Ok(()),
        }
    }

    async fn write(&mut self) -> Result<(), Failure> {
        if self.output.is_empty() {
            return Ok(());
        }
        let all = async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        };
        let written = timeout(self.timeout, all).await;
        written
            .map_err(|_| Failure::new(Reason::Timeout, "the broker takes no bytes"))?
            .map_err(|error| lost(&error))?;
        self.output.clear();
        self.wrote = Instant::now();
        Ok(())
    }

    /// Sends a message that is of no record, in its turn.
    pub fn announce(&mut self, message: Message) {
        let record = None;
        self.waiting.push_back(Waiting::Message { message, record });
    }

    fn send(&mut self, next: Waiting) -> Result<(), Failure> {
        let (id, record, topic, answer) = match next {
            Waiting::Refused { record, why } => {
                (0, Some(record), String::new(), Answer::Refused(why))
            }
            Waiting::Message { message, record } => {
                let id = self.last_id.checked_add(1).unwrap_or(1);
                let start = self.output.len();
                self.version.publish(id, &message, &mut self.output)?;
                let length = self.output.len() - start;
                if length > usize::try_from(self.packet_bytes).unwrap_or(usize::MAX) {
                    self.output.truncate(start);
                    let most = self.packet_bytes;
                    let why = format!(
                        "it takes {length} bytes, and the broker's Maximum Packet Size is {most}"
                    );
                    (0, record, message.topic, Answer::Refused(why))
                } else {
                    self.last_id = id;
                    (id, record, message.topic, Answer::None)
                }
            }
        };
        self.under_way.push_back(Sent {
            id,
            record,
            topic,
            at: Instant::now(),
            answer,
        });
        Ok(())
    }

    /// Delivers until the queue is closed and empty.
    pub async fn deliver(&mut self, mqtt: &mut Mqtt, queue: &Queue) -> Result<(), Failure> {
        let mut next = queue.next();
        loop {
            self.fill(mqtt, queue, &mut next)?;
            if let Err(failure) = self.write().await {
                // What it has confirmed before is confirmed.
                if let Ok(Ok(())) = timeout(LAST_WORDS, self.read()).await {
                    self.hear(mqtt, queue)?;
                }
                return Err(failure);
            }
            let is_idle = self.under_way.is_empty() && self.waiting.is_empty();
            if is_idle && queue.is_closing() && queue.is_empty() {
                return Ok(());
            }
            let until = self.deadline();
            tokio::select! {
                read = self.read() => {
                    read?;
                    self.hear(mqtt, queue)?;
                }
                () = queue.news.notified() => {}
                () = sleep_until(until) => self.on_time()?,
            }
        }
    }

    /// Sends what waits, as far as it may be under way: announcements count as rows do.
    fn fill(&mut self, mqtt: &mut Mqtt, queue: &Queue, next: &mut u64) -> Result<(), Failure> {
        loop {
            while self.under_way.len() < self.window
                && let Some(waiting) = self.waiting.pop_front()
            {
                self.send(waiting)?;
            }
            self.settle(mqtt, queue)?;
            let room = self.window - self.under_way.len();
            if room == 0 {
                return Ok(());
            }
            if !self.waiting.is_empty() {
                continue;
            }
            let records = queue.read(*next, room)?;
            if records.is_empty() {
                return Ok(());
            }
            for record in records {
                *next = record.number + 1;
                self.add(mqtt.messages(&record, queue.next()), record.number);
            }
        }
    }

    fn add(&mut self, made: Made, record: u64) {
        match made {
            Made::Messages(messages) => {
                let last = messages.len().saturating_sub(1);
                for (index, message) in messages.into_iter().enumerate() {
                    let record = (index == last).then_some(record);
                    self.waiting.push_back(Waiting::Message { message, record });
                }
            }
            // After those in front of it.
            Made::Refused(why) => self.waiting.push_back(Waiting::Refused { record, why }),
        }
    }

    /// Takes what the broker said. What it confirmed before it ended the session is confirmed.
    fn hear(&mut self, mqtt: &mut Mqtt, queue: &Queue) -> Result<(), Failure> {
        let ended = loop {
            let (id, answer) = match self.version.read(&mut self.input) {
                Ok(Some(Heard::Taken(id))) => (id, Answer::Taken),
                Ok(Some(Heard::Refused(id, why))) => (id, Answer::Refused(why)),
                Ok(Some(Heard::Rejected(id, why))) => (id, Answer::Rejected(why)),
                Ok(Some(Heard::Pong)) => {
                    self.pinged = None;
                    continue;
                }
                Ok(Some(Heard::Welcome(_) | Heard::Other)) => continue,
                Ok(None) => break Ok(()),
                Err(failure) => break Err(failure),
            };
            let of = self.under_way.iter_mut().find(|it| it.id == id);
            let Some(sent) = of else {
                continue;
            };
            let is_taken = matches!(answer, Answer::Taken);
            self.has_taken |= is_taken && sent.record.is_some();
            if !matches!(answer, Answer::Rejected(_)) && !self.has_answered {
                // A broker may take a connection, and then nothing.
                self.has_answered = true;
                queue.connected();
            }
            sent.answer = answer;
        };
        let settled = self.settle(mqtt, queue);
        ended.and(settled)
    }

    /// What is answered, up to the first that is not, is done.
    fn settle(&mut self, mqtt: &mut Mqtt, queue: &Queue) -> Result<(), Failure> {
        let (mut next, mut count, mut rejected) = (None, 0, Ok(()));
        while let Some(sent) = self.under_way.front() {
            match (sent.record, &sent.answer) {
                (_, Answer::None) => break,
                (Some(record), Answer::Rejected(why)) => {
                    let failure = Failure::new(Reason::Rejected, why.clone());
                    match self.is_its_own_fault(mqtt, record) {
                        Some(true) => queue.refused(record + 1, &failure.detail),
                        Some(false) => {
                            rejected = Err(failure);
                            break;
                        }
                        None => break,
                    }
                }
                (Some(record), Answer::Refused(why)) => queue.refused(record + 1, why),
                (Some(record), Answer::Taken) => (next, count) = (Some(record + 1), count + 1),
                (None, Answer::Refused(why) | Answer::Rejected(why)) => {
                    mqtt.not_announced(&sent.topic, why);
                }
                (None, Answer::Taken) => {}
            }
            self.under_way.pop_front();
        }
        if let Some(next) = next {
            queue.delivered(next, count);
        }
        rejected
    }

    /// Whether the oldest row, which was rejected, is at fault itself: it was rejected in several sessions,
    /// and others are taken. `None`: these are not answered yet.
    fn is_its_own_fault(&mut self, mqtt: &mut Mqtt, record: u64) -> Option<bool> {
        if self.doubted != Some(record) && !mqtt.attempts.fail(record) {
            return Some(false);
        }
        self.doubted = Some(record);
        let is_open = |it: &Sent| matches!(it.answer, Answer::None);
        match self.has_taken {
            false if self.under_way.iter().any(is_open) => None,
            has_taken => Some(has_taken),
        }
    }

    fn deadline(&self) -> Instant {
        let ping = self
            .pinged
            .map_or(self.wrote + self.ping_after, |it| it + self.timeout);
        let answer = self.under_way.front().map(|it| it.at + self.timeout);
        answer.map_or(ping, |it| it.min(ping))
    }

    fn on_time(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        let silent = |line: &str| Err(Failure::new(Reason::Timeout, line));
        if self
            .under_way
            .front()
            .is_some_and(|it| now >= it.at + self.timeout)
        {
            return silent("the broker does not confirm messages");
        }
        match self.pinged {
            Some(pinged) if now >= pinged + self.timeout => silent("the broker does not answer"),
            None if now >= self.wrote + self.ping_after => {
                self.version.ping(&mut self.output);
                self.pinged = Some(now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Says goodbye: the broker then publishes no will.
    pub async fn end(mut self) -> Result<(), Failure> {
        while let Some(waiting) = self.waiting.pop_front() {
            self.send(waiting)?;
        }
        self.version.disconnect(&mut self.output)?;
        self.write().await?;
        let closed = self.stream.shutdown().await;
        closed.map_err(|error| lost(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_is_soon_impatient_is_pinged_in_time() {
        for (keep_alive, seconds) in [(0, 15.0), (1, 0.5), (10, 5.0), (30, 15.0), (600, 15.0)] {
            let expected = Duration::from_secs_f64(seconds);
            assert_eq!(ping_after(keep_alive), expected, "{keep_alive}");
        }
    }
}
