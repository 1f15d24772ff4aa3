//! Where to look.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

use camweave_onvif::{PORT, Service};
use camweave_redact::printable;
use camweave_stage::Exit;
use url::Url;

use crate::error::CliError;

/// One of the addresses that somebody has named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A host that is probed, and asked at the usual place where it does not answer.
    Host(SocketAddr),
    /// A device's first service.
    Service(IpAddr, Service),
}

/// HTTP's.
const USUAL_PORT: u16 = 80;

impl Place {
    /// Where its device is asked if it has not answered a probe.
    pub fn service(&self) -> (IpAddr, Service) {
        match self {
            Self::Host(address) => (address.ip(), Service::device(USUAL_PORT)),
            Self::Service(ip, service) => (*ip, service.clone()),
        }
    }
}

/// Reads `HOST`, `HOST:PORT` and `http(s)://HOST:PORT/PATH`.
///
/// # Errors
/// One is written in another way, or its host is not known.
pub fn read(addresses: &[String]) -> Result<Vec<Place>, CliError> {
    addresses.iter().map(|it| place(it)).collect()
}

fn place(text: &str) -> Result<Place, CliError> {
    let wrong = |what: &str| {
        // A URL may have a password in it.
        let shown = text.rsplit('@').next().unwrap_or(text);
        CliError::new(
            Exit::Configuration,
            format!(
                "--address '{}': {what}, expected HOST, HOST:PORT or http(s)://HOST:PORT/PATH",
                printable(shown)
            ),
        )
    };
    let resolved = |host: &str, port: u16| {
        let host = host.trim_matches(['[', ']']);
        let found = (host, port).to_socket_addrs();
        let mut found = found.map_err(|error| wrong(&error.to_string()))?;
        found.next().ok_or_else(|| wrong("the host has no address"))
    };
    if text.contains("://") {
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        let service = Service::of(&url).ok_or_else(|| wrong("another scheme"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "user and password belong to --username and --password-...",
            ));
        }
        let host = url.host_str().unwrap_or_default();
        let address = resolved(host, service.port)?;
        return Ok(Place::Service(address.ip(), service));
    }
    if text.parse::<IpAddr>().is_ok() {
        return Ok(Place::Host(resolved(text, PORT)?));
    }
    match text.rsplit_once(':') {
        Some((host, port)) => {
            let port = port.parse().map_err(|_| wrong("the port is no number"))?;
            let address = resolved(host, port)?;
            Ok(Place::Service(address.ip(), Service::device(port)))
        }
        None => Ok(Place::Host(resolved(text, PORT)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_and_urls() {
        let service = |port, path: &str| {
            let service = Service {
                path: path.to_owned(),
                ..Service::device(port)
            };
            Place::Service([192, 0, 2, 7].into(), service)
        };
        for (text, expected) in [
            ("192.0.2.7", Place::Host(([192, 0, 2, 7], PORT).into())),
            ("192.0.2.7:8000", service(8000, "/onvif/device_service")),
            ("http://192.0.2.7/onvif/x", service(80, "/onvif/x")),
            ("::1", Place::Host(([0, 0, 0, 0, 0, 0, 0, 1], PORT).into())),
            (
                "[::1]:81",
                Place::Service([0, 0, 0, 0, 0, 0, 0, 1].into(), Service::device(81)),
            ),
        ] {
            assert_eq!(place(text).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_named_without_a_password() {
        for text in [
            "192.0.2.7:x",
            "rtsp://192.0.2.7/",
            "http://u:t0psecret@192.0.2.7/",
            "u:t0psecret@x:y",
        ] {
            let error = place(text).expect_err(text).to_string();
            assert!(error.contains("expected HOST, HOST:PORT"), "{error}");
            assert!(!error.contains("t0psecret"), "{error}");
        }
    }
}
