use tokio::time::{Duration, Instant};

use crate::wire::Response;

/// The standard's time without requests after which a server may end a session
/// (RFC 2326, section 12.37).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// No request is sent sooner after another.
const SHORTEST: Duration = Duration::from_millis(400);

/// When to send which sign of life.
#[derive(Debug)]
pub(super) struct KeepAlive {
    every: Duration,
    probe_after: Duration,
    last_sent: Instant,
    last_heard: Instant,
    /// The method of the request that is not answered.
    open: Option<&'static str>,
    /// The camera lists GET_PARAMETER, and answers it.
    get_parameter: bool,
    again: bool,
}

impl KeepAlive {
    /// `timeout`: the session's, where the camera gives one that can be.
    pub fn new(timeout: Option<Duration>, probe_after: Duration) -> Self {
        let timeout = timeout.filter(|timeout| !timeout.is_zero());
        let every = timeout.unwrap_or(DEFAULT_TIMEOUT).min(DEFAULT_TIMEOUT) / 2;
        Self {
            every: every.max(SHORTEST),
            probe_after: probe_after.max(SHORTEST),
            last_sent: Instant::now(),
            last_heard: Instant::now(),
            open: None,
            get_parameter: false,
            again: false,
        }
    }

    /// When the next request is due: by the session's timeout, or because of a silence.
    pub fn due(&self) -> Instant {
        if self.again {
            return self.last_sent;
        }
        let silence = (self.last_heard + self.probe_after).max(self.last_sent + self.probe_after);
        silence.min(self.last_sent + self.every)
    }

    /// OPTIONS is what every camera answers; it says whether GET_PARAMETER, which some need
    /// to keep a session, is known.
    pub fn method(&self) -> &'static str {
        if self.get_parameter && self.open != Some("GET_PARAMETER") {
            "GET_PARAMETER"
        } else {
            "OPTIONS"
        }
    }

    /// `open`: whether the connection is, so that an answer can come.
    pub fn sent(&mut self, open: bool) {
        if self.open == Some("GET_PARAMETER") {
            self.get_parameter = false;
        }
        let method = self.method();
        self.open = open.then_some(method);
        self.last_sent = Instant::now();
        self.again = false;
    }

    pub fn heard(&mut self) {
        self.last_heard = Instant::now();
    }

    /// Takes the answer to the latest request. False if that was none of these.
    pub fn answered(&mut self, response: &Response) -> bool {
        let Some(method) = self.open.take() else {
            return false;
        };
        match (method, response.status) {
            ("OPTIONS", 200) => {
                let public = response.headers.get("Public").unwrap_or_default();
                let listed = public
                    .split(',')
                    .any(|method| method.trim().eq_ignore_ascii_case("GET_PARAMETER"));
                // At once: half of the session's timeout has passed already, and OPTIONS
                // does not keep every camera's session.
                if listed && !self.get_parameter {
                    self.get_parameter = true;
                    self.again = true;
                }
            }
            ("GET_PARAMETER", status) if status != 200 && status != 401 => {
                self.get_parameter = false;
            }
            _ => {}
        }
        true
    }

    /// The request was refused for its credentials.
    pub fn send_again(&mut self) {
        self.again = true;
    }
}
