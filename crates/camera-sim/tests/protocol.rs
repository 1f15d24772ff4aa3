//! What the server answers, byte by byte, to requests good and bad.
#![allow(
    clippy::unwrap_used,
    reason = "a test panics on what it does not expect"
)]

mod common;

use camweave_camera_sim::Simulator;
use camweave_camera_sim::nal::Codec;
use common::{camera, plain_clip, start};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

struct Client {
    connection: TcpStream,
    base: String,
    sequence: u32,
}

impl Client {
    async fn connect(simulator: &Simulator) -> Self {
        let connection = TcpStream::connect(simulator.address()).await.unwrap();
        Self {
            connection,
            base: format!("rtsp://{}", simulator.address()),
            sequence: 0,
        }
    }

    /// Sends a request for a path and gives the response.
    async fn ask(&mut self, method: &str, path: &str, headers: &[&str]) -> String {
        self.sequence += 1;
        let uri = if path == "*" {
            "*".to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        let mut request = format!("{method} {uri} RTSP/1.0\r\nCSeq: {}\r\n", self.sequence);
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        let response = self.send(&format!("{request}\r\n")).await;
        assert!(
            response.contains(&format!("\r\nCSeq: {}\r\n", self.sequence)),
            "{response}"
        );
        response
    }

    /// Sends bytes and gives the response up to the end of its headers; skips interleaved packets.
    async fn send(&mut self, bytes: &str) -> String {
        self.connection.write_all(bytes.as_bytes()).await.unwrap();
        loop {
            let first = self.connection.read_u8().await.unwrap();
            if first == b'$' {
                let _channel = self.connection.read_u8().await.unwrap();
                let len = self.connection.read_u16().await.unwrap();
                self.connection
                    .read_exact(&mut vec![0; usize::from(len)])
                    .await
                    .unwrap();
                continue;
            }
            let mut response = vec![first];
            while !response.ends_with(b"\r\n\r\n") {
                response.push(self.connection.read_u8().await.unwrap());
            }
            return String::from_utf8(response).unwrap();
        }
    }

    async fn status(&mut self, method: &str, path: &str, headers: &[&str]) -> u16 {
        status(&self.ask(method, path, headers).await)
    }
}

fn status(response: &str) -> u16 {
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

fn header<'a>(response: &'a str, name: &str) -> &'a str {
    let line = response
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {response}"))
}

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "Transport: RTP/AVP;unicast;client_port=41000-41001";

async fn cameras() -> Simulator {
    let clip = plain_clip(Codec::H264, 1);
    start(vec![camera("cam1", clip.clone()), camera("cam2", clip)]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_from_options_to_teardown() {
    let simulator = cameras().await;
    let mut client = Client::connect(&simulator).await;
    let options = client.ask("OPTIONS", "*", &[]).await;
    assert_eq!(
        header(&options, "Public"),
        "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
    );
    let setup = client.ask("SETUP", "/cam1/streamid=0", &[TCP]).await;
    assert!(header(&setup, "Transport").starts_with("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc="));
    let session = header(&setup, "Session");
    assert!(session.ends_with(";timeout=60"), "{session}");
    let session = format!("Session: {}", session.split(';').next().unwrap());
    let play = client
        .ask("PLAY", "/cam1/", &[&session, "Range: npt=0.000-"])
        .await;
    assert_eq!(status(&play), 200);
    let info = header(&play, "RTP-Info");
    let expected = format!("url={}/cam1/streamid=0;seq=", client.base);
    assert!(
        info.starts_with(&expected) && info.contains(";rtptime="),
        "{info}"
    );
    assert_eq!(
        client.status("GET_PARAMETER", "/cam1/", &[&session]).await,
        200
    );
    assert_eq!(
        client
            .status("SETUP", "/cam1/streamid=0", &[&session, TCP])
            .await,
        455
    );
    assert_eq!(client.status("TEARDOWN", "/cam1/", &[&session]).await, 200);
    assert_eq!(client.status("PLAY", "/cam1/", &[&session]).await, 454);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_the_right_status() {
    let simulator = cameras().await;
    let mut client = Client::connect(&simulator).await;
    for (method, path, headers, expected) in [
        ("DESCRIBE", "/nowhere", &[][..], 404),
        ("DESCRIBE", "/cam1/streamid=9", &[], 404),
        ("DESCRIBE", "/cam1", &["Accept: text/html"], 406),
        ("DESCRIBE", "/cam1", &["Require: com.example.flight"], 551),
        ("SETUP", "/nowhere/streamid=0", &[TCP], 404),
        ("SETUP", "/cam1", &[TCP], 459),
        ("SETUP", "/cam1/streamid=0", &[], 461),
        (
            "SETUP",
            "/cam1/streamid=0",
            &["Transport: RTP/AVP;multicast"],
            461,
        ),
        ("PLAY", "/cam1", &[], 454),
        ("PLAY", "/cam1", &["Session: 123"], 454),
        ("TEARDOWN", "/cam1", &[], 454),
        ("PAUSE", "/cam1", &[], 405),
        ("RECORD", "/cam1", &[], 405),
        ("ANNOUNCE", "/cam1", &[], 405),
        ("DANCE", "/cam1", &[], 501),
    ] {
        let response = client.ask(method, path, headers).await;
        assert_eq!(status(&response), expected, "{method} {path} {headers:?}");
        if expected == 405 {
            assert!(header(&response, "Allow").contains("DESCRIBE"));
        }
    }
    let with_body = client.ask("GET_PARAMETER", "/cam1", &["Content-Length: 4\r\n\r\nping"]);
    // The header above ends the request early: its blank line is sent twice, which is allowed.
    assert_eq!(status(&with_body.await), 451);
    let old = format!("OPTIONS {}/cam1 RTSP/2.0\r\nCSeq: 7\r\n\r\n", client.base);
    assert_eq!(status(&client.send(&old).await), 505);
    let unnumbered = format!("OPTIONS {}/cam1 RTSP/1.0\r\n\r\n", client.base);
    assert_eq!(status(&client.send(&unnumbered).await), 400);
    assert_eq!(
        status(&client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await),
        400
    );
    let mut rest = Vec::new();
    client.connection.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "closed after what is no RTSP");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_keep_to_their_camera_and_their_channels() {
    let simulator = cameras().await;
    let mut client = Client::connect(&simulator).await;
    let first = client.ask("SETUP", "/cam1/streamid=0", &[TCP]).await;
    let session = format!("Session: {}", header(&first, "Session"));
    assert_eq!(
        client
            .status("SETUP", "/cam2/streamid=0", &[&session, TCP])
            .await,
        459
    );
    assert_eq!(client.status("PLAY", "/cam2", &[&session]).await, 455);
    // The same channels for another session: the server gives others.
    let second = client.ask("SETUP", "/cam2/streamid=0", &[TCP]).await;
    assert!(
        header(&second, "Transport").contains("interleaved=2-3"),
        "{second}"
    );
    // Before PLAY a transport may be changed.
    let udp = client
        .ask("SETUP", "/cam1/streamid=0", &[&session, UDP])
        .await;
    let transport = header(&udp, "Transport");
    assert!(transport.starts_with("RTP/AVP;unicast;client_port=41000-41001;server_port="));
    let port = transport
        .split("server_port=")
        .nth(1)
        .unwrap()
        .split('-')
        .next()
        .unwrap();
    assert_eq!(
        port.parse::<u16>().unwrap() % 2,
        0,
        "RTP is on an even port"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbled_connections_do_not_disturb_others() {
    let simulator = cameras().await;
    for bytes in [
        &b"\0\0\0\0"[..],
        b"$\x00\xff\xff",
        b"SETUP rtsp://",
        &[0xff; 70_000],
        b"\r\n\r\n",
    ] {
        let mut connection = TcpStream::connect(simulator.address()).await.unwrap();
        // The server may close before it has read everything.
        let _ = connection.write_all(bytes).await;
    }
    let mut client = Client::connect(&simulator).await;
    assert_eq!(
        client
            .status("DESCRIBE", "/cam1", &["Accept: application/sdp"])
            .await,
        200
    );
}
