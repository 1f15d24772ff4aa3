//! How often pages may change something.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::answer;
use super::budget::Budget;

/// Changes and tests: so many at once, and so many a second on average, of all pages.
const BURST: u32 = 20;
const PER_SECOND: u32 = 2;

/// What is left of it.
pub(crate) struct Seldom(Mutex<Budget>);

impl Default for Seldom {
    fn default() -> Self {
        Self(Mutex::new(Budget::new(BURST, PER_SECOND, Instant::now())))
    }
}

/// Lets no more changes through than people make: each writes a file, or connects somewhere.
pub(crate) async fn seldom(
    State(seldom): State<Arc<Seldom>>,
    request: Request,
    next: Next,
) -> Response {
    let takes = || {
        let mut budget = seldom.0.lock().unwrap_or_else(PoisonError::into_inner);
        budget.takes(Instant::now())
    };
    if request.method() == Method::GET || takes() {
        return next.run(request).await;
    }
    answer::error(
        StatusCode::TOO_MANY_REQUESTS,
        "too many changes at once: try again in some seconds",
    )
}
