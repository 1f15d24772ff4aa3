//! RTP and RTCP packets of the one stream into [`Event`]s.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use camweave_bitstream::rtp::{Assembler, Output, Packet};
use tokio::time::{Duration, Instant};

use crate::RtspError;
use crate::event::Event;
use crate::order::{Place, Reorder, Sequence};
use crate::rtp::{Rtcp, Rtp, SenderReport, is_rtcp};
use crate::sdp::Video;

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
    /// Packets that are missing before the stream's next one, found at a packet that is not its.
    lost_before: u32,
    events: VecDeque<Event>,
    /// Of the units among the events.
    waiting_bytes: usize,
    max_waiting_bytes: usize,
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
            lost_before: 0,
            events: VecDeque::new(),
            waiting_bytes: 0,
            max_waiting_bytes: access_unit_bytes,
        }
    }

    pub fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if let Some(Event::Unit { data, .. }) = &event {
            self.waiting_bytes -= data.len();
        }
        event
    }

    pub fn alive(&mut self) {
        self.events.push_back(Event::Alive);
    }

    /// Whether packets that come before the answer to PLAY are too many to keep.
    pub fn is_full(&self) -> bool {
        self.events.len() >= EARLY_EVENTS || self.waiting_bytes >= self.max_waiting_bytes
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
        let rtcp = Rtcp::parse(data, self.source);
        // The clock of another stream says nothing of this one's time stamps.
        let is_ours = |report: &SenderReport| self.source.is_none_or(|it| it == report.ssrc);
        match rtcp.report.filter(is_ours) {
            Some(SenderReport { ntp, timestamp, .. }) => {
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
        let in_turn = self.sequence.is_next(packet.sequence);
        if !self.is_ours(&packet, in_turn) {
            // A keep-alive of another payload type (RFC 6263, section 4.6), or a second
            // stream's packet in the same numbering: its number is not missing.
            if self.source == Some(packet.ssrc)
                && self.sequence.is_ahead(packet.sequence)
                && let Place::Next { lost, .. } = self.sequence.place(&packet)
            {
                self.lost_before = self.lost_before.saturating_add(lost);
            }
            return Ok(());
        }
        let Place::Next { lost, restarts } = self.sequence.place(&packet) else {
            return Ok(());
        };
        let lost = lost.saturating_add(std::mem::take(&mut self.lost_before));
        let changed = !in_turn && self.source.is_some_and(|source| source != packet.ssrc);
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
    /// and send another; some send packets of an older session in between, and some change
    /// the source with each frame, within one numbering.
    fn is_ours(&mut self, packet: &Rtp<'_>, in_turn: bool) -> bool {
        let as_announced = packet.payload_type == self.payload_type;
        self.payload_type_seen |= as_announced;
        if self.payload_type_seen && !as_announced {
            return false;
        }
        let Some(source) = self.source.filter(|&source| source != packet.ssrc) else {
            return true;
        };
        if in_turn {
            return true;
        }
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
                Output::Unit(unit) => {
                    self.waiting_bytes += unit.data.len();
                    Event::Unit {
                        data: unit.data,
                        timestamp: unit.timestamp,
                        lost_packets: unit.lost_packets,
                        arrival_unix_nanos: unix_nanos(),
                    }
                }
                Output::Dropped { damage, frames } => Event::Dropped { damage, frames },
            });
        }
    }
}

fn unix_nanos() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp;

    const OURS: u32 = 7;

    fn media(udp: bool) -> Media {
        let sdp = b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
        Media::new(&sdp::video(sdp).expect("video"), 1 << 20, udp)
    }

    fn rtp(payload_type: u8, number: u16, frame: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, 0x80 | payload_type];
        packet.extend(number.to_be_bytes());
        packet.extend((frame * 3000).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(payload);
        packet
    }

    fn slice(frame: u32) -> &'static [u8] {
        if frame == 0 {
            &[0x65, 0x88, 0x84]
        } else {
            &[0x41, 0x9a, 0x24]
        }
    }

    /// Units, the packets that they lack, and dropped frames.
    fn seen(media: &mut Media) -> (u32, u32, u32) {
        media.end();
        let mut seen = (0, 0, 0);
        while let Some(event) = media.pop() {
            match event {
                Event::Unit { lost_packets, .. } => {
                    seen.0 += 1;
                    seen.1 += lost_packets;
                }
                Event::Dropped { frames, .. } => seen.2 += frames,
                _ => {}
            }
        }
        assert_eq!(media.waiting_bytes, 0);
        seen
    }

    #[test]
    fn a_packet_of_another_type_in_the_same_numbering_is_not_missing() {
        for udp in [false, true] {
            let mut media = media(udp);
            let mut number = 65_000;
            for frame in 0..20 {
                media
                    .packet(&rtp(96, number, frame, OURS, slice(frame)))
                    .expect("RTP");
                media
                    .packet(&rtp(127, number.wrapping_add(1), frame, OURS, &[]))
                    .expect("RTP");
                number = number.wrapping_add(2);
            }
            assert_eq!(seen(&mut media), (20, 0, 0), "{udp}");
        }
        // What is missing before such a packet is told with the next.
        let mut media = media(false);
        media.packet(&rtp(96, 1, 0, OURS, slice(0))).expect("RTP");
        media.packet(&rtp(96, 2, 1, OURS, slice(1))).expect("RTP");
        media.packet(&rtp(127, 4, 1, OURS, &[])).expect("RTP");
        media.packet(&rtp(96, 5, 3, OURS, slice(3))).expect("RTP");
        assert_eq!(seen(&mut media), (3, 1, 1));
    }

    #[test]
    fn a_numbering_of_another_stream_with_the_same_source_is_not_taken() {
        let mut media = media(false);
        for frame in 0..20_u16 {
            let time = u32::from(frame);
            media
                .packet(&rtp(96, frame, time, OURS, slice(time)))
                .expect("RTP");
            media
                .packet(&rtp(8, 40_000 + frame, time, OURS, &[9; 9]))
                .expect("RTP");
        }
        assert_eq!(seen(&mut media), (20, 0, 0));
    }

    #[test]
    fn a_source_that_changes_with_each_frame() {
        let mut media = media(false);
        for frame in 0..20_u16 {
            let time = u32::from(frame);
            let source = OURS + time % 2;
            media
                .packet(&rtp(96, frame, time, source, slice(time)))
                .expect("RTP");
        }
        assert_eq!(seen(&mut media), (20, 0, 0));
    }

    #[test]
    fn reports_and_goodbyes_of_another_source() {
        let mut media = media(false);
        let report = |ssrc: u32| {
            let mut report = vec![0x80, 200, 0, 6];
            report.extend(ssrc.to_be_bytes());
            report.extend([1; 20]);
            report
        };
        let bye = |ssrc: u32| [&[0x81, 203, 0, 1][..], &ssrc.to_be_bytes()].concat();
        media.packet(&rtp(96, 1, 0, OURS, slice(0))).expect("RTP");
        media.packet(&bye(OURS + 1)).expect("another's");
        media.packet(&report(OURS + 1)).expect("another's");
        media.packet(&report(OURS)).expect("a report");
        let mut reports = Vec::new();
        while let Some(event) = media.pop() {
            reports.push(matches!(event, Event::SenderReport { .. }));
        }
        assert_eq!(reports, [false, false, true]);
        assert!(matches!(media.packet(&bye(OURS)), Err(RtspError::Ended(_))));
    }

    #[test]
    fn what_comes_before_the_answer_to_play_is_bounded_in_bytes() {
        let mut media = media(false);
        let payload = [slice(1), &[5; 60_000]].concat();
        let mut packets = 0;
        while !media.is_full() {
            packets += 1;
            media
                .packet(&rtp(96, packets, u32::from(packets), OURS, &payload))
                .expect("RTP");
        }
        assert!((10..30).contains(&packets), "{packets}");
    }
}
