//! Packets of RTP and RTCP (RFC 3550).

/// An RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rtp<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: &'a [u8],
}

impl<'a> Rtp<'a> {
    /// `None` if it is none. Padding and extensions are left out; padding that is longer
    /// than the packet is taken for payload.
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        let header = data.first_chunk::<12>()?;
        if header[0] >> 6 != 2 {
            return None;
        }
        let mut payload = data.get(12 + 4 * usize::from(header[0] & 0x0f)..)?;
        if header[0] & 0x10 != 0 {
            let words = u16::from_be_bytes([*payload.get(2)?, *payload.get(3)?]);
            payload = payload.get(4 + 4 * usize::from(words)..)?;
        }
        if header[0] & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            let length = payload.len().checked_sub(padding);
            payload = &payload[..length.unwrap_or(payload.len())];
        }
        Some(Self {
            marker: header[1] & 0x80 != 0,
            payload_type: header[1] & 0x7f,
            sequence: u16::from_be_bytes([header[2], header[3]]),
            timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            payload,
        })
    }
}

/// Whether a packet is RTCP, whatever channel it came on (RFC 5761, section 4).
pub(crate) fn is_rtcp(data: &[u8]) -> bool {
    matches!(data, [first, 200..=207, ..] if first >> 6 == 2)
}

/// What a compound RTCP packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rtcp {
    pub report: Option<SenderReport>,
    /// The stream's source says goodbye.
    pub bye: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SenderReport {
    pub ssrc: u32,
    /// 32.32 seconds since 1900.
    pub ntp: u64,
    /// The RTP timestamp of the same instant.
    pub timestamp: u32,
}

impl Rtcp {
    /// `source`: the stream's, once it is known. A goodbye of others alone is none of the stream's:
    /// an audio stream of the same session may end, and some cameras list an older source.
    pub fn parse(mut data: &[u8], source: Option<u32>) -> Self {
        let mut rtcp = Self::default();
        while let Some(header) = data.first_chunk::<4>() {
            let length = 4 + 4 * usize::from(u16::from_be_bytes([header[2], header[3]]));
            if header[0] >> 6 != 2 {
                break;
            }
            match header[1] {
                200 if length >= 28 => {
                    if let Some(report) = data
                        .get(4..20)
                        .and_then(|report| report.first_chunk::<16>())
                    {
                        let [s, t, u, v, a, b, c, d, e, f, g, h, i, j, k, l] = *report;
                        let report = SenderReport {
                            ssrc: u32::from_be_bytes([s, t, u, v]),
                            ntp: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                            timestamp: u32::from_be_bytes([i, j, k, l]),
                        };
                        // Of several, the stream's.
                        if rtcp.report.is_none() || source == Some(report.ssrc) {
                            rtcp.report = Some(report);
                        }
                    }
                }
                203 => {
                    let count = usize::from(header[0] & 0x1f);
                    let listed = data.get(4..length).unwrap_or_default();
                    let mut listed = listed.chunks_exact(4).take(count).peekable();
                    // A list that is empty names no other source.
                    rtcp.bye |= listed.peek().is_none()
                        || source.is_none_or(|source| {
                            listed.any(|listed| *listed == source.to_be_bytes())
                        });
                }
                _ => {}
            }
            data = data.get(length..).unwrap_or_default();
        }
        rtcp
    }
}

/// A receiver report without blocks: it tells a server that receives no requests over UDP
/// that somebody listens, and opens ways through firewalls.
pub(crate) fn receiver_report(ssrc: u32) -> [u8; 8] {
    let [a, b, c, d] = ssrc.to_be_bytes();
    [0x80, 201, 0, 1, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn padding_extension_and_sources() {
        let mut data = vec![0xb2, 0xe0, 1, 2, 0, 0, 0, 3, 0, 0, 0, 4];
        data.extend([0; 8]);
        data.extend([0xab, 0xac, 0, 1, 9, 9, 9, 9]);
        data.extend([5, 6, 0, 2]);
        let rtp = Rtp::parse(&data).expect("RTP");
        assert_eq!(
            rtp,
            Rtp {
                marker: true,
                payload_type: 96,
                sequence: 258,
                timestamp: 3,
                ssrc: 4,
                payload: &[5, 6]
            }
        );
        assert_eq!(Rtp::parse(&data[..11]), None);
    }

    #[test]
    fn reports_and_bye() {
        let mut data = vec![0x80, 200, 0, 6, 0, 0, 0, 1];
        data.extend(7_u64.to_be_bytes());
        data.extend(8_u32.to_be_bytes());
        data.extend([0; 8]);
        data.extend([0x81, 203, 0, 1, 0, 0, 0, 1]);
        assert!(is_rtcp(&data));
        assert_eq!(
            Rtcp::parse(&data, Some(1)),
            Rtcp {
                report: Some(SenderReport {
                    ssrc: 1,
                    ntp: 7,
                    timestamp: 8
                }),
                bye: true
            }
        );
        // Another source's goodbye ends nothing, unless the stream's is not known.
        assert!(!Rtcp::parse(&data, Some(2)).bye);
        assert!(Rtcp::parse(&data, None).bye);
        assert!(Rtcp::parse(&[0x80, 203, 0, 0], Some(2)).bye);
    }

    proptest! {
        #[test]
        fn noise_never_panics(data in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Rtp::parse(&data);
            let _ = Rtcp::parse(&data, Some(1));
        }
    }
}
