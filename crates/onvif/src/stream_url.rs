//! The URL of a stream, as a device names it, and as it can be opened.

use std::net::{IpAddr, Ipv4Addr};

use camweave_redact::SecretUrl;
use url::Url;

use crate::error::AskError;
use crate::limits::TEXT_CHARACTERS;
use crate::service::ip;

/// A stream's URL, without user and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamUrl {
    /// The URL. Its query may still open something.
    pub url: SecretUrl,
    /// What is unusual about it.
    pub remark: Option<StreamRemark>,
}

/// What is unusual about the URL of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamRemark {
    /// The device named an address that is of no use outside of itself; the device's own is in its
    /// place.
    Replaced {
        /// The device's.
        named: String,
    },
    /// It leads to another host, which would be shown user and password of the device, or digests
    /// of them.
    OtherHost {
        /// That host.
        host: String,
    },
}

impl StreamUrl {
    /// `own`: the device's addresses, first that at which it is called.
    pub(crate) fn read(text: &str, own: &[IpAddr]) -> Result<Self, AskError> {
        let wrong = |what: &str| AskError::StreamUrl(what.to_owned());
        if text.len() > TEXT_CHARACTERS || text.contains(char::is_control) {
            return Err(wrong("has control characters or is longer than any is"));
        }
        // Some escape it twice. And in a cameras.yml a variable would be replaced by its value, which the
        // device would then be sent.
        let text = text.trim().replace("&amp;", "&").replace("${", "$%7B");
        let mut url = Url::parse(&text).map_err(|_| wrong("cannot be read"))?;
        if !matches!(url.scheme(), "rtsp" | "rtsps") {
            return Err(wrong("is not rtsp://"));
        }
        url.set_username("")
            .and_then(|()| url.set_password(None))
            .map_err(|()| wrong("has no host"))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let remark = match (ip(&url), own.first()) {
            (Some(ip), _) if own.contains(&ip) => None,
            (Some(named), Some(device)) if is_of_no_use(named, *device) => {
                url.set_ip_host(*device)
                    .map_err(|()| wrong("takes no address"))?;
                Some(StreamRemark::Replaced { named: host })
            }
            _ => Some(StreamRemark::OtherHost { host }),
        };
        let url = SecretUrl::new(url);
        Ok(Self { url, remark })
    }
}

/// Whether an address that a device names as its own is one that only the device itself can reach.
fn is_of_no_use(named: IpAddr, device: IpAddr) -> bool {
    let is_local = match named {
        IpAddr::V4(ip) => ip.is_unspecified() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_loopback() || ip.is_unicast_link_local(),
    };
    is_local || (is_of_docker(named) && !is_of_docker(device))
}

/// The network that Docker gives its containers, 172.17.0.0/16: their servers name it.
fn is_of_docker(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets()[..2] == Ipv4Addr::new(172, 17, 0, 0).octets()[..2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<StreamUrl, AskError> {
        let own = [[192, 0, 2, 10], [198, 51, 100, 3]].map(IpAddr::from);
        StreamUrl::read(text, &own)
    }

    #[track_caller]
    fn is_read_as(text: &str, url: &str, remark: Option<&StreamRemark>) {
        let found = read(text).expect("usable");
        assert_eq!(found.url.expose().as_str(), url);
        assert_eq!(found.remark.as_ref(), remark);
    }

    #[test]
    fn urls_of_the_device_itself() {
        let url = "rtsp://192.0.2.10:554/live?channel=1&subtype=0";
        for text in [
            url,
            " rtsp://192.0.2.10:554/live?channel=1&subtype=0\n".trim_end(),
            "rtsp://192.0.2.10:554/live?channel=1&amp;subtype=0",
            "rtsp://admin:12345@192.0.2.10:554/live?channel=1&subtype=0",
        ] {
            is_read_as(text, url, None);
        }
        is_read_as("rtsp://198.51.100.3/a", "rtsp://198.51.100.3/a", None);
    }

    #[test]
    fn addresses_that_nobody_else_can_reach_are_replaced() {
        for host in [
            "0.0.0.0",
            "127.0.0.1",
            "169.254.8.9",
            "172.17.0.2",
            "[::]",
            "[fe80::1]",
        ] {
            let named = StreamRemark::Replaced {
                named: host.to_owned(),
            };
            let text = format!("rtsp://{host}:8554/a");
            is_read_as(&text, "rtsp://192.0.2.10:8554/a", Some(&named));
        }
    }

    #[test]
    fn another_host_is_kept_and_said() {
        for host in ["192.0.2.11", "camera.local", "172.18.0.2", "[2001:db8::1]"] {
            let other = StreamRemark::OtherHost {
                host: host.to_owned(),
            };
            let text = format!("rtsp://{host}/a");
            is_read_as(&text, &text, Some(&other));
        }
        // A device in that network itself may well have another there.
        let own = [IpAddr::from([172, 17, 0, 9])];
        let found = StreamUrl::read("rtsp://172.17.0.2/a", &own).expect("usable");
        assert!(matches!(found.remark, Some(StreamRemark::OtherHost { .. })));
    }

    #[test]
    fn a_device_cannot_ask_for_a_variable() {
        let found = read("rtsp://192.0.2.10/${HOME}?a=${PASSWORD}").expect("usable");
        assert!(
            !found.url.expose().as_str().contains("${"),
            "{}",
            found.url.expose()
        );
    }

    #[test]
    fn what_cannot_be_opened_is_refused() {
        for text in [
            "",
            "/live",
            "rtsp:///live",
            "http://192.0.2.10/",
            "file:///etc/passwd",
            "rtsp://192.0.2.10/a\nb",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert!(read(&format!("rtsp://192.0.2.10/{}", "a".repeat(5000))).is_err());
    }
}
