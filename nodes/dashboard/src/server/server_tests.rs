use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use camweave_redact::Secret;
use camweave_stage::Context;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};

use super::*;
use crate::events::Events;
use crate::viewers::Way;

#[path = "clips_tests.rs"]
mod of_clips;
#[path = "events_tests.rs"]
mod of_events;

fn listener() -> Listener {
    Listener::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port")
}

/// A server on a free port, as an address of its own would have it: with or without a token.
struct Bench {
    server: Server,
    viewers: Arc<Viewers>,
    events: Arc<Events>,
    token: Option<Secret>,
    _context: Context,
}

impl Bench {
    fn new(needs_token: bool, most: usize) -> Self {
        Self::with_cameras(needs_token, most, None)
    }

    fn with_cameras(needs_token: bool, most: usize, cameras: Option<&std::path::Path>) -> Self {
        Self::with(needs_token, most, cameras, None)
    }

    fn with_clips(needs_token: bool, clips: Arc<Clips>) -> Self {
        Self::with(needs_token, 1, None, Some(clips))
    }

    fn with(
        needs_token: bool,
        most: usize,
        cameras: Option<&std::path::Path>,
        clips: Option<Arc<Clips>>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let context = Context::for_tests("dashboard", folder.path());
        let viewers = Arc::new(Viewers::new(most, context.waker()));
        let measured = crate::hub::Shared::default();
        let events = Arc::new(Events::default());
        let (own, events_own) = (Arc::clone(&viewers), Arc::clone(&events));
        let published = crate::state::publish(&context, measured, own, events_own);
        let listener = listener();
        let (door, token) = if needs_token {
            let (token, text) = Token::stored(folder.path()).expect("writable");
            let door = Door::new(token, listener.address.port());
            (Some(door), text)
        } else {
            (None, None)
        };
        let shared = Arc::new(Shared {
            published: published.expect("a thread"),
            viewers: Arc::clone(&viewers),
            door,
            is_local: !needs_token,
            is_encrypted: false,
        });
        Self {
            server: Server::start(listener, router(shared, cameras, None, clips), None),
            viewers,
            events,
            token,
            _context: context,
        }
    }

    /// Sends a request of these lines; status and answer.
    fn ask(&self, lines: &[&str], body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.server.address).expect("it listens");
        let mut request = lines.join("\r\n");
        if !lines.iter().any(|line| line.starts_with("Host:")) {
            request += &format!("\r\nHost: {}", self.server.address);
        }
        if !lines.iter().any(|line| line.starts_with("Content-Length:")) {
            request += &format!("\r\nContent-Length: {}", body.len());
        }
        request += "\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it reads");
        // A refused body is not read to its end.
        drop(stream.write_all(body.as_bytes()));
        let mut bytes = Vec::new();
        drop(stream.read_to_end(&mut bytes));
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
        (status.unwrap_or(0), answer)
    }

    fn socket(&self, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
        let url = format!("ws://{}/ws", self.server.address);
        let mut request = url.into_client_request().expect("a URL");
        for (name, value) in headers {
            let value = value.parse().expect("a header");
            request.headers_mut().insert(*name, value);
        }
        let stream = TcpStream::connect(self.server.address).expect("it listens");
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }
}

type Socket = tungstenite::WebSocket<TcpStream>;

/// The next text, and where the socket was closed, its code.
fn next(socket: &mut Socket) -> Result<String, u16> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => return Ok(text.to_string()),
            Ok(Message::Close(frame)) => return Err(frame.map_or(0, |it| it.code.into())),
            Ok(_) => {}
            Err(_) => return Err(0),
        }
    }
}

fn closed_with(socket: &mut Socket) -> u16 {
    loop {
        if let Err(code) = next(socket) {
            return code;
        }
    }
}

#[test]
fn every_answer_keeps_the_page_to_itself() {
    let bench = Bench::new(false, 1);
    for line in [
        "GET / HTTP/1.1",
        "GET /nothing HTTP/1.1",
        "GET /api/state HTTP/1.1",
        "GET /api/history HTTP/1.1",
        "DELETE / HTTP/1.1",
        "GET /assets/../Cargo.toml HTTP/1.1",
    ] {
        let (_, answer) = bench.ask(&[line], "");
        let head = answer.split("\r\n\r\n").next().expect("a head");
        assert!(head.contains("default-src 'none'"), "{line}: {head}");
        assert!(!head.contains("unsafe-inline"), "{line}: {head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{line}");
        assert!(head.contains("referrer-policy: no-referrer"), "{line}");
    }
    assert_eq!(bench.ask(&["GET / HTTP/1.1"], "").0, 200);
    assert_eq!(bench.ask(&["GET /nothing HTTP/1.1"], "").0, 404);
    assert_eq!(bench.ask(&["GET /api/cameras HTTP/1.1"], "").0, 404);
    let (status, answer) = bench.ask(&["GET /api/history HTTP/1.1"], "");
    assert_eq!(status, 200);
    assert!(answer.contains(r#""step_s":10"#), "{answer}");
    let (status, answer) = bench.ask(&["GET /api/history?camera=gate HTTP/1.1"], "");
    assert_eq!(status, 200);
    assert!(answer.ends_with(r#""cameras":{}}"#), "{answer}");
    let (status, answer) = bench.ask(&["GET /api/history?camera=a&camera=b HTTP/1.1"], "");
    assert_eq!(status, 400, "{answer}");
}

#[test]
fn another_name_reaches_no_page_of_this_machine() {
    let bench = Bench::new(false, 1);
    let ask = |host| bench.ask(&["GET /api/state HTTP/1.1", host], "").0;
    assert_eq!(ask("Host: localhost"), 200);
    assert_eq!(ask("Host: evil.example"), 403);
    assert_eq!(bench.socket(&[("host", "evil.example")]).err(), Some(403));
}

#[test]
fn nothing_is_shown_without_the_token() {
    let bench = Bench::new(true, 4);
    let token = bench.token.as_ref().expect("it is new").expose();
    for line in ["GET /api/state HTTP/1.1", "GET /api/history HTTP/1.1"] {
        let (status, answer) = bench.ask(&[line], "");
        assert_eq!(status, 401, "{answer}");
        assert!(answer.contains(r#"{"error":"#), "{answer}");
    }
    assert_eq!(bench.socket(&[]).err(), Some(401));
    assert_eq!(
        bench.ask(&["GET / HTTP/1.1"], "").0,
        200,
        "it shows the login"
    );
    let log_in = |token: &str| {
        let body = serde_json::json!({ "token": token }).to_string();
        bench.ask(&["POST /login HTTP/1.1"], &body)
    };
    let (status, answer) = log_in(token);
    assert_eq!(status, 204, "{answer}");
    assert!(!answer.contains(token), "the cookie is another value");
    let cookie = answer.split("set-cookie: ").nth(1).expect("a cookie");
    let cookie = format!("Cookie: {}", cookie.split(';').next().expect("a pair"));
    let bearer = format!("Authorization: Bearer {token}");
    for header in [&cookie, &bearer] {
        assert_eq!(bench.ask(&["GET /api/state HTTP/1.1", header], "").0, 200);
    }
    let (_, value) = cookie.split_once(": ").expect("a header");
    let mut socket = bench.socket(&[("cookie", value)]).expect("logged in");
    let hello = next(&mut socket).expect("a text");
    assert!(hello.contains(r#""protocol":1"#), "{hello}");
    for _ in 0..10 {
        assert_eq!(log_in("wrong").0, 401);
    }
    assert_eq!(log_in("wrong").0, 429);
    assert_eq!(log_in(token).0, 429, "from this address");
    assert_eq!(bench.ask(&["GET /api/state HTTP/1.1", &cookie], "").0, 200);
}

#[test]
fn other_sites_reach_nothing() {
    let bench = Bench::new(true, 4);
    let evil = "Origin: https://evil.example";
    let body = r#"{"token":"x"}"#;
    assert_eq!(bench.ask(&["POST /login HTTP/1.1", evil], body).0, 403);
    assert_eq!(
        bench.socket(&[("origin", "https://evil.example")]).err(),
        Some(403)
    );
    let own = format!("Origin: http://{}", bench.server.address);
    assert_eq!(bench.ask(&["POST /login HTTP/1.1", &own], body).0, 401);
}

#[test]
fn what_is_too_large_or_no_request_is_refused() {
    let bench = Bench::new(true, 4);
    let large = "x".repeat(MOST_BODY + 1);
    assert_eq!(bench.ask(&["POST /login HTTP/1.1"], &large).0, 413);
    assert_eq!(bench.ask(&["POST /login HTTP/1.1"], "{}").0, 400);
    assert_eq!(bench.ask(&["GET /login HTTP/1.1"], "").0, 405);
    let many: Vec<String> = (0..200).map(|number| format!("X-{number}: 1")).collect();
    let mut lines = vec!["GET / HTTP/1.1"];
    lines.extend(many.iter().map(String::as_str));
    assert_eq!(bench.ask(&lines, "").0, 431);
    let long = format!("X: {}", "x".repeat(64 << 10));
    assert_eq!(bench.ask(&["GET / HTTP/1.1", &long], "").0, 431);
}

#[test]
fn a_socket_that_misbehaves_is_closed() {
    let bench = Bench::new(false, 4);
    let open = || bench.socket(&[]).expect("it is open");
    let mut socket = open();
    socket.send(Message::text("{}")).expect("open");
    assert_eq!(closed_with(&mut socket), 1008);
    let mut socket = open();
    socket.send(Message::binary(vec![1])).expect("open");
    assert_eq!(closed_with(&mut socket), 1003);
    let mut socket = open();
    drop(socket.send(Message::text("x".repeat(socket::MOST_BYTES + 1))));
    closed_with(&mut socket);
    let mut socket = open();
    for _ in 0..200 {
        drop(socket.send(Message::text(r#"{"type":"watch","cameras":[]}"#)));
    }
    assert_eq!(closed_with(&mut socket), 1008);
    while bench.viewers.count() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_page_asks_for_each_camera_in_its_own_way() {
    let bench = Bench::new(false, 1);
    let mut socket = bench.socket(&[]).expect("a place");
    let cameras = r#"[{"id":"gate","way":"mse"},{"id":"yard","way":"video"}]"#;
    let watch = format!(r#"{{"type":"watch","cameras":{cameras}}}"#);
    socket.send(Message::text(watch)).expect("open");
    let wanted = loop {
        let open = bench.viewers.take_changed().unwrap_or_default();
        if let Some(wanted) = open.iter().find_map(|viewer| viewer.take_wanted()) {
            break wanted;
        }
        std::thread::yield_now();
    };
    let ways = wanted.iter().map(|it| (&*it.id, it.way));
    assert!(ways.eq([("gate", Way::Mse), ("yard", Way::Video)]));
}

#[test]
fn pages_beyond_the_limit_are_told_so() {
    let bench = Bench::new(false, 1);
    let mut first = bench.socket(&[]).expect("a place");
    next(&mut first).expect("hello");
    let mut second = bench.socket(&[]).expect("it is told");
    let text = next(&mut second).expect("a text");
    assert!(
        text.contains(r#""type":"error""#) && text.contains("1 pages"),
        "{text}"
    );
    assert_eq!(closed_with(&mut second), 1013);
    let state = next(&mut first).expect("the state");
    assert!(
        state.contains(r#""type":"state""#) || state == "null",
        "{state}"
    );
    drop(first);
    while bench.viewers.count() > 0 {
        std::thread::yield_now();
    }
    assert!(bench.socket(&[]).is_ok());
}

#[test]
fn a_taken_port_is_an_error_in_one_line() {
    let bench = Bench::new(false, 1);
    let error = Listener::bind(bench.server.address);
    let error = error.err().expect("it is taken").message;
    let port = bench.server.address.port();
    assert!(
        error.contains(&format!("LISTEN='127.0.0.1:{port}'")),
        "{error}"
    );
    assert!(error.contains("another program listens"), "{error}");
    assert_eq!(error.lines().count(), 1);
}

#[test]
fn a_start_that_cannot_listen_makes_no_token_that_nobody_was_shown() {
    let taken = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
    let folder = tempfile::tempdir().expect("a folder");
    let settings = DashboardSettings {
        listen: taken.local_addr().expect("bound").to_string(),
        state: folder.path().to_owned(),
        ..DashboardSettings::default()
    };
    let context = Context::for_tests("dashboard", folder.path());
    let viewers = Arc::new(Viewers::new(1, context.waker()));
    let measured = crate::hub::Shared::default();
    let published = crate::state::publish(&context, measured, Arc::clone(&viewers), Arc::default());
    let opened = open(&settings, published.expect("a thread"), viewers, None);
    assert!(opened.is_err());
    let (_, new) = Token::stored(folder.path()).expect("writable");
    assert!(new.is_some(), "the next start has one to show");
}

#[test]
fn an_encrypted_page_is_read_with_its_certificate_and_not_without() {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};

    let folder = tempfile::tempdir().expect("a folder");
    let settings = DashboardSettings {
        tls: Tls::SelfSigned,
        state: folder.path().to_owned(),
        ..DashboardSettings::default()
    };
    let encrypted = tls::acceptor(&settings).expect("a certificate");
    let page = Router::new().route("/", get(async || "the page"));
    let server = Server::start(listener(), page, encrypted);
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    let own = CertificateDer::from_pem_file(folder.path().join("tls-cert.pem"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(own.expect("PEM")).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    let mut encrypted = rustls::Stream::new(&mut client, &mut stream);
    encrypted.write_all(request).expect("it is trusted");
    let mut answer = Vec::new();
    drop(encrypted.read_to_end(&mut answer));
    assert!(
        answer.ends_with(b"the page"),
        "{}",
        String::from_utf8_lossy(&answer)
    );

    let mut plain = TcpStream::connect(server.address).expect("it listens");
    plain.write_all(request).expect("it is taken");
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer));
    assert!(!answer.windows(8).any(|it| it == b"the page"));
}

#[test]
fn cameras_are_changed_by_those_who_have_the_token_and_no_password_comes_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cameras.yml");
    let text = "cameras:\n  - {id: gate, url: 'rtsp://anna:t0psecret@127.0.0.1:9/x'}\n";
    std::fs::write(&path, text).expect("writable");
    let bench = Bench::with_cameras(true, 1, Some(&path));
    let token = bench.token.as_ref().expect("it is new").expose();
    let bearer = format!("Authorization: Bearer {token}");
    let own = format!("Origin: http://{}", bench.server.address);
    let add = r#"{"id":"yard","fields":{"url":"rtsp://127.0.0.1:9/y","detect_fps":5}}"#;
    let evil = "Origin: https://evil.example";
    let post = "POST /api/cameras HTTP/1.1";
    assert_eq!(bench.ask(&[post], add).0, 401);
    assert_eq!(bench.ask(&[post, &bearer, evil], add).0, 403);
    assert_eq!(std::fs::read_to_string(&path).expect("readable"), text);
    let (status, answer) = bench.ask(&[post, &bearer, &own], add);
    assert_eq!(status, 201, "{answer}");
    let mut answers = vec![answer];
    for (line, body, expected) in [
        ("GET /api/cameras HTTP/1.1", "", 200),
        (
            "PATCH /api/cameras/yard HTTP/1.1",
            r#"{"unset":["detect_fps"]}"#,
            200,
        ),
        ("PATCH /api/cameras/none HTTP/1.1", "{}", 404),
        (
            "PATCH /api/cameras/yard HTTP/1.1",
            r#"{"set":{"id":null}}"#,
            400,
        ),
        ("POST /api/cameras/test HTTP/1.1", r#"{"id":"none"}"#, 404),
        ("POST /api/cameras/test HTTP/1.1", r#"{"id":"gate"}"#, 502),
        (
            "POST /api/cameras/test HTTP/1.1",
            r#"{"id":"gate","set":{"detect_fps":"often"}}"#,
            422,
        ),
        (
            "PATCH /api/cameras/gate HTTP/1.1",
            r#"{"set":{"transport":"udp"},"version":"an older one"}"#,
            412,
        ),
        ("POST /api/cameras/yard HTTP/1.1", "{}", 405),
        ("DELETE /api/cameras/yard HTTP/1.1", "", 200),
        ("DELETE /api/cameras/gate HTTP/1.1", "", 409),
        ("DELETE /api/cameras/none HTTP/1.1", "", 404),
    ] {
        let (status, answer) = bench.ask(&[line, &bearer], body);
        assert_eq!(status, expected, "{line}: {answer}");
        answers.push(answer);
    }
    for answer in answers {
        assert!(
            !answer.contains("t0psecret") && !answer.contains("anna"),
            "{answer}"
        );
    }
    assert_eq!(std::fs::read_to_string(&path).expect("readable"), text);
}

/// A file of one camera, which takes connections and says nothing.
fn silent_camera(folder: &std::path::Path) -> (std::net::TcpListener, std::path::PathBuf) {
    let camera = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = camera.local_addr().expect("bound");
    let path = folder.join("cameras.yml");
    let text = format!("cameras:\n  - {{id: gate, url: 'rtsp://{address}/x'}}\n");
    std::fs::write(&path, text).expect("writable");
    (camera, path)
}

#[test]
fn a_test_of_a_camera_keeps_its_place_when_its_page_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (camera, path) = silent_camera(folder.path());
    let bench = Bench::with_cameras(false, 1, Some(&path));
    let body = r#"{"id":"gate"}"#;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut page = TcpStream::connect(bench.server.address).expect("it listens");
        let head = format!(
            "POST /api/cameras/test HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
            bench.server.address,
            body.len()
        );
        page.write_all(head.as_bytes()).expect("it reads");
        // The test has begun.
        open.push(camera.accept().expect("a connection"));
        page.shutdown(std::net::Shutdown::Both).expect("open");
    }
    // The server has seen that the pages are gone when it has answered others.
    for _ in 0..20 {
        assert_eq!(bench.ask(&["GET /api/cameras HTTP/1.1"], "").0, 200);
    }
    let (status, answer) = bench.ask(&["POST /api/cameras/test HTTP/1.1"], body);
    assert_eq!(status, 429, "{answer}");
    assert!(answer.contains("2 cameras are being tested"), "{answer}");
}

#[test]
fn changes_are_few_and_their_values_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_camera, path) = silent_camera(folder.path());
    let bench = Bench::with_cameras(false, 1, Some(&path));
    let line = "PATCH /api/cameras/gate HTTP/1.1";
    let long = format!(r#"{{"set":{{"password":"{}"}}}}"#, "x".repeat(3 << 10));
    let (status, answer) = bench.ask(&[line], &long);
    assert_eq!(status, 422);
    assert!(
        answer.contains("'password' has 3072 bytes, expected at most 2048"),
        "{answer}"
    );
    assert!(!answer.contains("xxx"), "{answer}");
    let mut refused = 0;
    while bench.ask(&[line], "{").0 != 429 {
        refused += 1;
        assert!(refused < 100_000, "changes without end");
    }
    assert!(refused >= 19);
    assert_eq!(bench.ask(&["GET /api/cameras HTTP/1.1"], "").0, 200);
}
