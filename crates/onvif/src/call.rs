//! Calls of one device: its login in the form that the device takes, its faults as errors.

use std::net::IpAddr;
use std::time::Duration;

use camweave_http_auth::{AuthError, Authorizer, Credentials, TriedSchemes};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, timeout};

use crate::envelope::Operation;
use crate::error::AskError;
use crate::fault::Fault;
use crate::http::{Answer, Post};
use crate::limits::Limits;
use crate::service::Service;
use crate::token::{self, Login};
use crate::xml::{self, Bounds, Node};

/// Of an answer. A profile has some 200 nodes.
const BOUNDS: Bounds = Bounds {
    nodes: 400_000,
    declarations: 1024,
};
/// Times that a call is sent again for another login: with a token, a digest, and a new nonce.
const LOGINS: usize = 3;

/// Calls one device.
pub(crate) struct Caller<'a> {
    host: IpAddr,
    login: Option<&'a Login>,
    limits: &'a Limits,
    deadline: Instant,
    /// From the first call to the deadline.
    seconds: u64,
    /// What the device's clock is ahead of this one.
    ahead: TimeDelta,
    digest: Authorizer,
    /// The device has refused to answer anybody.
    wants_login: bool,
    /// The device has asked for HTTP's digest. A token beside it confuses some.
    has_digest: bool,
}

impl<'a> Caller<'a> {
    pub fn new(host: IpAddr, login: Option<&'a Login>, limits: &'a Limits) -> Self {
        let credentials = login.map(|it| Credentials {
            username: it.user.expose().to_owned(),
            password: it.password.expose().to_owned(),
        });
        Self {
            host,
            login,
            limits,
            deadline: Instant::now() + limits.device,
            seconds: limits.device.as_secs(),
            ahead: TimeDelta::zero(),
            digest: Authorizer::new(credentials, TriedSchemes::without_basic()),
            wants_login: false,
            has_digest: false,
        }
    }

    /// The device's clock shows `time` now.
    pub fn set_clock(&mut self, time: DateTime<Utc>) {
        self.ahead = time - now();
    }

    /// What the device's clock is ahead of this one.
    pub fn ahead(&self) -> TimeDelta {
        self.ahead
    }

    /// Whether the device has been given the login, as it wanted one.
    pub fn wants_login(&self) -> bool {
        self.wants_login && self.login.is_some()
    }

    /// Whether a refusal is one of the digest of the password.
    pub fn has_digest(&self) -> bool {
        self.has_digest
    }

    /// Takes more time, for more calls.
    pub fn extend(&mut self, time: Duration) {
        self.deadline += time;
        self.seconds += time.as_secs();
    }

    /// Calls an operation, and has the body of its answer read.
    pub async fn call<T>(
        &mut self,
        service: &Service,
        operation: &Operation,
        read: impl FnOnce(Node<'_, '_>) -> Result<T, AskError>,
    ) -> Result<T, AskError> {
        let what = operation.name;
        let answer = self.answered(service, operation).await?;
        if answer.status == 401 {
            return Err(self.unauthorized());
        }
        let is_well = (200..300).contains(&answer.status);
        let status = AskError::Status {
            what,
            status: answer.status,
        };
        let document = match xml::parse(&answer.body, BOUNDS) {
            Ok(document) => document,
            Err(_) if !is_well => return Err(status),
            Err(error) => {
                let detail = error.to_string();
                return Err(AskError::Xml { what, detail });
            }
        };
        let Some(body) = xml::at(document.root_element(), &["Body"]) else {
            return Err(match is_well {
                true => AskError::Lacking {
                    what,
                    lacking: "SOAP body",
                },
                false => status,
            });
        };
        match Fault::of(body) {
            Some(fault) if fault.is_of_login() => Err(self.unauthorized()),
            Some(Fault { code, reason }) => Err(AskError::Fault { what, code, reason }),
            None if is_well => read(body),
            None => Err(status),
        }
    }

    /// The answer to the call, made as anybody until the device wants a login: whoever gets a digest of
    /// the password can try passwords against it.
    async fn answered(
        &mut self,
        service: &Service,
        operation: &Operation,
    ) -> Result<Answer, AskError> {
        let mut answer = self.post(service, operation).await?;
        for _ in 0..LOGINS {
            if answer.status != 401 {
                // Whatever it says to the request, it has taken the digest.
                self.digest.accepted();
            }
            if self.login.is_none() {
                break;
            }
            if answer.status == 401 {
                self.challenged(&answer, operation)?;
            } else if self.may_begin_token(operation) && is_refusal(&answer) {
                self.wants_login = true;
            } else {
                break;
            }
            answer = self.post(service, operation).await?;
        }
        Ok(answer)
    }

    fn may_begin_token(&self, operation: &Operation) -> bool {
        !operation.is_open && !self.wants_login && !self.has_digest
    }

    fn unauthorized(&self) -> AskError {
        AskError::Unauthorized {
            is_asked: self.login.is_none(),
        }
    }

    fn challenged(&mut self, answer: &Answer, operation: &Operation) -> Result<(), AskError> {
        let offered = answer.challenges.iter().map(String::as_str);
        match self.digest.challenged(offered) {
            Ok(()) => {
                self.has_digest = true;
                self.wants_login = true;
                Ok(())
            }
            Err(_) if self.may_begin_token(operation) => {
                self.wants_login = true;
                Ok(())
            }
            Err(AuthError::BasicAlone) => Err(AskError::Basic),
            Err(_) => Err(self.unauthorized()),
        }
    }

    async fn post(&mut self, service: &Service, operation: &Operation) -> Result<Answer, AskError> {
        let what = operation.name;
        let with_token = self.wants_login && !operation.is_open && !self.has_digest;
        let security = self
            .login
            .filter(|_| with_token)
            .map(|login| token::header(login, rand::random(), now() + self.ahead));
        let post = Post {
            what,
            host: self.host,
            service,
            content_type: operation.content_type(),
            authorization: self.digest.header("POST", &service.path),
            body: operation.envelope(security.as_deref()),
            answer_bytes: self.limits.answer_bytes,
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        let limit = left.min(self.limits.call);
        let late = |_| match left < self.limits.call {
            true => AskError::Late {
                seconds: self.seconds,
            },
            false => AskError::Timeout {
                what,
                seconds: limit.as_secs().max(1),
            },
        };
        if left.is_zero() {
            return Err(AskError::Late {
                seconds: self.seconds,
            });
        }
        timeout(limit, post.send()).await.map_err(late)?
    }
}

/// Whether it refuses to answer anybody, in a status or in a fault.
fn is_refusal(answer: &Answer) -> bool {
    let Ok(document) = xml::parse(&answer.body, BOUNDS) else {
        return answer.status == 403;
    };
    let body = xml::at(document.root_element(), &["Body"]);
    let fault = body.and_then(Fault::of);
    answer.status == 403 || fault.is_some_and(|it| it.is_of_login())
}

fn now() -> DateTime<Utc> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let since = since.unwrap_or_default();
    DateTime::from_timestamp(since.as_secs() as i64, since.subsec_nanos()).unwrap_or_default()
}
