//! The routes that change `cameras.yml`, where the graph names one.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tracing::info;

use super::answer;
use super::cameras::{Added, Changed, File, Refusal};
use super::from::From;
use super::listed::Listed;
use super::seldom::{Seldom, seldom};
use super::test_camera::{self, Tested};

/// Cameras that are tested at once.
const TESTS: usize = 2;
/// The last part of the route of a test.
const TEST: &str = "test";

/// What the routes need.
pub(crate) struct Edits {
    file: File,
    tests: Arc<Semaphore>,
}

/// The routes.
pub(crate) fn routes(path: &std::path::Path, changes: &Arc<Seldom>) -> Router {
    let edits = Arc::new(Edits {
        file: File::new(path),
        tests: Arc::new(Semaphore::new(TESTS)),
    });
    let seldom = middleware::from_fn_with_state(Arc::clone(changes), seldom);
    Router::new()
        .route("/api/cameras", get(list).post(add))
        .route("/api/cameras/{id}", post(test).patch(change).delete(remove))
        .route_layer(seldom)
        .with_state(edits)
}

impl axum::response::IntoResponse for Refusal {
    fn into_response(self) -> Response {
        answer::error(self.status, &self.line)
    }
}

pub(super) fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal {
        status: StatusCode::BAD_REQUEST,
        line: format!("the request's JSON: {}", kind(&error)),
    })
}

/// What is wrong, without a value: it may be a password.
fn kind(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!(
        "{:?} error in line {line}, column {column}",
        error.classify()
    )
    .to_lowercase()
}

/// What pages are answered. Not by way of a `serde_json::Value`, in which a coordinate of 0.6 becomes
/// 0.6000000238418579.
#[derive(Serialize)]
struct Answer {
    cameras: Vec<Listed>,
}

/// Works on the file, on a thread that may wait.
async fn on_file(
    edits: &Arc<Edits>,
    work: impl FnOnce(&File) -> Result<Vec<Listed>, Refusal> + Send + 'static,
) -> Result<String, Refusal> {
    let file = edits.file.clone();
    let failed = |line: String| Refusal {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        line,
    };
    let cameras = tokio::task::spawn_blocking(move || work(&file)).await;
    let cameras = cameras.map_err(|_| failed("the change failed".to_owned()))??;
    serde_json::to_string(&Answer { cameras }).map_err(|error| failed(error.to_string()))
}

fn changed(what: &str, id: &str, from: SocketAddr) {
    let id = camweave_redact::printable(id);
    info!(camera = %id, %from, "a page has {what} a camera");
}

async fn list(State(edits): State<Arc<Edits>>) -> Response {
    match on_file(&edits, File::list).await {
        Ok(cameras) => answer::json(StatusCode::OK, cameras),
        Err(refused) => refused.into_response(),
    }
}

async fn add(
    State(edits): State<Arc<Edits>>,
    Extension(From(from)): Extension<From>,
    bytes: Bytes,
) -> Result<Response, Refusal> {
    let added: Added = body(&bytes)?;
    let id = added.id.clone();
    let cameras = on_file(&edits, move |file| file.add(&added)).await?;
    changed("added", &id, from);
    Ok(answer::json(StatusCode::CREATED, cameras))
}

async fn change(
    State(edits): State<Arc<Edits>>,
    Extension(From(from)): Extension<From>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Response, Refusal> {
    let wanted: Changed = body(&bytes)?;
    let camera = id.clone();
    let cameras = on_file(&edits, move |file| file.change(&camera, &wanted)).await?;
    changed("changed", &id, from);
    Ok(answer::json(StatusCode::OK, cameras))
}

async fn remove(
    State(edits): State<Arc<Edits>>,
    Extension(From(from)): Extension<From>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let camera = id.clone();
    let cameras = on_file(&edits, move |file| file.remove(&camera)).await?;
    changed("removed", &id, from);
    Ok(answer::json(StatusCode::OK, cameras))
}

async fn test(
    State(edits): State<Arc<Edits>>,
    Path(last): Path<String>,
    bytes: Bytes,
) -> Result<Response, Refusal> {
    if last != TEST {
        return Err(Refusal {
            status: StatusCode::METHOD_NOT_ALLOWED,
            line: "not with this method".to_owned(),
        });
    }
    let tested: Tested = body(&bytes)?;
    let Ok(place) = Arc::clone(&edits.tests).try_acquire_owned() else {
        return Err(Refusal {
            status: StatusCode::TOO_MANY_REQUESTS,
            line: format!("{TESTS} cameras are being tested: try again when one is done"),
        });
    };
    let found = test_camera::run(&edits.file, tested, place).await?;
    Ok(answer::json(StatusCode::OK, found))
}
