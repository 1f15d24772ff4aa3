//! What goes wrong with one camera costs its own frames and no other's.

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use camweave_stage::Exit;
use support::{Cameras, X264, camera, clip, folder, make, open};

const QUICK: &[(&str, &str)] = &[("RECONNECT_MIN_MS", "20"), ("RECONNECT_MAX_MS", "200")];

#[test]
fn bad_cameras_leave_the_good_one_alone() {
    let folder = folder();
    let clip = clip(&make(folder.path(), "clip.mp4", 30, X264));
    let cameras = Cameras::start(
        vec![camera("good", &clip, Some(30), &[])],
        Some("anna:s3cret"),
        0,
    );
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("it")
        .port();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = cameras.port();
    let yaml = format!(
        "  - {{id: wrong, url: 'rtsp://anna:wrong@127.0.0.1:{port}/good'}}
  - {{id: nobody, url: 'rtsp://127.0.0.1:{port}/good'}}
  - {{id: elsewhere, url: 'rtsp://anna:s3cret@127.0.0.1:{port}/bad'}}
  - {{id: refused, url: 'rtsp://127.0.0.1:{free}/good'}}
  - {{id: silent, url: 'rtsp://127.0.0.1:{}/good'}}
  - {{id: good, url: 'rtsp://127.0.0.1:{port}/good', username: anna, password: s3cret}}
",
        silent.local_addr().expect("it").port()
    );
    let values = [QUICK, &[("CONNECT_TIMEOUT_MS", "300")]].concat();
    let mut source = open(&yaml, &values).expect("a source");
    let expected = [
        ("wrong", "unauthorized"),
        ("nobody", "unauthorized"),
        ("elsewhere", "not_found"),
        ("refused", "refused"),
        ("silent", "timeout"),
    ];
    source.run_until("all frames, and every failure twice", |source| {
        source.has_ended("good")
            && expected
                .iter()
                .all(|(camera, kind)| source.errors(camera, kind) >= 2)
    });
    for (camera, kind) in expected {
        assert_eq!(source.state(camera), format!("offline: {kind}"));
        assert_eq!(source.counters(camera).received, 0);
        assert_eq!(source.counters(camera).errors.len(), 1);
    }
    let session = &source.sessions("good")[0];
    assert_eq!(session.len(), 31);
    assert!(session.iter().all(|unit| unit.lost_packets == 0));
    let began = Instant::now();
    source.close();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "a stop waits for no camera"
    );
}

#[test]
fn a_name_that_nobody_knows() {
    let mut source =
        open("  - {id: x, url: 'rtsp://no-such-host.invalid/'}\n", QUICK).expect("a source");
    source.run_until("a failure", |source| {
        source.errors("x", "unreachable") + source.errors("x", "timeout") > 0
    });
}

#[test]
fn a_server_that_dies_and_comes_back() {
    let folder = folder();
    let clip = clip(&make(folder.path(), "clip.mp4", 50, X264));
    let steady = Cameras::start(vec![camera("steady", &clip, None, &[])], None, 0);
    let first = Cameras::start(vec![camera("cam", &clip, None, &[])], None, 0);
    let port = first.port();
    let yaml = format!(
        "  - {{id: cam, url: 'rtsp://127.0.0.1:{port}/cam'}}
  - {{id: steady, url: 'rtsp://127.0.0.1:{}/steady'}}
",
        steady.port()
    );
    let mut source = open(&yaml, QUICK).expect("a source");
    source.run_until("frames", |source| source.counters("cam").received > 10);
    assert_eq!(source.state("cam"), "streaming");
    first.kill();
    source.run_until("an offline camera", |source| {
        source.state("cam") == "offline: refused"
    });
    assert!(
        source.has_ended("cam"),
        "its decoder must give out what it holds"
    );
    assert_eq!(source.state("steady"), "streaming");
    let _second = Cameras::start(vec![camera("cam", &clip, None, &[])], None, port);
    source.run_until("a second session", |source| {
        source
            .sessions("cam")
            .get(1)
            .is_some_and(|session| session.len() > 10)
    });
    assert_eq!(source.state("cam"), "streaming");
    source.close();
    let sessions = source.sessions("cam");
    assert_eq!(sessions.len(), 2);
    assert!(sessions[0][0].id.session_unix_nanos < sessions[1][0].id.session_unix_nanos);
    for session in &sessions {
        assert!(session[0].keyframe && session.last().expect("units").data.is_empty());
    }
    assert_eq!(source.sessions("steady").len(), 1);
    assert!(source.counters("steady").errors.is_empty());
}

#[test]
fn a_stalled_camera_is_connected_anew() {
    let folder = folder();
    let clip = clip(&make(folder.path(), "clip.mp4", 50, X264));
    let cameras = Cameras::start(
        vec![
            camera("stalls", &clip, None, &["stall@500ms+1s"]),
            camera("steady", &clip, Some(60), &[]),
        ],
        None,
        0,
    );
    let yaml = ["stalls", "steady"]
        .map(|id| {
            format!(
                "  - {{id: {id}, url: 'rtsp://127.0.0.1:{}/{id}'}}\n",
                cameras.port()
            )
        })
        .concat();
    let values = [QUICK, &[("STALL_TIMEOUT_MS", "400")]].concat();
    let mut source = open(&yaml, &values).expect("a source");
    source.run_until("frames after the stall", |source| {
        source.has_ended("steady")
            && source
                .sessions("stalls")
                .get(1)
                .is_some_and(|session| session.len() > 10)
    });
    assert!(source.errors("stalls", "stalled") >= 1);
    assert_eq!(source.sessions("steady")[0].len(), 61);
}

#[test]
fn a_camera_that_sends_garbage_streams_on_afterwards() {
    let folder = folder();
    let clip = clip(&make(folder.path(), "clip.mp4", 50, X264));
    let cameras = Cameras::start(
        vec![camera("cam", &clip, None, &["garbage@200ms+1s"])],
        None,
        0,
    );
    let yaml = format!(
        "  - {{id: cam, url: 'rtsp://127.0.0.1:{}/cam'}}\n",
        cameras.port()
    );
    let mut source = open(&yaml, QUICK).expect("a source");
    let after = Duration::from_secs(2).as_nanos() as i64;
    source.run_until("frames after the damage", |source| {
        let first = source
            .units
            .first()
            .map_or(i64::MAX, |unit| unit.id.captured_unix_nanos);
        source
            .units
            .last()
            .is_some_and(|unit| unit.id.captured_unix_nanos > first + after)
    });
    assert_eq!(source.state("cam"), "streaming");
}

/// Answers DESCRIBE with `sdp`, as a camera that offers something else does.
fn describes(sdp: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it").port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else {
                continue;
            };
            let mut request = [0; 2048];
            let length = connection.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let sequence = request
                .lines()
                .find_map(|line| line.strip_prefix("CSeq: "))
                .unwrap_or("1")
                .to_owned();
            let _ = write!(
                connection,
                "RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                sdp.len()
            );
        }
    });
    port
}

const SOUND: &str =
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\n";
const MJPEG: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\nm=video 0 RTP/AVP 26\r\na=control:v\r\n";

#[test]
fn no_video_and_another_codec_are_named() {
    let yaml = format!(
        "  - {{id: sound, url: 'rtsp://127.0.0.1:{}/'}}\n  - {{id: mjpeg, url: 'rtsp://127.0.0.1:{}/', client: rtsp}}\n",
        describes(SOUND),
        describes(MJPEG)
    );
    let mut source = open(&yaml, QUICK).expect("a source");
    source.run_until("both failures", |source| {
        source.errors("sound", "no_video") > 0 && source.errors("mjpeg", "unsupported_codec") > 0
    });
    assert_eq!(source.state("mjpeg"), "offline: unsupported_codec");
}

#[test]
fn a_server_of_another_protocol() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it").port();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let _ = connection.write_all(b"220 mail.example ESMTP\r\n\r\n");
            let _ = connection.read(&mut [0; 64]);
        }
    });
    let yaml = format!("  - {{id: mail, url: 'rtsp://127.0.0.1:{port}/'}}\n");
    let mut source = open(&yaml, QUICK).expect("a source");
    source.run_until("a failure", |source| {
        source.errors("mail", "protocol") + source.errors("mail", "ended") > 0
    });
}

#[test]
fn a_stop_tears_the_session_down() {
    let folder = folder();
    let clip = clip(&make(folder.path(), "clip.mp4", 50, X264));
    let cameras = Cameras::start(vec![camera("cam", &clip, None, &[])], None, 0);
    let yaml = format!(
        "  - {{id: cam, url: 'rtsp://127.0.0.1:{}/cam', transport: udp}}\n",
        cameras.port()
    );
    let mut source = open(&yaml, QUICK).expect("a source");
    source.run_until("frames", |source| source.counters("cam").received > 5);
    assert_eq!(cameras.simulator().records()[0].clients, 1);
    source.close();
    assert_eq!(
        cameras.simulator().records()[0].clients,
        0,
        "TEARDOWN has been answered"
    );
    assert!(source.has_ended("cam"));
    let counters = source.counters("cam");
    let dropped: u64 = counters.dropped.values().sum();
    let frames = source.units.iter().filter(|unit| !unit.data.is_empty());
    assert_eq!(counters.received, frames.count() as u64 + dropped);
}

#[test]
fn wrong_configuration_is_named() {
    let one = "  - {id: cam, url: 'rtsp://127.0.0.1/'}\n";
    for (yaml, values, parts) in [
        ("  - {id: cam}\n", &[][..], &["cameras.yml:2:", "url"][..]),
        (
            one,
            &[("STALL_TIMEOUT_MS", "soon")],
            &["STALL_TIMEOUT_MS", "'soon'"],
        ),
        (
            one,
            &[("RECONNECT_MIN_MS", "9000")],
            &["RECONNECT_MIN_MS='9000'", "MAX_MS='700'"],
        ),
    ] {
        let error = open(yaml, values).err().expect("wrong configuration");
        assert_eq!(error.exit, Exit::Configuration);
        for part in parts {
            assert!(error.message.contains(part), "{error}\nlacks {part}");
        }
    }
}
