//! The `Transport` header of RTSP 1.0 (RFC 2326, 12.39), as far as a unicast camera needs it.

/// A way to deliver RTP that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// Within the RTSP connection, on these channels (RTP, RTCP) if the client names any.
    Interleaved(Option<(u8, u8)>),
    /// To these UDP ports of the client (RTP, RTCP).
    Udp(u16, u16),
}

/// The first alternative of a `Transport` header that this server can do.
pub fn choose(header: &str) -> Option<Requested> {
    header.split(',').find_map(parse_one)
}

fn parse_one(alternative: &str) -> Option<Requested> {
    let mut parts = alternative.split(';').map(str::trim);
    let protocol = parts.next()?.to_ascii_uppercase();
    let mut interleaved = None;
    let mut client_port = None;
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.to_ascii_lowercase().as_str() {
            "multicast" => return None,
            "interleaved" => interleaved = Some(pair::<u8>(value)?),
            "client_port" => client_port = Some(pair::<u16>(value)?),
            "mode" if !value.trim_matches('"').eq_ignore_ascii_case("play") => return None,
            _ => {}
        }
    }
    match protocol.as_str() {
        "RTP/AVP/TCP" => Some(Requested::Interleaved(interleaved)),
        "RTP/AVP" | "RTP/AVP/UDP" => client_port.map(|(rtp, rtcp)| Requested::Udp(rtp, rtcp)),
        _ => None,
    }
}

/// `a-b`, or `a` for `a` and the number after it.
fn pair<T>(text: &str) -> Option<(T, T)>
where
    T: std::str::FromStr + Copy + TryFrom<u32>,
    u32: From<T>,
{
    match text.split_once('-') {
        Some((first, second)) => Some((first.parse().ok()?, second.parse().ok()?)),
        None => {
            let first: T = text.parse().ok()?;
            Some((first, T::try_from(u32::from(first) + 1).ok()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
