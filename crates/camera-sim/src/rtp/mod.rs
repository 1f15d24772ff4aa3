//! RTP packets (RFC 3550, 5.1) and the payload formats of H.264 and H.265.

mod fragment;
pub mod rtcp;

use bytes::Bytes;
use rtp_types::RtpPacketBuilder;

pub use fragment::{Fragment, fragments};

use crate::nal::Codec;

/// Dynamic payload type of the only stream of a camera.
pub const PAYLOAD_TYPE: u8 = 96;

/// Bytes of an RTP header without contributing sources and extensions.
pub const HEADER_BYTES: usize = 12;

/// Source and running counters of one RTP stream.
#[derive(Debug, Clone)]
pub struct RtpStream {
    ssrc: u32,
    sequence: u16,
    packets: u32,
    payload_bytes: u32,
    max_packet_bytes: usize,
}

impl RtpStream {
    /// A stream whose next packet has the number `sequence`; packets have at most
    /// `max_packet_bytes` bytes, of which the header takes 12.
    pub fn new(ssrc: u32, sequence: u16, max_packet_bytes: usize) -> Self {
        Self {
            ssrc,
            sequence,
            packets: 0,
            payload_bytes: 0,
            max_packet_bytes,
        }
    }

    /// Synchronisation source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets and payload bytes so far, modulo 2^32, as a sender report wants them.
    pub fn counts(&self) -> (u32, u32) {
        (self.packets, self.payload_bytes)
    }

    /// Packetises one access unit; the last packet has the marker bit.
    pub fn packetize(&mut self, codec: Codec, nals: &[Bytes], timestamp: u32) -> Vec<Vec<u8>> {
        let room = self.max_packet_bytes.saturating_sub(HEADER_BYTES);
        let mut fragments: Vec<Fragment<'_>> = Vec::new();
        for nal in nals {
            fragments.extend(self::fragments(codec, nal, room));
        }
        let last = fragments.len().saturating_sub(1);
        let packets = fragments
            .iter()
            .enumerate()
            .map(|(i, fragment)| self.packet(fragment, timestamp, i == last));
        packets.collect()
    }

    fn packet(&mut self, fragment: &Fragment<'_>, timestamp: u32, marker: bool) -> Vec<u8> {
        let header = fragment.header();
        let payload_bytes = header.len() + fragment.body.len();
        let mut packet = Vec::with_capacity(HEADER_BYTES + payload_bytes);
        // Unchecked here means without padding and with at most 15 sources; it reads no bytes wildly.
        RtpPacketBuilder::<&[u8], &[u8]>::new()
            .payload_type(PAYLOAD_TYPE)
            .sequence_number(self.sequence)
            .timestamp(timestamp)
            .ssrc(self.ssrc)
            .marker_bit(marker)
            .payload(header)
            .payload(fragment.body)
            .write_into_vec_unchecked(&mut packet);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.payload_bytes = self.payload_bytes.wrapping_add(payload_bytes as u32);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rtp_types::RtpPacket;

    /// An independent reading of RFC 6184 and RFC 7798: puts fragments together again.
    fn reassemble(codec: Codec, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut nals = Vec::new();
        let mut open: Option<Vec<u8>> = None;
        for packet in packets {
            let parsed = RtpPacket::parse(packet).expect("RTP");
            let payload = parsed.payload();
            let (is_fragment, fu, header, body) = match codec {
                Codec::H264 => (
                    payload[0] & 0x1f == 28,
                    payload[1],
                    vec![payload[0] & 0xe0 | payload[1] & 0x1f],
                    2,
                ),
                Codec::H265 => (
                    (payload[0] >> 1) & 0x3f == 49,
                    payload[2],
                    vec![payload[0] & 0x81 | (payload[2] & 0x3f) << 1, payload[1]],
                    3,
                ),
            };
            if !is_fragment {
                assert!(open.is_none(), "a whole NAL unit within a fragmented one");
                nals.push(payload.to_vec());
                continue;
            }
            assert_ne!(fu & 0xc0, 0xc0, "one fragment is start and end at once");
            if fu & 0x80 != 0 {
                assert!(
                    open.replace(header).is_none(),
                    "start within a fragmented NAL unit"
                );
            }
            let nal = open.as_mut().expect("fragment without start");
            nal.extend_from_slice(&payload[body..]);
            if fu & 0x40 != 0 {
                nals.extend(open.take());
            }
        }
        assert!(open.is_none(), "fragment without end");
        nals
    }

    proptest! {
        #[test]
        fn packets_round_trip(
            h265 in any::<bool>(),
            sizes in prop::collection::vec(3usize..6000, 1..5),
            max_packet_bytes in 64usize..1500,
            sequence in any::<u16>(),
        ) {
            let codec = if h265 { Codec::H265 } else { Codec::H264 };
            let nals: Vec<Bytes> = sizes
                .iter()
                .enumerate()
                .map(|(i, &size)| {
                    let mut nal: Vec<u8> = (0..size).map(|b| (b * 7 + i) as u8).collect();
                    // A slice header of each codec, with a non-trivial layer and reference field.
                    nal[..2].copy_from_slice(if h265 { &[0x03, 0x0a] } else { &[0x41, 0x9a] });
                    Bytes::from(nal)
                })
                .collect();
            let mut stream = RtpStream::new(7, sequence, max_packet_bytes);
            let packets = stream.packetize(codec, &nals, 1234);
            let mut expected = sequence;
            for (i, packet) in packets.iter().enumerate() {
                prop_assert!(packet.len() <= max_packet_bytes);
                let parsed = RtpPacket::parse(packet).expect("RTP");
                prop_assert_eq!(parsed.sequence_number(), expected);
                prop_assert_eq!(parsed.marker_bit(), i + 1 == packets.len());
                prop_assert_eq!(parsed.timestamp(), 1234);
                prop_assert_eq!(parsed.ssrc(), 7);
                expected = expected.wrapping_add(1);
            }
            prop_assert_eq!(stream.counts().0 as usize, packets.len());
            prop_assert_eq!(
                reassemble(codec, &packets),
                nals.iter().map(|n| n.to_vec()).collect::<Vec<_>>()
            );
        }
    }
}
