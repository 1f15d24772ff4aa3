//! The connections of the server, on threads of their own.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use camweave_stage::StageError;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::from::From;

/// Threads of the server.
const THREADS: usize = 2;
/// Connections at once, of all viewers; a page has a few.
const MOST_CONNECTIONS: usize = 2048;
/// A request's head, a TLS handshake, and the time between two requests of a connection.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// Bytes of a request's head.
const MOST_HEAD: usize = 32 << 10;
/// Headers of a request.
const MOST_HEADERS: usize = 64;
/// After a failure to take a connection, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the server has for its end.
const END_WITHIN: Duration = Duration::from_millis(500);

/// The running server; it ends when it is dropped.
pub(crate) struct Server {
    pub address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Server {
    /// Listens and serves.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn start(
        address: SocketAddr,
        router: Router,
        encrypted: Option<TlsAcceptor>,
    ) -> Result<Self, StageError> {
        let refuse = |error: &std::io::Error| unheard(address, error);
        let listener = StdListener::bind(address).map_err(|error| refuse(&error))?;
        listener
            .set_nonblocking(true)
            .map_err(|error| refuse(&error))?;
        let address = listener.local_addr().map_err(|error| refuse(&error))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("server")
            .enable_all()
            .build()
            .map_err(|error| StageError::resource(format!("cannot start threads: {error}")))?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).map_err(|error| refuse(&error))?
        };
        runtime.spawn(accept(listener, router, encrypted));
        Ok(Self {
            address,
            runtime: Some(runtime),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(END_WITHIN);
        }
    }
}

fn unheard(address: SocketAddr, error: &std::io::Error) -> StageError {
    let port = address.port();
    let advice = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "another program listens there: 'ss -ltnp sport = :{port}' names it; set another port"
        ),
        ErrorKind::PermissionDenied => "ports below 1024 are for root: set another".to_owned(),
        ErrorKind::AddrNotAvailable => {
            "this machine does not have that address: 'ip addr' lists those it has".to_owned()
        }
        _ => format!("{error}"),
    };
    StageError::configuration(format!("env LISTEN='{address}': no page: {advice}"))
}

async fn accept(listener: TcpListener, router: Router, encrypted: Option<TlsAcceptor>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!("a connection cannot be taken: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        let (router, encrypted) = (router.clone(), encrypted.clone());
        tokio::spawn(async move {
            connection(stream, from, router, encrypted).await;
            drop(place);
        });
    }
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    router: Router,
    encrypted: Option<TlsAcceptor>,
) {
    // What is sent is whole messages.
    drop(stream.set_nodelay(true));
    let Some(encrypted) = encrypted else {
        return serve(stream, from, router).await;
    };
    match timeout(HEAD_WITHIN, encrypted.accept(stream)).await {
        Ok(Ok(stream)) => serve(stream, from, router).await,
        Ok(Err(error)) => debug!(%from, "no TLS: {error}"),
        Err(_) => debug!(%from, "no TLS in time"),
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    from: SocketAddr,
    router: Router,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(From(from));
        router.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MOST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        debug!(%from, "connection: {error}");
    }
}
