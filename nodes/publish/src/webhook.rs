//! Delivery to a webhook: one request per row, in order, each until it is taken.

use std::time::Duration;

use camweave_redact::{KnownSecrets, Secret, SecretUrl};
use camweave_stage::StageError;
use camweave_stage::telemetry::clock;
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use tokio::time::sleep;

use crate::failure::{Failure, Reason, is_tls};
use crate::payload::{Frigate, Payload};
use crate::queue::Queue;
use crate::settings::Shape;
use crate::signature::Signer;

/// What a receiver may ask for with `Retry-After`.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// How often a queue without news is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How the receiver knows this node.
pub(crate) enum Login {
    None,
    Basic(String, Secret),
    Bearer(Secret),
}

/// An address that takes requests.
pub(crate) struct Webhook {
    client: Client,
    url: SecretUrl,
    login: Login,
    signer: Option<Signer>,
    shape: Shape,
    frigate: Frigate,
    hidden: KnownSecrets,
}

/// What a receiver has made of a row.
enum Outcome {
    Taken,
    Refused(String),
}

impl Webhook {
    /// # Errors
    /// There can be no client.
    pub fn new(
        url: SecretUrl,
        tls: rustls::ClientConfig,
        login: Login,
        signer: Option<Signer>,
        shape: Shape,
        timeout: Duration,
    ) -> Result<Self, StageError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(timeout)
            .connect_timeout(timeout)
            // A signed request is for the receiver that was named.
            .redirect(Policy::none())
            .user_agent(concat!("camweave/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| StageError::internal(format!("no HTTP client: {error}")))?;
        let mut hidden = url.secrets();
        match &login {
            Login::None => {}
            Login::Basic(user, password) => hidden.add(&Secret::from(user.clone()), password),
            Login::Bearer(token) => hidden.add_token(token),
        }
        Ok(Self {
            client,
            url,
            login,
            signer,
            shape,
            frigate: Frigate::default(),
            hidden,
        })
    }

    /// Delivers until the queue is closed and empty.
    pub async fn run(&mut self, queue: &Queue) -> Result<(), Failure> {
        loop {
            let records = queue.read(queue.next(), 1)?;
            let Some(record) = records.first() else {
                if queue.is_closing() {
                    return Ok(());
                }
                tokio::select! {
                    () = queue.news.notified() => {}
                    () = sleep(LOOK_EVERY) => {}
                }
                continue;
            };
            let next = record.number + 1;
            match self.post(&record.bytes).await? {
                Outcome::Taken => {
                    queue.connected();
                    queue.delivered(next, 1);
                }
                Outcome::Refused(why) => queue.refused(next, &why),
            }
        }
    }

    async fn post(&mut self, bytes: &[u8]) -> Result<Outcome, Failure> {
        let payload: Payload = match serde_json::from_slice(bytes) {
            Ok(payload) => payload,
            Err(error) => {
                return Ok(Outcome::Refused(format!(
                    "not a payload of this version: {error}"
                )));
            }
        };
        let body = match self.shape {
            Shape::Camweave => bytes.to_vec(),
            Shape::Frigate => self.frigate.of(&payload).to_string().into_bytes(),
        };
        let seconds = (clock::unix_nanos() / 1_000_000_000).to_string();
        let mut request = self
            .client
            .post(self.url.expose().clone())
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", &payload.id)
            .header("webhook-id", &payload.id)
            .header("webhook-timestamp", &seconds);
        if let Some(signer) = &self.signer {
            let signature = signer.sign(&payload.id, &seconds, &body);
            request = request.header("webhook-signature", signature);
        }
        request = match &self.login {
            Login::None => request,
            Login::Basic(user, password) => request.basic_auth(user, Some(password.expose())),
            Login::Bearer(token) => request.bearer_auth(token.expose()),
        };
        let answer = request.body(body).send().await;
        judge(&answer.map_err(|error| self.unsent(&error))?)
    }

    fn unsent(&self, error: &reqwest::Error) -> Failure {
        let reason = if error.is_timeout() {
            Reason::Timeout
        } else if is_tls(error) {
            Reason::Tls
        } else {
            Reason::Connection
        };
        // The last cause says it; those in front of it quote the URL.
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let line = match reason {
            Reason::Timeout => "no answer in time".to_owned(),
            _ => self.hidden.hide(&cause.to_string()),
        };
        Failure::new(reason, line)
    }
}

/// What a status says: that the row is taken, that this row never will be, or to try again.
fn judge(answer: &Response) -> Result<Outcome, Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(Outcome::Taken);
    }
    let line = format!("it answers with {}", status.as_u16());
    match status {
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Ok(Outcome::Refused(line)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(Failure::new(Reason::Authorization, line))
        }
        _ => {
            let header = answer.headers().get(RETRY_AFTER);
            let wait = header.and_then(|it| retry_after(it.to_str().ok()?, Utc::now()));
            Err(Failure {
                wait,
                ..Failure::new(Reason::Rejected, line)
            })
        }
    }
}

/// `Retry-After`: seconds, or a date.
fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(value).ok()?;
            (date.with_timezone(&Utc) - now)
                .to_std()
                .unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_left_alone_for_as_long_as_it_asks_within_bounds() {
        let now = DateTime::parse_from_rfc3339("2026-10-21T07:28:00Z").expect("a date");
        let now = now.with_timezone(&Utc);
        for (value, seconds) in [
            ("7", Some(7)),
            ("Wed, 21 Oct 2026 07:28:30 GMT", Some(30)),
            ("Wed, 21 Oct 2026 07:27:30 GMT", Some(0)),
            ("99999999", Some(3600)),
            ("soon", None),
            ("-1", None),
        ] {
            let wait = retry_after(value, now);
            assert_eq!(wait, seconds.map(Duration::from_secs), "{value}");
        }
    }
}
