//! The server: the page, its state, its WebSockets.

mod answer;
mod assets;
mod budget;
mod cameras;
mod clips;
mod connections;
mod edits;
mod events;
mod from;
mod guard;
mod kept_login;
mod listed;
mod login;
mod places;
mod progress;
mod range;
mod rule_edits;
mod rules;
mod seldom;
mod socket;
mod test_camera;
mod tls;
mod token;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, http::Uri};
use camweave_stage::StageError;
use serde::Deserialize;

use crate::clips::Clips;
use crate::settings::{DashboardSettings, Tls};
use crate::state::Published;
use crate::viewers::Viewers;
use connections::Listener;
use from::From;
use login::{Access, Door};
use token::Token;

pub(crate) use connections::Server;

/// Bytes of a request's body.
const MOST_BODY: usize = 64 << 10;
/// An answer is made within this time, the reading of the request's body included. A look at a
/// camera takes up to half a minute, with both clients twice that. It is made when its head is: how
/// long a body takes that is made as it is sent, as a clip is, is left to `connections::TAKE_WITHIN`.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);

/// What the handlers need.
struct Shared {
    published: Published,
    viewers: Arc<Viewers>,
    /// Where a token is needed.
    door: Option<Door>,
    is_local: bool,
    is_encrypted: bool,
}

/// The door of the page at this port, where it needs a token. A new token is known only now, so it
/// is printed before anything else can fail.
///
/// # Errors
/// It cannot be read or stored.
fn door(settings: &DashboardSettings, port: u16) -> Result<Option<Door>, StageError> {
    if let Some(file) = &settings.token_file {
        return Ok(Some(Door::new(Token::from_file(file)?, port)));
    }
    if settings.is_local()? {
        return Ok(None);
    }
    let (token, new) = Token::stored(&settings.state)?;
    if let Some(new) = new {
        tracing::info!(
            "the page's token, which is shown once and not stored: {}",
            new.expose()
        );
    }
    Ok(Some(Door::new(token, port)))
}

/// `cameras`, `rules`: the files that pages may change.
fn router(
    shared: Arc<Shared>,
    cameras: Option<&std::path::Path>,
    rules: Option<&std::path::Path>,
    clips: Option<Arc<Clips>>,
) -> Router {
    let changes = Arc::default();
    let edits = cameras.map_or_else(Router::new, |path| edits::routes(path, &changes));
    let rules = rules.map_or_else(rule_edits::none, |path| rule_edits::routes(path, &changes));
    Router::new()
        .route("/", get(async || assets::file("index.html")))
        .route(
            "/assets/{name}",
            get(async |Path(name): Path<String>| assets::file(&name)),
        )
        .route("/login", post(log_in))
        .route("/api/state", get(state))
        .route("/api/history", get(history))
        .route("/ws", get(open_socket))
        .with_state(Arc::clone(&shared))
        .merge(events::routes(Arc::clone(&shared.published.events)))
        .merge(clips.map_or_else(clips::none, clips::routes))
        .merge(edits)
        .merge(rules)
        .fallback(async |uri: Uri| {
            let line = format!("there is no {}", camweave_redact::printable(uri.path()));
            answer::error(StatusCode::NOT_FOUND, &line)
        })
        .method_not_allowed_fallback(async || {
            answer::error(StatusCode::METHOD_NOT_ALLOWED, "not with this method")
        })
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(middleware::from_fn_with_state(shared, enter))
}

/// What every request passes through.
async fn enter(
    State(shared): State<Arc<Shared>>,
    Extension(From(from)): Extension<From>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let is_socket = path == "/ws";
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let checked = guard::check(method, uri, headers, shared.is_local, is_socket);
    // The page itself has no secret, and shows the login.
    let needs_login = path.starts_with("/api/") || is_socket;
    let access = match &shared.door {
        Some(door) if needs_login => door.access(headers, from.ip(), Instant::now()),
        _ => Access::Granted,
    };
    let mut response = match (checked, access) {
        (Err(refused), _) => answer::error(StatusCode::FORBIDDEN, refused.line()),
        (Ok(()), Access::Denied) => {
            answer::error(StatusCode::UNAUTHORIZED, "the page needs its token")
        }
        (Ok(()), Access::TooOften) => too_often(),
        (Ok(()), Access::Granted) => tokio::time::timeout(ANSWER_WITHIN, next.run(request))
            .await
            .unwrap_or_else(|_| {
                answer::error(StatusCode::REQUEST_TIMEOUT, "the request took too long")
            }),
    };
    answer::secure(response.headers_mut());
    response
}

fn too_often() -> Response {
    let mut response = answer::error(
        StatusCode::TOO_MANY_REQUESTS,
        "too many wrong tokens from this address: try again in a minute",
    );
    let wait = HeaderValue::from_static("60");
    response.headers_mut().insert(header::RETRY_AFTER, wait);
    response
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

async fn log_in(
    State(shared): State<Arc<Shared>>,
    Extension(From(from)): Extension<From>,
    body: Bytes,
) -> Response {
    let Ok(login) = serde_json::from_slice::<Login>(&body) else {
        return answer::error(StatusCode::BAD_REQUEST, r#"expected {"token": "..."}"#);
    };
    let token = login.token.trim();
    let Some(door) = &shared.door else {
        return StatusCode::NO_CONTENT.into_response();
    };
    match door.log_in(token, from.ip(), Instant::now()) {
        Access::Granted => {
            let cookie = door.set_cookie(token, shared.is_encrypted);
            (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
        }
        Access::Denied => answer::error(StatusCode::UNAUTHORIZED, "the token is wrong"),
        Access::TooOften => too_often(),
    }
}

async fn state(State(shared): State<Arc<Shared>>) -> Response {
    let state = shared.published.state.borrow().to_string();
    answer::json(StatusCode::OK, state)
}

/// Whose history is asked for; all cameras' where none is named.
#[derive(Deserialize)]
struct Whose {
    camera: Option<String>,
}

async fn history(
    State(shared): State<Arc<Shared>>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Response {
    let camera = match &whose {
        Ok(Query(whose)) => whose.camera.as_deref(),
        Err(_) => return answer::error(StatusCode::BAD_REQUEST, "expected ?camera=ID, or none"),
    };
    answer::json(StatusCode::OK, shared.published.history(camera))
}

async fn open_socket(
    State(shared): State<Arc<Shared>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(refused) => {
            return answer::error(StatusCode::BAD_REQUEST, &refused.to_string());
        }
    };
    let upgrade = upgrade
        .max_message_size(socket::MOST_BYTES)
        .max_frame_size(socket::MOST_BYTES);
    match shared.viewers.join() {
        Ok(joined) => {
            let states = shared.published.state.clone();
            let events = shared.published.events.subscribe();
            upgrade.on_upgrade(move |socket| socket::run(socket, joined, states, events))
        }
        Err(most) => upgrade.on_upgrade(move |socket| socket::refuse(socket, most)),
    }
}

/// Opens the page.
///
/// # Errors
/// The address is taken, or the settings cannot be used.
pub(crate) fn open(
    settings: &DashboardSettings,
    published: Published,
    viewers: Arc<Viewers>,
    clips: Option<Arc<Clips>>,
) -> Result<Server, StageError> {
    // First of all: a port that is taken leaves no trace of this start.
    let listener = Listener::bind(settings.address()?)?;
    let encrypted = tls::acceptor(settings)?;
    let door = door(settings, listener.address.port())?;
    let is_local = settings.is_local()?;
    if !is_local && encrypted.is_none() {
        tracing::warn!("the page is not encrypted, and browsers show no video on it (TLS: off)");
    }
    let shared = Arc::new(Shared {
        published,
        viewers,
        door,
        is_local,
        is_encrypted: settings.encryption()? != Tls::Off,
    });
    Ok(Server::start(
        listener,
        router(shared, settings.cameras(), settings.rules(), clips),
        encrypted,
    ))
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
