//! RTP and RTCP packets of the one stream into [`Event`]s.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use camweave_bitstream::rtp::{Assembler, Output, Packet};
use tokio::time::{Duration, Instant};

use crate::order::{Place, Reorder, Sequence};
use crate::rtp::{Rtcp, Rtp, is_rtcp};
use crate::sdp::Video;
use crate::{Event, RtspError};

/// A picture whose marker has come is complete after so long a silence.
const SILENCE: Duration = Duration::from_millis(100);
/// Two sources that come in turns are two streams, within this time.
const TURNS: Duration = Duration::from_secs(5);
/// Events that wait for a session to play: a server may send before it answers.
const EARLY_EVENTS: usize = 256;

#[derive(Debug)]
pub(crate) struct Media {
    assembler: Assembler,
    sequence: Sequence,
    /// Datagrams alone come out of order.
    reorder: Option<Reorder>,
    ready: Vec<Vec<u8>>,
    payload_type: u8,
    payload_type_seen: bool,
    source: Option<u32>,
    /// The source before, and until when its packets are not welcome.
    former: Option<(u32, Instant)>,
    /// The last RTP timestamp, unwrapped.
    timestamp: Option<i64>,
    last_packet: Instant,
    events: VecDeque<Event>,
}

impl Media {
    pub fn new(video: &Video, access_unit_bytes: usize, udp: bool) -> Self {
        Self {
            assembler: Assembler::new(video.codec, access_unit_bytes),
            sequence: Sequence::new(!udp),
            reorder: udp.then(Reorder::default),
            ready: Vec::new(),
            payload_type: video.payload_type,
            payload_type_seen: false,
            source: None,
            former: None,
            timestamp: None,
            last_packet: Instant::now(),
            events: VecDeque::new(),
        }
    }

    pub fn pop(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub fn alive(&mut self) {
        self.events.push_back(Event::Alive);
    }

    /// Whether packets that come before the answer to PLAY are too many to keep.
    pub fn is_full(&self) -> bool {
        self.events.len() >= EARLY_EVENTS
    }

    pub fn source(&self) -> u32 {
        self.source.unwrap_or(0)
    }

    /// Takes a packet, RTP or RTCP, of whatever channel: only one stream was set up.
    pub fn packet(&mut self, data: &[u8]) -> Result<(), RtspError> {
        if is_rtcp(data) {
            return self.rtcp(data);
        }
        let Some(mut reorder) = self.reorder.take() else {
            return self.rtp(data);
        };
        if let Some(packet) = Rtp::parse(data) {
            reorder.push(packet.sequence, data, Instant::now(), &mut self.ready);
        }
        self.reorder = Some(reorder);
        self.take_ready()
    }

    fn take_ready(&mut self) -> Result<(), RtspError> {
        for data in std::mem::take(&mut self.ready) {
            self.rtp(&data)?;
        }
        Ok(())
    }

    /// When something waits no longer.
    pub fn deadline(&self) -> Option<Instant> {
        let held = self.assembler.holds_marked();
        let silence = held.then(|| self.last_packet + SILENCE);
        let reorder = self.reorder.as_ref().and_then(Reorder::deadline);
        silence.into_iter().chain(reorder).min()
    }

    pub fn on_time(&mut self) -> Result<(), RtspError> {
        let now = Instant::now();
        if let Some(reorder) = &mut self.reorder {
            reorder.release(now, &mut self.ready);
        }
        self.take_ready()?;
        if self.assembler.holds_marked() && self.last_packet + SILENCE <= now {
            self.assembler.release();
            self.take_outputs();
        }
        Ok(())
    }

    /// The stream is over.
    pub fn end(&mut self) {
        self.assembler.end();
        self.take_outputs();
    }

    fn rtcp(&mut self, data: &[u8]) -> Result<(), RtspError> {
        let rtcp = Rtcp::parse(data);
        match rtcp.report {
            Some((ntp, timestamp)) => {
                let timestamp = self.unwrap(timestamp);
                self.timestamp.get_or_insert(timestamp);
                self.events.push_back(Event::SenderReport {
                    ntp,
                    timestamp,
                    arrival_unix_nanos: unix_nanos(),
                });
            }
            None => self.events.push_back(Event::Alive),
        }
        if rtcp.bye {
            return Err(RtspError::Ended("RTCP BYE"));
        }
        Ok(())
    }

    fn rtp(&mut self, data: &[u8]) -> Result<(), RtspError> {
        let Some(packet) = Rtp::parse(data) else {
            return Ok(());
        };
        if !self.is_ours(&packet) {
            return Ok(());
        }
        let Place::Next { lost, restarts } = self.sequence.place(&packet) else {
            return Ok(());
        };
        let changed = self.source.is_some_and(|source| source != packet.ssrc);
        self.source = Some(packet.ssrc);
        let timestamp = self.unwrap(packet.timestamp);
        self.timestamp = Some(timestamp);
        self.last_packet = Instant::now();
        let pushed = self.assembler.push(Packet {
            payload: packet.payload,
            timestamp,
            marker: packet.marker,
            lost_before: lost,
            restarts: restarts || changed,
        });
        self.take_outputs();
        pushed.map_err(RtspError::from)
    }

    /// Whether the packet belongs to the stream. Cameras announce one payload type or source
    /// and send another; some send packets of an older session in between.
    fn is_ours(&mut self, packet: &Rtp<'_>) -> bool {
        let as_announced = packet.payload_type == self.payload_type;
        self.payload_type_seen |= as_announced;
        if self.payload_type_seen && !as_announced {
            return false;
        }
        let Some(source) = self.source.filter(|&source| source != packet.ssrc) else {
            return true;
        };
        let now = Instant::now();
        if self
            .former
            .is_some_and(|(former, until)| former == packet.ssrc && now < until)
        {
            return false;
        }
        self.former = Some((source, now + TURNS));
        self.sequence.restart();
        true
    }

    /// The timestamp without its wraps at 2^32.
    fn unwrap(&self, timestamp: u32) -> i64 {
        match self.timestamp {
            None => i64::from(timestamp),
            Some(last) => {
                let low = (last & 0xffff_ffff) as u32;
                last + i64::from(timestamp.wrapping_sub(low).cast_signed())
            }
        }
    }

    fn take_outputs(&mut self) {
        while let Some(output) = self.assembler.pop() {
            self.events.push_back(match output {
                Output::Unit(unit) => Event::Unit {
                    data: unit.data,
                    timestamp: unit.timestamp,
                    lost_packets: unit.lost_packets,
                    arrival_unix_nanos: unix_nanos(),
                },
                Output::Dropped { damage, frames } => Event::Dropped { damage, frames },
            });
        }
    }
}

fn unix_nanos() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}
