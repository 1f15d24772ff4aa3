//! One request over HTTP, and its answer, bounded in bytes. The caller bounds its time.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT, WWW_AUTHENTICATE};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::error::AskError;
use crate::service::Service;
use crate::tls;

/// Bytes of a status line and headers.
const HEAD_BYTES: usize = 32 * 1024;
/// Challenges of a status 401 that are looked at.
const CHALLENGES: usize = 8;

/// What is sent.
pub(crate) struct Post<'a> {
    /// For errors.
    pub what: &'static str,
    pub host: IpAddr,
    pub service: &'a Service,
    pub content_type: String,
    pub authorization: Option<String>,
    pub body: String,
    pub answer_bytes: usize,
}

/// What came back.
pub(crate) struct Answer {
    pub status: u16,
    /// The headers `WWW-Authenticate`.
    pub challenges: Vec<String>,
    pub body: String,
}

impl Post<'_> {
    /// Sends it over a connection of its own: many devices close theirs after an answer.
    pub async fn send(self) -> Result<Answer, AskError> {
        let address = SocketAddr::new(self.host, self.service.port);
        let failed = |source| AskError::Connect {
            address: address.to_string(),
            source,
        };
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        match self.service.is_tls {
            false => self.over(stream, address).await,
            true => {
                let stream = tls::connect(stream, self.host).await;
                let stream = stream.map_err(AskError::Tls)?;
                self.over(stream, address).await
            }
        }
    }

    async fn over(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        address: SocketAddr,
    ) -> Result<Answer, AskError> {
        let what = self.what;
        let broken = |error: &dyn std::error::Error| AskError::Http {
            what,
            detail: error.to_string(),
        };
        let (mut requests, connection) = hyper::client::conn::http1::Builder::new()
            // Of some cameras neither the headers nor their reading are those of the standard.
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .title_case_headers(true)
            .max_buf_size(HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        // Ends with this function.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.service.path)
            .header(HOST, address.to_string())
            .header(USER_AGENT, "camweave")
            .header(CONNECTION, "close")
            .header(CONTENT_TYPE, self.content_type);
        if let Some(authorization) = self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(Bytes::from(self.body)));
        let request = request.map_err(|error| broken(&error))?;
        let response = requests.send_request(request).await;
        let (head, body) = response.map_err(|error| broken(&error))?.into_parts();
        let challenges = head.headers.get_all(WWW_AUTHENTICATE).iter();
        let challenges = challenges
            .take(CHALLENGES)
            .map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
        let challenges = challenges.collect();
        let body = Limited::new(body, self.answer_bytes).collect().await;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => AskError::TooLarge {
                what,
                limit_bytes: self.answer_bytes,
            },
            false => broken(&*error),
        })?;
        Ok(Answer {
            status: head.status.as_u16(),
            challenges,
            body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        })
    }
}
