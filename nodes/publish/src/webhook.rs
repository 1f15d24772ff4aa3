//! Delivery to a webhook: one request per row, in order, each until it is taken.

use std::time::Duration;

use camweave_redact::{KnownSecrets, Secret, SecretUrl};
use camweave_spool::Record;
use camweave_stage::StageError;
use camweave_stage::telemetry::clock;
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use tokio::time::sleep;

use crate::attempts::Attempts;
use crate::failure::{Failure, Reason, is_tls};
use crate::payload::{Bodies, Payload};
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
    bodies: Bodies,
    attempts: Attempts,
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
            // Nor is it for a proxy that the environment happens to name.
            .no_proxy()
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
            bodies: Bodies::new(shape),
            attempts: Attempts::default(),
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
            match self.post(record, record.number).await {
                Ok(Outcome::Taken) => {
                    queue.connected();
                    queue.delivered(next, 1);
                }
                Ok(Outcome::Refused(why)) => queue.refused(next, &why),
                Err(failure) => self.look_further(queue, record, failure).await?,
            }
        }
    }

    /// Of a row that is not taken again and again, the fault may be its own, and may be the receiver's: it
    /// is its own where the next row is taken, and this one still is not. Then it is left out.
    async fn look_further(
        &mut self,
        queue: &Queue,
        doubted: &Record,
        failure: Failure,
    ) -> Result<(), Failure> {
        let number = doubted.number;
        let may_be_its_own = match failure.reason {
            Reason::Rejected => failure.wait.is_none(),
            Reason::Timeout | Reason::Connection => true,
            Reason::Tls | Reason::Authorization | Reason::Protocol | Reason::Spool => false,
        };
        if !may_be_its_own || !self.attempts.fail(number) {
            return Err(failure);
        }
        let further = queue.read(number + 1, 1)?;
        let Some(record) = further.first() else {
            // It holds up no other.
            return Err(failure);
        };
        if !matches!(self.post(record, number).await, Ok(Outcome::Taken)) {
            return Err(failure);
        }
        queue.connected();
        // The receiver may have come back between the two: late is better than never.
        match self.post(doubted, number).await {
            Ok(Outcome::Taken) => queue.delivered(number + 1, 1),
            _ => queue.refused(number + 1, &failure.detail),
        }
        queue.delivered(record.number + 1, 1);
        Ok(())
    }

    /// Sends a row; `next` is the number of the first one that is not delivered.
    async fn post(&mut self, record: &Record, next: u64) -> Result<Outcome, Failure> {
        let payload: Payload = match serde_json::from_slice(&record.bytes) {
            Ok(payload) => payload,
            Err(error) => {
                return Ok(Outcome::Refused(format!(
                    "not a payload of this version: {error}"
                )));
            }
        };
        let body = self.bodies.of(record, &payload, next);
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
    let line = format!("it answers with {}", status.as_u16());
    let (reason, line) = match status {
        // It has a row of this id already: an answer was lost.
        _ if status.is_success() || status == StatusCode::CONFLICT => return Ok(Outcome::Taken),
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => return Ok(Outcome::Refused(line)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (Reason::Authorization, line),
        StatusCode::GONE => {
            let line = format!("{line}: the address is gone for good, expected another in TO");
            (Reason::Rejected, line)
        }
        _ if status.is_redirection() => {
            let line =
                format!("{line}: redirects are not followed, expected the final address in TO");
            (Reason::Rejected, line)
        }
        _ => (Reason::Rejected, line),
    };
    let header = answer.headers().get(RETRY_AFTER);
    let wait = header.and_then(|it| retry_after(it.to_str().ok()?, Utc::now()));
    Err(Failure {
        wait,
        ..Failure::new(reason, line)
    })
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
