//! The routes of the events.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::answer;
use crate::events::{self, Events};

/// An image never changes, and its address is that of one event.
const KEEP: &str = "private, max-age=3600, immutable";

pub(crate) fn routes(events: Arc<Events>) -> Router {
    Router::new()
        .route("/api/events", get(find))
        .route("/api/events/{event}/image", get(image))
        .with_state(events)
}

async fn find(
    State(events): State<Arc<Events>>,
    query: Result<Query<events::Query>, QueryRejection>,
) -> Response {
    match query {
        Ok(Query(query)) => answer::json(StatusCode::OK, events.find(&query)),
        Err(_) => answer::error(
            StatusCode::BAD_REQUEST,
            "expected any of camera, class, kind, rule (text), since, until (Unix milliseconds), before and limit (numbers)",
        ),
    }
}

async fn image(State(events): State<Arc<Events>>, Path(event): Path<String>) -> Response {
    match events.image(&event) {
        Some(jpeg) => {
            let head = [
                (header::CONTENT_TYPE, "image/jpeg"),
                (header::CACHE_CONTROL, KEEP),
            ];
            (StatusCode::OK, head, jpeg).into_response()
        }
        None => answer::error(StatusCode::NOT_FOUND, "there is no image of this event"),
    }
}
