//! The routes of `rules.yml`, where the graph names one to the dashboard.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, patch};
use serde::Deserialize;
use tracing::info;

use super::answer;
use super::cameras::Refusal;
use super::edits::body;
use super::from::From;
use super::rules::{Added, Changed, File, Shown};
use super::seldom::{Seldom, seldom};

/// Which rule is to go.
#[derive(Deserialize)]
struct Removed {
    version: String,
}

/// The routes.
pub(crate) fn routes(path: &std::path::Path, changes: &Arc<Seldom>) -> Router {
    let seldom = middleware::from_fn_with_state(Arc::clone(changes), seldom);
    Router::new()
        .route("/api/rules", get(list).post(add))
        .route("/api/rules/{index}", patch(change).delete(remove))
        .route_layer(seldom)
        .with_state(File::new(path))
}

/// Where the graph names no file: pages ask all the same, and are told so.
pub(crate) fn none() -> Router {
    let none = async || answer::json(StatusCode::OK, r#"{"rules":null}"#);
    Router::new().route("/api/rules", get(none))
}

/// Works on the file, on a thread that may wait.
async fn on_file(
    file: File,
    work: impl FnOnce(&File) -> Result<Vec<Shown>, Refusal> + Send + 'static,
) -> Result<String, Refusal> {
    let failed = |_| Refusal {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        line: "the change failed".to_owned(),
    };
    let rules = tokio::task::spawn_blocking(move || work(&file)).await;
    let rules = rules.map_err(failed)??;
    Ok(serde_json::json!({ "rules": rules }).to_string())
}

fn changed(what: &str, from: SocketAddr) {
    info!(%from, "a page has {what} a rule");
}

async fn list(State(file): State<File>) -> Result<Response, Refusal> {
    let rules = on_file(file, File::list).await?;
    Ok(answer::json(StatusCode::OK, rules))
}

async fn add(
    State(file): State<File>,
    Extension(From(from)): Extension<From>,
    bytes: Bytes,
) -> Result<Response, Refusal> {
    let added: Added = body(&bytes)?;
    let rules = on_file(file, move |file| file.add(&added)).await?;
    changed("added", from);
    Ok(answer::json(StatusCode::CREATED, rules))
}

async fn change(
    State(file): State<File>,
    Extension(From(from)): Extension<From>,
    Path(index): Path<usize>,
    bytes: Bytes,
) -> Result<Response, Refusal> {
    let wanted: Changed = body(&bytes)?;
    let rules = on_file(file, move |file| file.change(index, &wanted)).await?;
    changed("changed", from);
    Ok(answer::json(StatusCode::OK, rules))
}

async fn remove(
    State(file): State<File>,
    Extension(From(from)): Extension<From>,
    Path(index): Path<usize>,
    bytes: Bytes,
) -> Result<Response, Refusal> {
    let Removed { version } = body(&bytes)?;
    let rules = on_file(file, move |file| file.remove(index, &version)).await?;
    changed("removed", from);
    Ok(answer::json(StatusCode::OK, rules))
}
