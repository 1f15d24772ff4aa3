//! An RTSP server that puts what it was sent, and escape sequences, into all of its answers.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a terminal would obey, and a reader be deceived by.
pub const HOSTILE: &str = "\x1b[31mRED\x1b]0;pwned\x07\u{202e}gnp\u{9b}2J";

/// Starts the server; its port. What it does is the first word of a URL's path:
/// - `echo`: 500 with user, password and the whole request as its reason;
/// - `ansi`: 454 with [`HOSTILE`] as its reason;
/// - `sdp`: a video whose codec is called by the request and [`HOSTILE`];
/// - `query`: 500 with the request's URL as its reason.
pub fn start() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A client that has gone is none of its business.
            std::thread::spawn(move || drop(serve(&connection)));
        }
    });
    port
}

fn serve(connection: &TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection).lines();
    loop {
        let mut request = Vec::new();
        for line in lines.by_ref() {
            let line = line?;
            if line.is_empty() {
                break;
            }
            request.push(line);
        }
        if request.is_empty() {
            return Ok(());
        }
        answer(connection, &request)?;
    }
}

fn answer(mut to: &TcpStream, request: &[String]) -> std::io::Result<()> {
    let header = |name: &str| {
        let mut found = request.iter().filter_map(|line| line.split_once(": "));
        let found = found.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    };
    let sequence = header("cseq").unwrap_or("1");
    let url = request[0].split(' ').nth(1).unwrap_or_default();
    let mode = url.split('/').nth(3).unwrap_or_default();
    let mode = mode.split('?').next().unwrap_or_default();
    let mut respond = |status: &str, headers: &str, body: &str| {
        let length = body.len();
        write!(
            to,
            "RTSP/1.0 {status}\r\nCSeq: {sequence}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        )
    };
    if mode == "ansi" {
        return respond(&format!("454 {HOSTILE}"), "", "");
    }
    if mode == "query" {
        return respond(&format!("500 {url} {}", request.join(" ")), "", "");
    }
    let Some(authorization) = header("authorization") else {
        let challenge = format!("WWW-Authenticate: Basic realm=\"{HOSTILE}\"\r\n");
        return respond("401 Unauthorized", &challenge, "");
    };
    let encoded = authorization.rsplit(' ').next().unwrap_or_default();
    let decoded = STANDARD.decode(encoded).unwrap_or_default();
    let pair = String::from_utf8_lossy(&decoded).into_owned();
    if mode == "sdp" {
        let name = format!("{pair}-{encoded}-{HOSTILE}");
        let body = format!(
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns={name}\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 {name}/90000\r\na=control:{name}\r\n"
        );
        return respond("200 OK", "Content-Type: application/sdp\r\n", &body);
    }
    respond(&format!("500 {pair} {}", request.join(" ")), "", "")
}
