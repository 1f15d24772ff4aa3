//! The `Transport` header of RTSP 1.0 (RFC 2326, 12.39), as far as a unicast camera needs it.

use rtsp_types::headers::{RtpLowerTransport, RtpProfile, RtpTransport, Transport, TransportMode};

/// A way to deliver RTP that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// Within the RTSP connection, on these channels (RTP, RTCP) if the client names any.
    Interleaved(Option<(u8, u8)>),
    /// To these UDP ports of the client (RTP, RTCP).
    Udp(u16, u16),
}

/// The first of the alternatives that this server can do.
pub fn choose(alternatives: &[Transport]) -> Option<Requested> {
    alternatives
        .iter()
        .find_map(|alternative| match alternative {
            Transport::Rtp(it) if it.profile == RtpProfile::Avp => requested(it),
            _ => None,
        })
}

fn requested(alternative: &RtpTransport) -> Option<Requested> {
    let params = &alternative.params;
    if params.multicast || params.mode.iter().any(|mode| *mode != TransportMode::Play) {
        return None;
    }
    // One number is for that and the one after it.
    match alternative.lower_transport {
        Some(RtpLowerTransport::Tcp) => Some(Requested::Interleaved(match params.interleaved {
            Some((rtp, rtcp)) => Some((rtp, rtcp.or(rtp.checked_add(1))?)),
            None => None,
        })),
        None | Some(RtpLowerTransport::Udp) => {
            let (rtp, rtcp) = params.client_port?;
            Some(Requested::Udp(rtp, rtcp.or(rtp.checked_add(1))?))
        }
        Some(RtpLowerTransport::Other(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtsp_types::headers::{TRANSPORT, Transports};
    use rtsp_types::{Method, Request, Version};

    use super::*;

    fn choose(header: &str) -> Option<Requested> {
        let setup = Request::builder(Method::Setup, Version::V1_0);
        let setup = setup.header(TRANSPORT, header).empty();
        super::choose(&setup.typed_header::<Transports>().ok()??)
    }

    #[test]
    fn what_clients_send() {
        let interleaved = |pair| Some(Requested::Interleaved(pair));
        for (header, expected) in [
            (
                "RTP/AVP/TCP;unicast;interleaved=0-1",
                interleaved(Some((0, 1))),
            ),
            (
                "RTP/AVP/TCP;unicast;interleaved=4",
                interleaved(Some((4, 5))),
            ),
            ("RTP/AVP/TCP", interleaved(None)),
            (
                "RTP/AVP/UDP;unicast;client_port=5000-5001",
                Some(Requested::Udp(5000, 5001)),
            ),
            (
                "RTP/AVP;unicast;client_port=5000-5001;mode=\"PLAY\"",
                Some(Requested::Udp(5000, 5001)),
            ),
            (
                "RTP/AVP;multicast,RTP/AVP/TCP;interleaved=2-3",
                interleaved(Some((2, 3))),
            ),
            ("RTP/AVP;unicast", None),
            ("RTP/AVP;multicast", None),
            ("RTP/SAVP;unicast;client_port=5000-5001", None),
            ("RTP/AVP/TCP;interleaved=255", None),
            ("RTP/AVP;unicast;client_port=5000-5001;mode=record", None),
            ("", None),
        ] {
            assert_eq!(choose(header), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(header in "(RTP/AVP)?(/TCP)?[;,a-z_=0-9\"-]{0,40}") {
            choose(&header);
        }
    }
}
