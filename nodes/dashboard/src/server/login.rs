//! Who is logged in, and how often one may fail.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};

use super::token::{Token, cookie_of};

/// How the cookie's name begins. A browser sends the cookies of a host to all of its ports: the port
/// in the name keeps those of two dashboards apart.
const COOKIE: &str = "camweave";
/// How long it is valid.
const COOKIE_SECONDS: u64 = 90 * 86_400;
/// An address that failed so often waits.
const MOST_FAILURES: u32 = 10;
/// For so long after the first of them.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);
/// Addresses of which failures are remembered.
const MOST_ADDRESSES: usize = 4096;

/// How a request presents itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Granted,
    Denied,
    /// Its address failed too often.
    TooOften,
}

/// The door of a page that needs a token.
pub(crate) struct Door {
    token: Token,
    cookie: String,
    failures: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl Door {
    /// Of the page at this port.
    pub fn new(token: Token, port: u16) -> Self {
        Self {
            token,
            cookie: format!("{COOKIE}-{port}"),
            failures: Mutex::default(),
        }
    }

    /// Whether a request has a cookie or a token that opens the page.
    pub fn access(&self, headers: &HeaderMap, from: IpAddr, now: Instant) -> Access {
        if self
            .cookies(headers)
            .any(|value| self.token.is_cookie(value))
        {
            return Access::Granted;
        }
        let bearer = headers.get(header::AUTHORIZATION);
        let bearer = bearer.and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
        match bearer {
            Some(token) => self.log_in(token.trim(), from, now),
            None => Access::Denied,
        }
    }

    /// Whether a token is the right one; failures are counted by address.
    pub fn log_in(&self, token: &str, from: IpAddr, now: Instant) -> Access {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since: Instant| now.saturating_duration_since(since) >= FORGIVEN_AFTER;
        if failures
            .get(&from)
            .is_some_and(|(since, _)| is_over(*since))
        {
            failures.remove(&from);
        }
        let failed = failures.get(&from).map_or(0, |(_, count)| *count);
        if failed >= MOST_FAILURES {
            return Access::TooOften;
        }
        if self.token.is_token(token) {
            failures.remove(&from);
            return Access::Granted;
        }
        if failures.len() >= MOST_ADDRESSES {
            failures.retain(|_, (since, _)| !is_over(*since));
        }
        if failures.len() < MOST_ADDRESSES || failed > 0 {
            failures.entry(from).or_insert((now, 0)).1 += 1;
            Access::Denied
        } else {
            Access::TooOften
        }
    }

    /// What `Set-Cookie` has for one who has logged in with this token.
    pub fn set_cookie(&self, token: &str, is_encrypted: bool) -> String {
        let secure = if is_encrypted { "; Secure" } else { "" };
        let (name, value) = (&self.cookie, cookie_of(token));
        format!(
            "{name}={value}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict{secure}"
        )
    }

    fn cookies<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let lines = headers.get_all(header::COOKIE).iter();
        let lines = lines.filter_map(|it| it.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';'));
        pairs.filter_map(move |pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.cookie).then_some(value)
        })
    }
}

#[cfg(test)]
mod tests {
    use camweave_redact::Secret;

    use super::*;

    fn door() -> (Door, Secret) {
        let folder = tempfile::tempdir().expect("a folder");
        let (token, text) = Token::stored(folder.path()).expect("writable");
        (Door::new(token, 8090), text.expect("it is new"))
    }

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a header"))])
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::BROADCAST);

    #[test]
    fn cookie_and_token_open_the_door() {
        let (door, token) = door();
        let token = token.expose();
        let now = Instant::now();
        let cookie = door.set_cookie(token, true);
        assert!(
            cookie.contains("HttpOnly; SameSite=Strict; Secure"),
            "{cookie}"
        );
        assert!(!door.set_cookie(token, false).contains("Secure"));
        let value = cookie.split(';').next().expect("a pair");
        let bearer = format!("Bearer {token}");
        for (headers, expected) in [
            (HeaderMap::new(), Access::Denied),
            (
                with(header::COOKIE, &format!("a=b; {value}")),
                Access::Granted,
            ),
            (
                with(header::COOKIE, &format!("{COOKIE}-8090={token}")),
                Access::Denied,
            ),
            (with(header::AUTHORIZATION, &bearer), Access::Granted),
            (with(header::AUTHORIZATION, token), Access::Denied),
            (with(header::AUTHORIZATION, "Bearer x"), Access::Denied),
        ] {
            assert_eq!(door.access(&headers, HERE, now), expected, "{headers:?}");
        }
    }

    #[test]
    fn the_cookies_of_two_pages_of_one_host_do_not_replace_each_other() {
        let ((one, first), (other, second)) = (door(), door());
        let other = Door::new(other.token, 8091);
        let pair = |door: &Door, token: &Secret| -> String {
            let cookie = door.set_cookie(token.expose(), false);
            cookie.split(';').next().expect("a pair").to_owned()
        };
        let (a, b) = (pair(&one, &first), pair(&other, &second));
        assert_ne!(a.split('=').next(), b.split('=').next());
        let both = with(header::COOKIE, &format!("{a}; {b}"));
        for door in [&one, &other] {
            assert_eq!(door.access(&both, HERE, Instant::now()), Access::Granted);
        }
    }

    #[test]
    fn an_address_that_fails_too_often_waits_alone() {
        let (door, token) = door();
        let now = Instant::now();
        for _ in 0..MOST_FAILURES {
            assert_eq!(door.log_in("x", HERE, now), Access::Denied);
        }
        let right = token.expose();
        assert_eq!(door.log_in(right, HERE, now), Access::TooOften);
        assert_eq!(door.log_in(right, THERE, now), Access::Granted);
        let later = now + FORGIVEN_AFTER;
        assert_eq!(door.log_in(right, HERE, later), Access::Granted);
    }
}
