//! The services over HTTP.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use roxmltree::Document;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::answers::{Answer, answer, fault, is_open};
use super::config::Proof;
use super::devices::Devices;
use super::token;

/// Bytes of a request.
const REQUEST_BYTES: usize = 64 * 1024;
/// How long a connection is kept, busy or not.
const CONNECTION_TIME: Duration = Duration::from_secs(30);

pub(super) async fn serve(listener: TcpListener, devices: Arc<Devices>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                while connections.try_join_next().is_some() {}
                connections.spawn(connection(stream, Arc::clone(&devices)));
            }
            Err(error) => {
                // Out of descriptors, most likely: others may free some.
                tracing::warn!(%error, "connection not accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, devices: Arc<Devices>) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let respond = service_fn(|request| {
        let devices = Arc::clone(&devices);
        async move { Ok::<_, Infallible>(respond(request, &devices, local.ip()).await) }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), respond);
    if let Ok(Err(error)) = timeout(CONNECTION_TIME, served).await {
        tracing::debug!(%error, "connection ended");
    }
}

async fn respond(
    request: Request<Incoming>,
    devices: &Devices,
    local: IpAddr,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES).collect().await;
    let body = body.map(Collected::to_bytes).unwrap_or_default();
    let authorization = head.headers.get(AUTHORIZATION);
    let authorization = authorization.and_then(|it| it.to_str().ok());
    let method = head.method.as_str();
    let proof = authorization.map(|it| (method, it));
    let (status, text) = answered(devices, head.uri.path(), &body, proof, local);
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status.try_into().unwrap_or_default();
    let headers = response.headers_mut();
    if let Ok(value) = "application/soap+xml; charset=utf-8".parse() {
        headers.insert(CONTENT_TYPE, value);
    }
    if status == 401
        && let Ok(value) = devices.challenge.header().parse()
    {
        headers.insert(WWW_AUTHENTICATE, value);
    }
    response
}

/// `proof`: method and `Authorization` of the request.
fn answered(
    devices: &Devices,
    path: &str,
    body: &[u8],
    proof: Option<(&str, &str)>,
    local: IpAddr,
) -> Answer {
    let Some((device, _)) = devices.find(path) else {
        return (404, String::new());
    };
    let text = String::from_utf8_lossy(body);
    let Ok(document) = Document::parse(&text) else {
        return fault(400, "ter:WellFormed", "the request is not XML");
    };
    let envelope = document.root_element();
    let body = envelope
        .children()
        .find(|it| it.tag_name().name() == "Body");
    let operation = body.and_then(|it| it.children().find(roxmltree::Node::is_element));
    let Some(operation) = operation else {
        return fault(400, "ter:TagMismatch", "the request has no operation");
    };
    if let Some(credentials) = &devices.credentials
        && !is_open(operation.tag_name().name())
    {
        match devices.config.proof {
            Proof::Token if !token::accepts(envelope, credentials, devices.now()) => {
                return fault(400, "ter:NotAuthorized", "Sender not Authorized");
            }
            Proof::HttpDigest
                if !proof.is_some_and(|(method, text)| {
                    devices.challenge.accepts(text, method, path, credentials)
                }) =>
            {
                return (401, String::new());
            }
            _ => {}
        }
    }
    answer(devices, device, operation, local)
}
