//! The routes of clips, where the graph names their folder to the dashboard.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::answer;
use super::range::{Wanted, wanted};
use crate::clips::{self, Clips, Part};

/// Bytes that are read at once.
const PIECE: u64 = 256 << 10;
/// Reads at once: of a disk that does not answer, further ones wait, and nothing else does.
const READS: usize = 16;

/// What the routes share.
struct Shelf {
    clips: Arc<Clips>,
    reads: Arc<Semaphore>,
}

/// The routes.
pub(crate) fn routes(clips: Arc<Clips>) -> Router {
    let reads = Arc::new(Semaphore::new(READS));
    Router::new()
        .route("/api/clips", get(find))
        .route("/api/clips/{stem}", get(one))
        .route("/api/clips/{stem}/video", get(video))
        .route("/api/clips/{stem}/sidecar", get(sidecar))
        .with_state(Arc::new(Shelf { clips, reads }))
}

/// Where the graph names no folder: pages ask all the same, and are told so.
pub(crate) fn none() -> Router {
    let none = async || answer::json(StatusCode::OK, r#"{"clips":null}"#);
    Router::new().route("/api/clips", get(none))
}

async fn find(
    State(shelf): State<Arc<Shelf>>,
    query: Result<Query<clips::Query>, QueryRejection>,
) -> Response {
    let found = query.ok().and_then(|Query(query)| shelf.clips.find(&query));
    match found {
        Some(found) => answer::json(StatusCode::OK, found),
        None => answer::error(
            StatusCode::BAD_REQUEST,
            "expected any of camera (text), since, until (Unix milliseconds), before (the name of a clip) and limit (a number)",
        ),
    }
}

async fn one(State(shelf): State<Arc<Shelf>>, Path(stem): Path<String>) -> Response {
    match shelf.clips.one(&stem) {
        Some(one) => answer::json(StatusCode::OK, one),
        None => missing(),
    }
}

fn missing() -> Response {
    answer::error(
        StatusCode::NOT_FOUND,
        "there is no such clip: it may have been removed",
    )
}

async fn video(
    State(shelf): State<Arc<Shelf>>,
    Path(stem): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let is_download = query.is_some_and(|it| it.split('&').any(|it| it == "download"));
    // Without a validator of ours nobody can know that what follows is of the same file.
    let range = match headers.contains_key(header::IF_RANGE) {
        true => None,
        false => headers.get(header::RANGE).and_then(|it| it.to_str().ok()),
    };
    send(&shelf, &stem, Part::Video, range, is_download).await
}

async fn sidecar(State(shelf): State<Arc<Shelf>>, Path(stem): Path<String>) -> Response {
    send(&shelf, &stem, Part::Sidecar, None, false).await
}

async fn send(
    shelf: &Arc<Shelf>,
    stem: &str,
    part: Part,
    range: Option<&str>,
    is_download: bool,
) -> Response {
    let (clips, name) = (Arc::clone(&shelf.clips), stem.to_owned());
    let opened = read(shelf, move || {
        let file = clips.open(&name, part)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    });
    let (file, length) = match opened.await {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return missing(),
        Err(error) => {
            // Only of a clip that is known: the name is one of ours.
            warn!("clip {stem} cannot be opened: {error}");
            return answer::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the clip cannot be opened",
            );
        }
    };
    let (status, bytes) = match wanted(range, length) {
        Wanted::All => (StatusCode::OK, 0..length),
        Wanted::Part(bytes) => (StatusCode::PARTIAL_CONTENT, bytes),
        Wanted::Unsatisfiable => {
            let mut response = answer::error(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "the clip has no such bytes",
            );
            put(
                &mut response,
                header::CONTENT_RANGE,
                &format!("bytes */{length}"),
            );
            return response;
        }
    };
    let kind = match part {
        Part::Video => "video/mp4",
        Part::Sidecar => "application/json",
    };
    let mut response = (status, body(shelf, file, bytes.clone())).into_response();
    put(&mut response, header::CONTENT_TYPE, kind);
    put(&mut response, header::CACHE_CONTROL, "no-store");
    let count = bytes.end - bytes.start;
    put(&mut response, header::CONTENT_LENGTH, &count.to_string());
    if part == Part::Video {
        put(&mut response, header::ACCEPT_RANGES, "bytes");
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let (first, last) = (bytes.start, bytes.end - 1);
        let range = format!("bytes {first}-{last}/{length}");
        put(&mut response, header::CONTENT_RANGE, &range);
    }
    if is_download {
        let file = format!("attachment; filename=\"{stem}.{}\"", part.extension());
        put(&mut response, header::CONTENT_DISPOSITION, &file);
    }
    response
}

fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
}

/// These bytes of the file, each piece read when the one before it has been taken.
fn body(shelf: &Arc<Shelf>, file: File, bytes: Range<u64>) -> Body {
    let (shelf, file) = (Arc::clone(shelf), Arc::new(file));
    let pieces = futures::stream::try_unfold(bytes, move |mut bytes| {
        let (shelf, file) = (Arc::clone(&shelf), Arc::clone(&file));
        async move {
            if bytes.is_empty() {
                return Ok(None);
            }
            let (at, most) = (bytes.start, (bytes.end - bytes.start).min(PIECE));
            let piece = read(&shelf, move || piece(&file, at, most)).await?;
            bytes.start += piece.len() as u64;
            io::Result::Ok(Some((piece, bytes)))
        }
    });
    Body::from_stream(pieces)
}

fn piece(file: &File, at: u64, most: u64) -> io::Result<Bytes> {
    let mut piece = vec![0; usize::try_from(most).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut piece, at)?;
    Ok(piece.into())
}

/// Works on a disk, on a thread that may wait.
async fn read<T: Send + 'static>(
    shelf: &Arc<Shelf>,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let reads = Arc::clone(&shelf.reads);
    let one = reads.acquire_owned().await.map_err(io::Error::other)?;
    let work = move || {
        let done = work();
        // Also where nobody waits for it any more.
        drop(one);
        done
    };
    spawn_blocking(work).await.map_err(io::Error::other)?
}
