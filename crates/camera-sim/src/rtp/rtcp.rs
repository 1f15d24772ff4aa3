//! RTCP packets that a camera sends: RFC 3550, 6.4.1 (sender report), 6.5 (CNAME), 6.6 (BYE).

use rtcp_types::prelude::*;
use rtcp_types::{Bye, Compound, CompoundBuilder, Sdes, SdesChunk, SdesItem, SenderReport};

use crate::rtp::RtpStream;

/// Seconds from the NTP era (1900) to the Unix epoch (1970).
const NTP_UNIX_OFFSET_SECONDS: u64 = 2_208_988_800;

/// A wall clock instant as a 32.32 fixed point NTP timestamp (RFC 3550, section 4).
pub fn ntp_from_unix_nanos(unix_nanos: u64) -> u64 {
    let seconds = unix_nanos / 1_000_000_000 + NTP_UNIX_OFFSET_SECONDS;
    let nanos = unix_nanos % 1_000_000_000;
    // Rounded to the nearest 2^-32 s, so that a receiver's truncation gives back the nanosecond.
    let fraction = ((nanos << 32) + 500_000_000) / 1_000_000_000;
    (seconds << 32).wrapping_add(fraction)
}

/// The same instant on the wall clock and on the stream's RTP clock.
#[derive(Debug, Clone, Copy)]
pub struct ClockPair {
    /// Nanoseconds since the Unix epoch.
    pub unix_nanos: u64,
    /// RTP timestamp.
    pub rtp: u32,
}

/// A compound packet of a sender report and the source's canonical name.
pub fn sender_report(stream: &RtpStream, clock: ClockPair, cname: &str) -> Vec<u8> {
    write(&report_and_name(stream, clock, cname))
}

/// A compound packet of a sender report, the canonical name and the end of the stream.
pub fn goodbye(stream: &RtpStream, clock: ClockPair, cname: &str) -> Vec<u8> {
    let bye = Bye::builder().add_source(stream.ssrc());
    write(&report_and_name(stream, clock, cname).add_packet(bye))
}

fn report_and_name<'a>(
    stream: &RtpStream,
    clock: ClockPair,
    cname: &'a str,
) -> CompoundBuilder<'a> {
    let (packets, payload_bytes) = stream.counts();
    let report = SenderReport::builder(stream.ssrc())
        .ntp_timestamp(ntp_from_unix_nanos(clock.unix_nanos))
        .rtp_timestamp(clock.rtp)
        .packet_count(packets)
        .octet_count(payload_bytes);
    let cname = &cname[..cname.floor_char_boundary(255)];
    let name = SdesItem::builder(SdesItem::CNAME, cname);
    Compound::builder()
        .add_packet(report)
        .add_packet(Sdes::builder().add_chunk(SdesChunk::builder(stream.ssrc()).add_item(name)))
}

fn write(packet: &CompoundBuilder<'_>) -> Vec<u8> {
    let size = packet.calculate_size();
    let mut bytes = vec![0; size.expect("one source with one name, which was cut to its limit")];
    packet.write_into_unchecked(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use retina::rtcp::{PacketRef, TypedPacketRef};

    const SOURCE_DESCRIPTION: u8 = 202;
    const GOODBYE: u8 = 203;

    #[test]
    fn ntp_keeps_the_nanosecond() {
        for unix_nanos in [0, 1, 999_999_999, 1_700_000_000_123_456_789] {
            let ntp = ntp_from_unix_nanos(unix_nanos);
            let seconds = (ntp >> 32) - NTP_UNIX_OFFSET_SECONDS;
            let nanos = ((ntp & 0xffff_ffff) * 1_000_000_000 + (1 << 31)) >> 32;
            assert_eq!(seconds * 1_000_000_000 + nanos, unix_nanos);
        }
    }

    #[test]
    fn a_client_reads_the_report_for_every_name_length() {
        let clock = ClockPair {
            unix_nanos: 1_700_000_000_500_000_000,
            rtp: 0xdead_beef,
        };
        for name_len in 0..9 {
            let stream = RtpStream::new(0x0102_0304, 1, 1400);
            let bytes = goodbye(&stream, clock, &"x".repeat(name_len));
            let (report, rest) = PacketRef::parse(&bytes).expect("sender report");
            let Ok(Some(TypedPacketRef::SenderReport(report))) = report.as_typed() else {
                panic!("not a sender report");
            };
            assert_eq!(report.ssrc(), 0x0102_0304);
            assert_eq!(report.rtp_timestamp(), 0xdead_beef);
            assert_eq!(
                report.ntp_timestamp().0,
                ntp_from_unix_nanos(clock.unix_nanos)
            );
            let (names, rest) = PacketRef::parse(rest).expect("source description");
            assert_eq!(
                (names.payload_type(), names.count()),
                (SOURCE_DESCRIPTION, 1)
            );
            let (bye, rest) = PacketRef::parse(rest).expect("goodbye");
            assert_eq!((bye.payload_type(), bye.raw().len()), (GOODBYE, 8));
            assert!(rest.is_empty());
        }
    }
}
