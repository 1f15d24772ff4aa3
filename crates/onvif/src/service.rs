//! Addresses of services.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

/// Where a service of a device is, at the device's own address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Whether it is called over TLS.
    pub is_tls: bool,
    /// Of HTTP or HTTPS.
    pub port: u16,
    /// With the query, if there is one.
    pub path: String,
}

impl Service {
    /// Where every device has its first service (ONVIF Core Specification, section 5.1).
    #[must_use]
    pub fn device(port: u16) -> Self {
        Self {
            is_tls: false,
            port,
            path: "/onvif/device_service".to_owned(),
        }
    }

    /// Scheme, port and path of a URL, whatever host it names. `None`: neither `http://` nor
    /// `https://`.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        let is_tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        Some(Self {
            is_tls,
            port: url.port_or_known_default()?,
            path: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
        })
    }

    /// Of the addresses that a device names, separated by white space, the one that names `host`,
    /// else the first one; in both cases one without TLS where there is one. It is called at `host` in
    /// any case: a device with several addresses, behind a translation of addresses or in a container
    /// names some that cannot be reached from here, and a hostile one names those of others.
    pub(crate) fn choose(addresses: &str, host: IpAddr) -> Option<Self> {
        const LOOKED_AT: usize = 16;
        let named = addresses
            .split_ascii_whitespace()
            .take(LOOKED_AT)
            .filter_map(|it| Url::parse(it).ok())
            .filter_map(|it| Some((ip(&it) != Some(host), Self::of(&it)?)));
        // Of equal ones the first.
        let best = named.min_by_key(|(is_elsewhere, it)| (*is_elsewhere, it.is_tls));
        best.map(|(_, service)| service)
    }

    /// Its URL at a host.
    #[must_use]
    pub fn url(&self, host: IpAddr) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        let address = SocketAddr::new(host, self.port);
        format!("{scheme}://{address}{}", self.path)
    }
}

/// The address that a URL names; `None` for a name.
pub(crate) fn ip(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        // Of schemes that are not HTTP's, the parser leaves an IPv4 address as it is.
        Host::Domain(name) => name.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_answered_is_chosen_among_several() {
        let host = IpAddr::from([192, 0, 2, 10]);
        for (addresses, expected) in [
            (
                "http://192.0.2.10/onvif/device_service",
                "http://192.0.2.10:80/onvif/device_service",
            ),
            (
                "http://[fe80::1]:81/a http://169.254.3.4:82/b http://192.0.2.10:8080/c http://[2001:db8::1]/d",
                "http://192.0.2.10:8080/c",
            ),
            // None of them: its port and path, at the address that answered.
            (
                "http://172.17.0.2:8000/onvif/device_service",
                "http://192.0.2.10:8000/onvif/device_service",
            ),
            (
                "http://[fe80::1]:81/a?x=1&y=2 http://10.0.0.1/b",
                "http://192.0.2.10:81/a?x=1&y=2",
            ),
            (
                "https://192.0.2.10/a http://192.0.2.10/b",
                "http://192.0.2.10:80/b",
            ),
            (
                "https://192.0.2.10/a\n\t http://camera.local/b",
                "https://192.0.2.10:443/a",
            ),
        ] {
            let service = Service::choose(addresses, host).expect(addresses);
            assert_eq!(service.url(host), expected, "{addresses}");
        }
        for none in ["", "192.0.2.10 http:// soap.udp://192.0.2.10:3702"] {
            assert_eq!(Service::choose(none, host), None, "{none}");
        }
    }
}
