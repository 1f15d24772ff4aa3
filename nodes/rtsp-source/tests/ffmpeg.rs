//! Cameras that FFmpeg's demuxer takes: by their URL, by `cameras.yml`, or because the RTSP client cannot.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use camweave_message::{CapturedClock, Codec, Unit};
use support::{Source, X264_B_FRAMES, camera, clip, folder, make, open, picture_hashes};

/// GStreamer's RTSP server in a process of its own.
struct GstServer {
    child: Child,
    port: u16,
}

impl GstServer {
    fn start(streams: &[&str], environment: &[(&str, &str)]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/gst_server.py");
        // The bindings belong to the system's Python, not to a virtual environment's.
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .args(streams)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the system's Python");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("a line of text");
        let port = line.trim().parse().unwrap_or_else(|_| {
            panic!("GStreamer's RTSP server does not start, expected the Debian packages python3-gi, gir1.2-gst-rtsp-server-1.0, glib-networking and the good and bad plugins: scripts/setup.sh installs them")
        });
        Self { child, port }
    }
}

impl Drop for GstServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const JPEG: &str = "jpeg=videotestsrc num-buffers=50 is-live=true ! video/x-raw,format=I420,width=320,height=180,framerate=25/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26";

fn mpeg4(folder: &Path) -> (String, Vec<String>) {
    let file = make(
        folder,
        "clip.mp4",
        50,
        &["-c:v", "mpeg4", "-g", "10", "-bf", "0"],
    );
    let launch = format!(
        "mpeg4=filesrc location=\"{}\" ! qtdemux ! mpeg4videoparse ! rtpmp4vpay name=pay0 pt=96",
        file.display()
    );
    (launch, support::hashes_of(&file))
}

/// The frames of the camera's first session, which has ended.
fn first_session(source: &Source, camera: &str) -> Vec<Unit> {
    let mut session = source.sessions(camera).swap_remove(0);
    session.retain(|unit| !unit.data.is_empty());
    session
}

/// Why FFmpeg has the camera, as the report says.
fn client(source: &Source, camera: &str) -> String {
    let facts = source.context.counters.report().facts;
    facts
        .get(&format!("client.{camera}"))
        .cloned()
        .unwrap_or_default()
}

#[test]
fn rtsp_of_mjpeg_and_mpeg4_goes_to_ffmpeg_because_the_rtsp_client_cannot() {
    let folder = folder();
    let (launch, hashes) = mpeg4(folder.path());
    let server = GstServer::start(&[JPEG, &launch], &[]);
    let yml: String = ["jpeg", "mpeg4"]
        .iter()
        .map(|id| {
            format!(
                "  - {{id: {id}, url: 'rtsp://127.0.0.1:{}/{id}'}}\n",
                server.port
            )
        })
        .collect();
    let mut source = open(&yml, &[]).expect("the stage");
    source.run_until("both have played once", |source| {
        source.has_ended("jpeg") && source.has_ended("mpeg4")
    });
    source.close();
    for (id, codec) in [("jpeg", Codec::Mjpeg), ("mpeg4", Codec::Mpeg4)] {
        let frames = first_session(&source, id);
        // FFmpeg gives an access unit once the next begins: the last one ends with the stream.
        assert!((49..=50).contains(&frames.len()), "{id}: {}", frames.len());
        assert!(frames.iter().all(|unit| unit.codec == codec), "{id}");
        assert!(frames[0].keyframe, "{id}");
        let why = client(&source, id);
        assert!(
            why.starts_with("ffmpeg (rtsp client: unsupported_codec"),
            "{why}"
        );
    }
    let jpeg = first_session(&source, "jpeg");
    assert!(
        jpeg.iter()
            .all(|it| it.keyframe && it.data.starts_with(&[0xff, 0xd8]))
    );
    let frames = first_session(&source, "mpeg4");
    let keyframes = frames.iter().filter(|unit| unit.keyframe).count();
    assert_eq!(keyframes, 5);
    // From its second keyframe on: the headers are in front of each.
    let found = picture_hashes(folder.path(), "found.m4v", &frames[10..]);
    assert_eq!(found[..], hashes[10..10 + found.len()]);
    assert!(found.len() >= 39);
    for pair in frames.windows(2) {
        let step = pair[1].id.pts_nanos - pair[0].id.pts_nanos;
        assert!((step - 40_000_000).abs() < 100_000, "{step}");
    }
}

#[test]
fn rtsps_with_a_password_that_is_never_printed() {
    let folder = folder();
    let (launch, hashes) = mpeg4(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (key, certificate) = (path("key.pem"), path("certificate.pem"));
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ])
        .stderr(Stdio::null())
        .status()
        .expect("the openssl command (Debian package openssl)");
    assert!(made.success());
    let server = GstServer::start(
        &[&launch],
        &[
            ("TLS_CERTIFICATE", &certificate),
            ("TLS_KEY", &key),
            ("USER_PASSWORD", "anna:s3cr:t/@%20x"),
        ],
    );
    let url = format!("rtsps://127.0.0.1:{}/mpeg4", server.port);
    let yml = format!(
        "  - {{id: good, url: '{url}', username: anna, password: 's3cr:t/@%20x'}}\n  - {{id: wrong, url: '{url}', username: anna, password: 's3cret'}}\n"
    );
    let mut source = open(&yml, &[]).expect("the stage");
    source.run_until("one has played, the other was refused", |source| {
        source.has_ended("good") && source.errors("wrong", "unauthorized") > 0
    });
    source.close();
    let frames = first_session(&source, "good");
    assert!(frames.len() >= 49, "{}", frames.len());
    let found = picture_hashes(folder.path(), "found.m4v", &frames);
    assert_eq!(found[..], hashes[..found.len()]);
    assert_eq!(source.state("wrong"), "offline: unauthorized");
    let report = format!("{:?}", source.context.counters.report());
    assert!(!report.contains("s3cr"), "{report}");
}

#[test]
fn a_camera_set_to_ffmpeg_has_its_own_clock() {
    let folder = folder();
    let file = make(folder.path(), "clip.mp4", 50, X264_B_FRAMES);
    let cameras = support::Cameras::start(
        vec![camera("cam", &clip(&file), Some(50), &[])],
        Some("anna:s3cret"),
        0,
    );
    let yml = format!(
        "  - {{id: cam, url: 'rtsp://anna:s3cret@127.0.0.1:{}/cam', client: ffmpeg}}\n",
        cameras.port()
    );
    let mut source = open(&yml, &[]).expect("the stage");
    source.run_until("it has played", |source| source.has_ended("cam"));
    source.close();
    let frames = first_session(&source, "cam");
    assert!((49..=50).contains(&frames.len()), "{}", frames.len());
    assert_eq!(client(&source, "cam"), "ffmpeg (client: ffmpeg)");
    let found = picture_hashes(folder.path(), "found.h264", &frames);
    let hashes = support::hashes_of(&file);
    assert_eq!(found[..40], hashes[..40]);
    // The simulated camera sends its reports from the first packet on.
    let t0 = cameras.t0_unix_nanos();
    let late = &frames[frames.len() - 1].id;
    assert_eq!(late.captured_clock, CapturedClock::SenderReport);
    for unit in &frames[1..] {
        if unit.id.captured_clock == CapturedClock::SenderReport {
            let since = unit.id.captured_unix_nanos - t0;
            let off = (since - unit.id.pts_nanos).abs();
            assert!(off < 2_000_000, "{off} ns off");
        }
    }
}

#[test]
fn http_mjpeg_streams_stalls_and_comes_back() {
    let folder = folder();
    let picture = make(
        folder.path(),
        "1.jpg",
        1,
        &["-c:v", "mjpeg", "-f", "image2"],
    );
    let picture = std::fs::read(picture).expect("a picture");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    // Three pictures, then silence.
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=cam\r\n\r\n--cam\r\n");
            for _ in 0..3 {
                let head = format!(
                    "Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
                    picture.len()
                );
                let _ = stream.write_all(head.as_bytes());
                let _ = stream.write_all(&picture);
                let _ = stream.write_all(b"\r\n--cam\r\n");
                std::thread::sleep(Duration::from_millis(20));
            }
            open.push(stream);
        }
    });
    let yml = format!("  - {{id: web, url: 'http://127.0.0.1:{port}/video.mjpg'}}\n");
    let mut source = open(&yml, &[("STALL_TIMEOUT_MS", "400")]).expect("the stage");
    source.run_until("two sessions", |source| {
        source.errors("web", "stalled") >= 2
    });
    source.close();
    let sessions = source.sessions("web");
    assert!(sessions.len() >= 2);
    for session in &sessions[..2] {
        assert_eq!(session.iter().filter(|it| !it.data.is_empty()).count(), 3);
        assert!(session.iter().all(|it| it.codec == Codec::Mjpeg));
        assert_eq!(session[0].id.captured_clock, CapturedClock::Arrival);
    }
    assert_eq!(client(&source, "web"), "ffmpeg (by its URL)");
}

#[test]
fn a_stop_does_not_wait_for_a_server_that_is_silent() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = silent.local_addr().expect("its address").port();
    let yml: String = ["http", "rtsps", "rtmp"]
        .iter()
        .map(|scheme| format!("  - {{id: {scheme}, url: '{scheme}://127.0.0.1:{port}/live/x'}}\n"))
        .collect();
    let mut source = open(&yml, &[("CONNECT_TIMEOUT_MS", "60000")]).expect("the stage");
    std::thread::sleep(Duration::from_millis(300));
    let began = std::time::Instant::now();
    source.close();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert!(source.units.is_empty());
}
