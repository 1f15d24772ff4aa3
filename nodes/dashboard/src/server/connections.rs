//! The connections of the server, on threads of their own.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

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
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::from::From;
use super::places::Places;
use super::progress::Progress;

/// Threads of the server.
const THREADS: usize = 2;
/// A request's head, a TLS handshake, and the time between two requests of a connection.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// A connection that takes no byte of an answer for so long is gone.
const TAKE_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const MOST_HEAD: usize = 32 << 10;
/// Headers of a request.
const MOST_HEADERS: usize = 64;
/// Bytes that the system keeps of what is sent; it takes twice as much. What waits there cannot be
/// dropped any more: by default it is megabytes, minutes of video for a slow viewer.
const SEND_BUFFER: u32 = 128 << 10;
/// Connections that wait to be taken.
const BACKLOG: u32 = 1024;
/// After a failure to take a connection, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the log says that connections cannot be taken.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// How long the server has for its end.
const END_WITHIN: Duration = Duration::from_millis(500);

/// A port that is listened on; whoever connects waits until it is served.
pub(crate) struct Listener {
    pub address: SocketAddr,
    listener: TcpListener,
    runtime: Runtime,
}

impl Listener {
    /// # Errors
    /// The address cannot be listened on, or there can be no threads.
    pub fn bind(address: SocketAddr) -> Result<Self, StageError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("server")
            .enable_all()
            .build()
            .map_err(|error| StageError::resource(format!("cannot start threads: {error}")))?;
        let inside = runtime.enter();
        let listener = listen(address).map_err(|error| unheard(address, &error))?;
        let address = listener
            .local_addr()
            .map_err(|error| unheard(address, &error))?;
        drop(inside);
        Ok(Self {
            address,
            listener,
            runtime,
        })
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // As the standard library does: a port whose last connections are not yet forgotten is free.
    socket.set_reuseaddr(true)?;
    // Connections have it from the socket that takes them.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The running server; it ends when it is dropped.
pub(crate) struct Server {
    pub address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Server {
    /// Serves.
    pub fn start(listener: Listener, router: Router, encrypted: Option<TlsAcceptor>) -> Self {
        let Listener {
            address,
            listener,
            runtime,
        } = listener;
        runtime.spawn(accept(listener, router, encrypted));
        Self {
            address,
            runtime: Some(runtime),
        }
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
    let places = Places::new();
    let mut warnings = Seldom::default();
    loop {
        let Some(free) = places.free().await else {
            return;
        };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if warnings.may(Instant::now()) {
                    warn!("a connection cannot be taken: {error}");
                }
                sleep(PAUSE).await;
                continue;
            }
        };
        let Some(place) = places.take(free, from.ip()) else {
            if warnings.may(Instant::now()) {
                warn!(%from, "too many connections from this address: the new one is closed");
            }
            continue;
        };
        let (router, encrypted) = (router.clone(), encrypted.clone());
        tokio::spawn(async move {
            connection(stream, from, router, encrypted).await;
            drop(place);
        });
    }
}

/// Warnings whose cause may last.
#[derive(Default)]
struct Seldom(Option<Instant>);

impl Seldom {
    /// Whether there may be one now.
    fn may(&mut self, now: Instant) -> bool {
        let is_over = |last: Instant| now.saturating_duration_since(last) >= WARN_EVERY;
        let may = self.0.is_none_or(is_over);
        if may {
            self.0 = Some(now);
        }
        may
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
    let stream = Progress::new(stream, TAKE_WITHIN);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_whose_cause_lasts_are_few() {
        let now = Instant::now();
        let mut warnings = Seldom::default();
        assert!(warnings.may(now) && !warnings.may(now));
        assert!(warnings.may(now + WARN_EVERY) && !warnings.may(now + WARN_EVERY));
    }
}
