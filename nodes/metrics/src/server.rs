//! One page over HTTP, on a thread of its own, with bounds for whoever asks.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use camweave_metrics::Format;
use camweave_stage::StageError;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::source::Source;

/// Connections at once; further ones wait.
const CONNECTIONS: usize = 16;
/// A request's head, and the time between two requests of a connection.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// A connection lasts for so long at most: a scrape takes milliseconds.
const CONNECTION_AT_MOST: Duration = Duration::from_secs(600);
const MOST_HEAD: usize = 16 << 10;
/// After a failure to take a connection, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// The running server; it ends when it is dropped.
pub(crate) struct Server {
    pub address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Server {
    /// # Errors
    /// The address cannot be listened on, or there can be no thread.
    pub fn start(address: SocketAddr, source: Source) -> Result<Self, StageError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(2)
            .thread_name("server")
            .enable_all()
            .build()
            .map_err(|error| StageError::resource(format!("cannot start threads: {error}")))?;
        let unheard = |error: std::io::Error| {
            let advice = match error.kind() {
                ErrorKind::AddrInUse => {
                    "another program listens there: set another port".to_owned()
                }
                _ => error.to_string(),
            };
            StageError::configuration(format!("env LISTEN='{address}': no metrics: {advice}"))
        };
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .map_err(unheard)?;
        let address = listener.local_addr().map_err(unheard)?;
        runtime.spawn(accept(listener, source));
        Ok(Self {
            address,
            runtime: Some(runtime),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, source: Source) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, from)) => {
                let source = source.clone();
                tokio::spawn(async move {
                    let served = timeout(CONNECTION_AT_MOST, serve(stream, source)).await;
                    debug!(%from, ?served, "connection");
                    drop(place);
                });
            }
            Err(error) => {
                warn!("a connection cannot be taken: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, source: Source) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let source = source.clone();
        async move { Ok::<_, Infallible>(answer(&request, source).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn plain(status: StatusCode, line: &str) -> Response<String> {
    let mut answer = Response::new(format!("{line}\n"));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

async fn answer(request: &Request<Incoming>, source: Source) -> Response<String> {
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "metrics are at /metrics");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "expected GET");
        let allowed = HeaderValue::from_static("GET, HEAD");
        answer.headers_mut().insert(ALLOW, allowed);
        return answer;
    }
    let accept = request.headers().get(ACCEPT);
    let format = Format::asked(accept.and_then(|it| it.to_str().ok()));
    // Files are read.
    let page = tokio::task::spawn_blocking(move || source.page(format)).await;
    let Ok(page) = page else {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the page could not be made",
        );
    };
    let mut answer = Response::new(page);
    let kind = HeaderValue::from_static(format.content_type());
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
