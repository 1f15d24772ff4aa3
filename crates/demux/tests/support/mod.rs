//! Servers on the loopback interface, and media made by the `ffmpeg` command.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_demux::{
    Interrupt, LiveError, LiveOptions, LiveRead, LiveSource, Protocol, RtspTransport,
};

/// Runs the `ffmpeg` command.
pub fn ffmpeg(arguments: &[&str]) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(arguments)
        .output()
        .expect("the ffmpeg command (Debian package ffmpeg)");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments:?}: {text}");
}

/// `count` pictures of 25 a second, coded as `encoder` says.
pub fn make(path: &Path, count: u32, encoder: &[&str]) {
    let source = "testsrc2=size=320x180:rate=25";
    let frames = count.to_string();
    let mut arguments = vec!["-f", "lavfi", "-i", source, "-frames:v", &frames];
    arguments.extend(encoder);
    let path = path.to_str().expect("a path of plain text");
    arguments.push(path);
    ffmpeg(&arguments);
}

/// JPEG pictures.
pub fn jpegs(folder: &Path, count: u32) -> Vec<Vec<u8>> {
    make(
        &folder.join("%d.jpg"),
        count,
        &["-c:v", "mjpeg", "-q:v", "5", "-f", "image2"],
    );
    (1..=count)
        .map(|it| std::fs::read(folder.join(format!("{it}.jpg"))).expect("a picture"))
        .collect()
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

/// Answers each connection on a thread of its own, until the test ends.
pub fn serve(answer: impl Fn(TcpStream, Vec<String>) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let mut lines = Vec::new();
                let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                loop {
                    let mut line = String::new();
                    match reader.read_line(&mut line) {
                        Ok(0) | Err(_) => return,
                        Ok(_) if line.trim().is_empty() => break,
                        Ok(_) => lines.push(line.trim().to_owned()),
                    }
                }
                answer(stream, lines);
            });
        }
    });
    port
}

/// Serves the files of a folder over HTTP, and notes what is asked for.
pub fn serve_files(files: HashMap<String, Vec<u8>>) -> u16 {
    serve(move |mut stream, request| {
        let path = request[0].split(' ').nth(1).unwrap_or_default().to_owned();
        let _ = match files.get(path.trim_start_matches('/')) {
            Some(body) => write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            )
            .and_then(|()| stream.write_all(body)),
            None => stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            ),
        };
    })
}

/// An HTTP camera: parts of `multipart/x-mixed-replace`, one every `pause`; then `at_end`.
pub fn serve_mjpeg(
    pictures: Vec<Vec<u8>>,
    pause: Duration,
    at_end: impl Fn(&mut TcpStream) + Send + Sync + 'static,
) -> u16 {
    serve(move |mut stream, _| {
        let _ = stream.write_all(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=cam\r\n\r\n",
        );
        for picture in &pictures {
            let head = format!(
                "--cam\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
                picture.len()
            );
            let sent = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(picture))
                .and_then(|()| stream.write_all(b"\r\n"));
            if sent.is_err() {
                return;
            }
            std::thread::sleep(pause);
        }
        at_end(&mut stream);
    })
}

/// A command that ends with the test.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The `ffmpeg` command as a server.
pub fn serve_ffmpeg(arguments: &[&str]) -> Server {
    let child = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the ffmpeg command (Debian package ffmpeg)");
    Server(child)
}

/// What the `ffmpeg` command lists for an option such as `-protocols`.
pub fn ffmpeg_has(option: &str, name: &str) -> bool {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-hide_banner", option])
        .output()
        .expect("the ffmpeg command (Debian package ffmpeg)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().any(|word| word == name)
}

pub fn options(url: &str) -> LiveOptions {
    let scheme = url.split("://").next().unwrap_or_default();
    LiveOptions {
        protocol: Protocol::of_scheme(scheme).expect("a known scheme"),
        transport: RtspTransport::default(),
        connect_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(5),
    }
}

pub fn open(url: &str) -> Result<LiveSource, LiveError> {
    quiet();
    LiveSource::open(url, options(url), &Interrupt::default())
}

/// As [`open`], again and again for up to 10 s: a server of another process must come up first.
pub fn open_when_up(url: &str) -> LiveSource {
    let give_up = Instant::now() + Duration::from_secs(10);
    loop {
        match open(url) {
            Ok(source) => return source,
            Err(error) => assert!(Instant::now() < give_up, "{url}: {error:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn quiet() {
    ffmpeg_next::init().expect("FFmpeg starts");
    camweave_demux::silence();
}

/// All access units up to the end, and why it ended.
pub fn read_all(source: &mut LiveSource) -> (Vec<camweave_demux::AccessUnit>, LiveError) {
    let mut units = Vec::new();
    loop {
        match source.read() {
            Ok(LiveRead::Unit(unit)) => units.push(unit),
            Ok(LiveRead::Damaged(_)) => {}
            Err(error) => return (units, error),
        }
    }
}

pub fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder for the test's files");
    let path = folder.path().to_owned();
    (folder, path)
}
