use std::io;

use tokio::io::Interest;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Duration, Instant, sleep_until, timeout};
use url::Url;

use crate::rate::Rate;
use crate::wire::{Message, Reader};
use crate::{BEHIND_AT_MOST, Limits, PACKET_COST_BYTES, RtspError};

/// So many bytes are read at once.
const READ_BYTES: usize = 64 * 1024;
/// Requests and answers that wait for a peer that does not read: more are not written.
const WRITE_BYTES: usize = 64 * 1024;
/// Messages that are handled before other cameras have their turn.
const MESSAGES_PER_TURN: u32 = 64;

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 4;

/// Connects to the first address of `host` that answers.
async fn connect(host: (&str, u16), limit: Duration) -> io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host(host).await?.take(MAX_ADDRESSES).collect();
    let share = limit / u32::try_from(addresses.len().max(1)).unwrap_or(1);
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// The connection to a camera.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    reader: Reader,
    outgoing: Vec<u8>,
    bytes_per_second: u32,
    rate: Rate,
    messages: u32,
}

impl Connection {
    /// Opens a connection within `limit`. Of several addresses each has its share, so that one that
    /// does not answer (an IPv6 address that nobody routes) does not take the time of the next.
    pub async fn open(url: &Url, limits: Limits, limit: Duration) -> Result<Self, RtspError> {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address = (host, url.port().unwrap_or(554));
        let stream = timeout(limit, connect(address, limit))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(RtspError::Connect)?;
        // A request is small, and an answer is waited for.
        stream.set_nodelay(true).map_err(RtspError::Connect)?;
        Ok(Self {
            stream,
            reader: Reader::default(),
            outgoing: Vec::new(),
            bytes_per_second: limits.bytes_per_second,
            rate: Rate::of(limits),
            messages: 0,
        })
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Counts what handling costs beyond the bytes that were read.
    pub fn charge(&mut self, bytes: u32) {
        self.rate.charge(bytes);
    }

    /// Queues bytes. Answers to a peer that floods and does not read are dropped.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.outgoing.len() + bytes.len() <= WRITE_BYTES {
            self.outgoing.extend_from_slice(bytes);
        }
    }

    /// A message that has been read already; then [`Connection::bytes`] gives a packet's.
    pub fn buffered(&mut self) -> Result<Option<Message>, RtspError> {
        let message = self.reader.next()?;
        if message.is_some() {
            self.rate.charge(PACKET_COST_BYTES);
            self.messages += 1;
        }
        Ok(message)
    }

    pub fn bytes(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.reader.bytes(range)
    }

    /// Reads and writes what can be. Loses nothing where it is dropped before it is ready.
    pub async fn exchange(&mut self) -> Result<(), RtspError> {
        if self.messages >= MESSAGES_PER_TURN {
            self.messages = 0;
            tokio::task::yield_now().await;
        }
        let interest = if self.outgoing.is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let now = Instant::now();
        if let Some(until) = self.rate.wait_until(now) {
            if self.rate.behind(now) > BEHIND_AT_MOST {
                return Err(RtspError::TooFast {
                    bytes_per_second: self.bytes_per_second,
                });
            }
            sleep_until(until).await;
        }
        let ready = self
            .stream
            .ready(interest)
            .await
            .map_err(RtspError::Broken)?;
        if ready.is_writable() && !self.outgoing.is_empty() {
            match self.stream.try_write(&self.outgoing) {
                Ok(written) => drop(self.outgoing.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(RtspError::Broken(error)),
            }
        }
        if ready.is_readable() {
            match self.stream.try_read_buf(self.reader.space(READ_BYTES)) {
                Ok(0) => return Err(RtspError::Closed),
                Ok(read) => self.rate.charge(u32::try_from(read).unwrap_or(u32::MAX)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(RtspError::Broken(error)),
            }
        }
        Ok(())
    }
}
