//! Whom a request comes from, before anything else is done with it.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri, header};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The name by which a browser reached a page on this machine is not this machine's: another
    /// site's name may have been pointed here (DNS rebinding).
    Host,
    /// The request was made by another site's page.
    Origin,
}

impl Refused {
    pub fn line(self) -> &'static str {
        match self {
            Self::Host => {
                "the page is served on this machine only: open it as localhost or 127.0.0.1"
            }
            Self::Origin => "the request comes from another site",
        }
    }
}

/// Checks who may have made a request.
///
/// # Errors
/// Why it is refused.
pub(crate) fn check(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    is_local: bool,
    is_socket: bool,
) -> Result<(), Refused> {
    let text = |name| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    let host = text(header::HOST).or_else(|| uri.authority().map(Authority::as_str));
    if is_local && !host.is_some_and(is_loopback) {
        return Err(Refused::Host);
    }
    let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if !changes && !is_socket {
        return Ok(());
    }
    // Browsers name the origin in these; other programs do not, and send no cookie by themselves.
    match text(header::ORIGIN) {
        None => Ok(()),
        Some(origin) if host.is_some_and(|host| is_same(origin, host)) => Ok(()),
        Some(_) => Err(Refused::Origin),
    }
}

/// Whether the name is this machine's own, at whatever port: one may be forwarded.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_address = |it: std::net::IpAddr| it.is_loopback();
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_address)
}

fn is_same(origin: &str, host: &str) -> bool {
    let rest = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(
        method: &Method,
        host: Option<&str>,
        origin: Option<&str>,
        is_local: bool,
        is_socket: bool,
    ) -> Result<(), Refused> {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().expect("a header"));
            }
        }
        check(
            method,
            &Uri::from_static("/x"),
            &headers,
            is_local,
            is_socket,
        )
    }

    #[test]
    fn a_page_on_this_machine_has_its_name() {
        for (host, is_good) in [
            (Some("localhost:8090"), true),
            (Some("LOCALHOST"), true),
            (Some("127.0.0.1:9000"), true),
            (Some("127.8.8.8"), true),
            (Some("[::1]:8090"), true),
            (Some("evil.example:8090"), false),
            (Some("localhost.evil.example"), false),
            (Some("127.0.0.1.evil.example"), false),
            (Some("192.168.0.7:8090"), false),
            (Some("[::1"), true),
            (Some(""), false),
            (None, false),
        ] {
            let found = checked(&Method::GET, host, None, true, false).is_ok();
            assert_eq!(found, is_good, "{host:?}");
            assert!(checked(&Method::GET, host, None, false, false).is_ok());
        }
    }

    #[test]
    fn other_sites_open_no_socket_and_change_nothing() {
        let host = Some("cams.example:8090");
        for (origin, is_good) in [
            (None, true),
            (Some("https://cams.example:8090"), true),
            (Some("http://CAMS.example:8090"), true),
            (Some("https://cams.example"), false),
            (Some("https://evil.example"), false),
            (Some("https://cams.example:8090.evil.example"), false),
            (Some("null"), false),
            (Some(""), false),
        ] {
            for (method, is_socket) in [
                (Method::GET, true),
                (Method::POST, false),
                (Method::PATCH, false),
                (Method::DELETE, false),
            ] {
                let found = checked(&method, host, origin, false, is_socket);
                assert_eq!(found.is_ok(), is_good, "{origin:?}");
            }
            assert!(checked(&Method::GET, host, origin, false, false).is_ok());
        }
    }
}
