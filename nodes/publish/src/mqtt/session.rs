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

/// A message that was sent.
#[derive(Debug)]
struct Sent {
    id: u16,
    /// The record that it is the last message of; an announcement is of none.
    record: Option<u64>,
    at: Instant,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    None,
    Taken,
    Refused(String),
}

pub(super) struct Session {
    stream: Box<dyn Stream>,
    version: MqttVersion,
    input: BytesMut,
    output: BytesMut,
    under_way: VecDeque<Sent>,
    window: usize,
    last_id: u16,
    timeout: Duration,
    wrote: Instant,
    pinged: Option<Instant>,
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
            under_way: VecDeque::new(),
            window: WINDOW,
            last_id: 0,
            timeout: patience,
            wrote: Instant::now(),
            pinged: None,
        };
        version.connect(opening, &mut session.output)?;
        session.write().await?;
        let until = Instant::now() + patience;
        loop {
            match version.read(&mut session.input)? {
                Some(Heard::Welcome { at_most }) => {
                    session.window = WINDOW.min(usize::from(at_most)).max(1);
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

    /// Sends a message that is of no record.
    pub fn announce(&mut self, message: &Message) -> Result<(), Failure> {
        self.send(message, None)
    }

    fn send(&mut self, message: &Message, record: Option<u64>) -> Result<(), Failure> {
        self.last_id = if self.last_id == u16::MAX {
            1
        } else {
            self.last_id + 1
        };
        let id = self.last_id;
        self.version.publish(id, message, &mut self.output)?;
        self.under_way.push_back(Sent {
            id,
            record,
            at: Instant::now(),
            answer: Answer::None,
        });
        Ok(())
    }

    /// Delivers until the queue is closed and empty.
    pub async fn deliver(&mut self, mqtt: &mut Mqtt, queue: &Queue) -> Result<(), Failure> {
        let mut next = queue.next();
        loop {
            self.fill(mqtt, queue, &mut next)?;
            self.write().await?;
            if self.under_way.is_empty() && queue.is_closing() && queue.is_empty() {
                return Ok(());
            }
            let until = self.deadline();
            tokio::select! {
                read = self.read() => {
                    read?;
                    self.hear(queue)?;
                }
                () = queue.news.notified() => {}
                () = sleep_until(until) => self.on_time()?,
            }
        }
    }

    /// Sends what waits, as far as it may be under way.
    fn fill(&mut self, mqtt: &mut Mqtt, queue: &Queue, next: &mut u64) -> Result<(), Failure> {
        while self.under_way.len() < self.window {
            let records = queue.read(*next, self.window - self.under_way.len())?;
            if records.is_empty() {
                return Ok(());
            }
            for record in records {
                *next = record.number + 1;
                match mqtt.messages(&record) {
                    Made::Messages(messages) => {
                        let last = messages.len().saturating_sub(1);
                        for (index, message) in messages.iter().enumerate() {
                            let is_last = index == last;
                            self.send(message, is_last.then_some(record.number))?;
                        }
                    }
                    // After those in front of it.
                    Made::Refused(why) => self.under_way.push_back(Sent {
                        id: 0,
                        record: Some(record.number),
                        at: Instant::now(),
                        answer: Answer::Refused(why),
                    }),
                }
            }
            self.settle(queue);
        }
        Ok(())
    }

    /// Takes what the broker said.
    fn hear(&mut self, queue: &Queue) -> Result<(), Failure> {
        while let Some(heard) = self.version.read(&mut self.input)? {
            let (id, answer) = match heard {
                Heard::Taken(id) => (id, Answer::Taken),
                Heard::Refused(id, why) => (id, Answer::Refused(why)),
                Heard::Pong => {
                    self.pinged = None;
                    continue;
                }
                Heard::Welcome { .. } | Heard::Other => continue,
            };
            let of = self.under_way.iter_mut().find(|it| it.id == id);
            if let Some(sent) = of {
                sent.answer = answer;
            }
        }
        self.settle(queue);
        Ok(())
    }

    /// What is answered, up to the first that is not, is done.
    fn settle(&mut self, queue: &Queue) {
        let (mut next, mut count) = (None, 0);
        while let Some(sent) = self
            .under_way
            .pop_front_if(|it| !matches!(it.answer, Answer::None))
        {
            let Some(record) = sent.record else {
                continue;
            };
            match sent.answer {
                Answer::Refused(why) => queue.refused(record + 1, &why),
                _ => (next, count) = (Some(record + 1), count + 1),
            }
        }
        if let Some(next) = next {
            queue.delivered(next, count);
        }
    }

    fn deadline(&self) -> Instant {
        let ping = self
            .pinged
            .map_or(self.wrote + PING_AFTER, |it| it + self.timeout);
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
            None if now >= self.wrote + PING_AFTER => {
                self.version.ping(&mut self.output);
                self.pinged = Some(now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Says goodbye: the broker then publishes no will.
    pub async fn end(mut self) -> Result<(), Failure> {
        self.version.disconnect(&mut self.output)?;
        self.write().await?;
        let closed = self.stream.shutdown().await;
        closed.map_err(|error| lost(&error))
    }
}
