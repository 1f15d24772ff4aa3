//! Calls of one device: its login in the form that the device takes, its faults as errors.

use std::net::IpAddr;

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
use crate::xml::{self, Node};

/// Nodes of an answer that are taken: a profile has some 200 of them.
const NODES: u32 = 400_000;

/// Calls one device.
pub(crate) struct Caller<'a> {
    host: IpAddr,
    login: Option<&'a Login>,
    limits: &'a Limits,
    deadline: Instant,
    /// What the device's clock is ahead of this one.
    ahead: TimeDelta,
    digest: Authorizer,
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
            ahead: TimeDelta::zero(),
            digest: Authorizer::new(credentials, TriedSchemes::default()).without_basic(),
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

    /// Calls an operation, and has the body of its answer read.
    pub async fn call<T>(
        &mut self,
        service: &Service,
        operation: &Operation,
        read: impl FnOnce(Node<'_, '_>) -> Result<T, AskError>,
    ) -> Result<T, AskError> {
        let what = operation.name;
        let mut answer = self.post(service, operation).await?;
        if answer.status == 401 && self.login.is_some() {
            self.challenged(&answer)?;
            answer = self.post(service, operation).await?;
            // Another nonce may be all that is asked for.
            if answer.status == 401 {
                self.challenged(&answer)?;
                answer = self.post(service, operation).await?;
            }
        }
        if answer.status == 401 {
            return Err(self.unauthorized());
        }
        let is_well = (200..300).contains(&answer.status);
        if is_well {
            self.digest.accepted();
        }
        let status = AskError::Status {
            what,
            status: answer.status,
        };
        let document = match xml::parse(&answer.body, NODES) {
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

    fn unauthorized(&self) -> AskError {
        AskError::Unauthorized {
            is_asked: self.login.is_none(),
        }
    }

    fn challenged(&mut self, answer: &Answer) -> Result<(), AskError> {
        let offered = || answer.challenges.iter().map(String::as_str);
        let basic = |it: &str| it.trim_start().to_ascii_lowercase().starts_with("basic");
        match self.digest.challenged(offered()) {
            Ok(()) => {
                self.has_digest = true;
                Ok(())
            }
            Err(AuthError::Refused) if offered().next().is_some() && offered().all(basic) => {
                Err(AskError::Basic)
            }
            Err(_) => Err(self.unauthorized()),
        }
    }

    async fn post(&mut self, service: &Service, operation: &Operation) -> Result<Answer, AskError> {
        let what = operation.name;
        let with_token = !operation.is_open && !self.has_digest;
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
        let late = |_| AskError::Timeout {
            what,
            seconds: limit.as_secs().max(1),
        };
        timeout(limit, post.send()).await.map_err(late)?
    }
}

fn now() -> DateTime<Utc> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let since = since.unwrap_or_default();
    DateTime::from_timestamp(since.as_secs() as i64, since.subsec_nanos()).unwrap_or_default()
}
