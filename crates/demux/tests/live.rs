//! Live sources over the loopback interface: what comes out, and how each of them ends.

mod support;

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use camweave_demux::{Interrupt, LiveOptions, LiveSource};
use camweave_failure::FailureKind;
use camweave_message::Codec;
use support::{
    ffmpeg_has, folder, free_port, jpegs, make, open, open_when_up, options, quiet, read_all,
    serve, serve_ffmpeg, serve_files, serve_mjpeg,
};

const X264: &[&str] = &[
    "-pix_fmt",
    "yuv420p",
    "-c:v",
    "libx264",
    "-x264-params",
    "keyint=25:bframes=2:b-adapt=0",
];

#[test]
fn http_mjpeg_gives_each_picture_at_its_arrival() {
    let (_keep, folder) = folder();
    let pictures = jpegs(&folder, 10);
    let port = serve_mjpeg(pictures.clone(), Duration::from_millis(30), |_| {});
    let mut source = open(&format!("http://127.0.0.1:{port}/video.mjpg")).expect("it opens");
    let (units, error) = read_all(&mut source);
    assert_eq!(source.codec(), Some(Codec::Mjpeg));
    let data: Vec<_> = units.iter().map(|unit| unit.data.clone()).collect();
    assert!(data == pictures, "bit for bit");
    assert!(units.iter().all(|unit| unit.keyframe));
    assert_eq!(units[0].pts_nanos, 0);
    for pair in units.windows(2) {
        let step = pair[1].pts_nanos - pair[0].pts_nanos;
        assert!((5_000_000..500_000_000).contains(&step), "{step}");
    }
    assert_eq!(error.kind, FailureKind::Ended, "{error}");
}

#[test]
fn parts_that_are_no_jpeg_are_reported_alone() {
    let (_keep, folder) = folder();
    let mut pictures = jpegs(&folder, 4);
    pictures[2] = b"<html>busy</html>".to_vec();
    let port = serve_mjpeg(pictures, Duration::from_millis(5), |_| {});
    let mut source = open(&format!("http://127.0.0.1:{port}/")).expect("it opens");
    let (units, _) = read_all(&mut source);
    assert_eq!(units.len(), 3);
}

#[test]
fn a_server_that_stops_is_stalled_and_a_stop_ends_a_wait() {
    let (_keep, folder) = folder();
    let port = serve_mjpeg(jpegs(&folder, 3), Duration::from_millis(5), |_| {
        std::thread::sleep(Duration::from_secs(30));
    });
    let url = format!("http://127.0.0.1:{port}/");
    quiet();
    let short = LiveOptions {
        stall_timeout: Duration::from_millis(400),
        ..options(&url)
    };
    let mut source = LiveSource::open(&url, short, &Interrupt::default()).expect("it opens");
    // What ends it is the silence: the server closes the connection much later.
    let (units, error) = read_all(&mut source);
    // The last part has no boundary after it yet.
    assert!(units.len() >= 2, "{}", units.len());
    assert_eq!(error.kind, FailureKind::Stalled, "{error}");

    let interrupt = Interrupt::default();
    let mut source = LiveSource::open(&url, options(&url), &interrupt).expect("it opens");
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        interrupt.stop();
    });
    let (_, error) = read_all(&mut source);
    assert_eq!(error.kind, FailureKind::Ended);
    assert!(error.detail.contains("stopped"), "{error}");
    stopper.join().expect("it stopped the source");
}

#[test]
fn a_server_that_never_answers_ends_by_the_timeout() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = silent.local_addr().expect("its address").port();
    quiet();
    for scheme in ["http", "https", "rtsp", "rtsps", "rtmp", "srt"] {
        if scheme == "srt" && !ffmpeg_has("-protocols", "srt") {
            continue;
        }
        let url = format!("{scheme}://127.0.0.1:{port}/live/x");
        let short = LiveOptions {
            connect_timeout: Duration::from_millis(300),
            ..options(&url)
        };
        let error = LiveSource::open(&url, short, &Interrupt::default())
            .err()
            .expect("nothing answers");
        assert_eq!(error.kind, FailureKind::Timeout, "{scheme}: {error}");
    }
}

#[test]
fn kinds_of_refusal() {
    let status = |line: &'static str| {
        serve(move |mut stream, _| {
            let _ = write!(stream, "{line}\r\nContent-Length: 0\r\n\r\n");
        })
    };
    let unauthorized = status("HTTP/1.1 401 Unauthorized");
    let not_found = status("HTTP/1.1 404 Not Found");
    let rtsp = status("RTSP/1.0 404 Not Found\r\nCSeq: 1");
    let text = serve(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nnothing to see here");
    });
    let closed = free_port();
    for (url, kind) in [
        (
            format!("http://127.0.0.1:{unauthorized}/"),
            FailureKind::Unauthorized,
        ),
        (
            format!("http://127.0.0.1:{not_found}/"),
            FailureKind::NotFound,
        ),
        (format!("rtsp://127.0.0.1:{rtsp}/x"), FailureKind::NotFound),
        (format!("http://127.0.0.1:{closed}/"), FailureKind::Refused),
        (
            "http://a-name-that-is-not-known.invalid/".to_owned(),
            FailureKind::Unreachable,
        ),
        (format!("http://127.0.0.1:{text}/"), FailureKind::Protocol),
    ] {
        let error = open(&url).err().expect("nothing to watch");
        assert_eq!(error.kind, kind, "{url}: {error}");
        assert!(!error.detail.contains("127.0.0.1"), "{error}");
    }
}

#[test]
fn a_device_that_is_not_there_or_a_library_that_is_missing() {
    quiet();
    let error = open("v4l2:///dev/video-that-is-not-there")
        .err()
        .expect("no such device");
    match error.kind {
        FailureKind::NotFound => {}
        FailureKind::Missing => assert!(error.detail.contains("libavdevice"), "{error}"),
        _ => panic!("{error:?}"),
    }
}

#[test]
fn hls_plays_at_its_own_speed() {
    let (_keep, folder) = folder();
    let list = folder.join("live.m3u8");
    make(
        &list,
        50,
        &[
            X264,
            &["-f", "hls", "-hls_time", "1", "-hls_list_size", "0"],
        ]
        .concat(),
    );
    let files: HashMap<String, Vec<u8>> = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("plain text");
            (name, std::fs::read(entry.path()).expect("a file"))
        })
        .collect();
    let port = serve_files(files);
    let mut source = open(&format!("http://127.0.0.1:{port}/live.m3u8")).expect("it opens");
    let began = Instant::now();
    let (units, error) = read_all(&mut source);
    assert_eq!(source.codec(), Some(Codec::H264));
    assert_eq!(error.kind, FailureKind::Ended, "{error}");
    assert_eq!(units.len(), 50, "{:?}", units.first());
    assert!(units[0].keyframe && units[0].data.starts_with(&[0, 0, 0, 1]));
    // 49 steps of 40 ms, 2 % faster at most; B frames are in decode order.
    assert!(began.elapsed() > Duration::from_millis(1800));
    let mut times: Vec<i64> = units.iter().map(|unit| unit.pts_nanos).collect();
    assert!(times.windows(2).any(|pair| pair[0] > pair[1]));
    times.sort_unstable();
    for pair in times.windows(2) {
        assert!((pair[1] - pair[0] - 40_000_000).abs() < 20_000);
    }
}

#[test]
fn a_playlist_opens_no_files_and_no_other_protocols() {
    let (_keep, folder) = folder();
    let secret = folder.join("secret.ts");
    make(&secret, 10, &[X264, &["-f", "mpegts"]].concat());
    let secret = secret.to_str().expect("plain text").to_owned();
    let trap = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    trap.set_nonblocking(true).expect("a socket");
    let trapped = trap.local_addr().expect("its address").port();
    for target in [
        format!("file://{secret}"),
        secret.clone(),
        "file:///etc/passwd".to_owned(),
        format!("concat:{secret}"),
        format!("subfile,,start,0,end,0,,:{secret}"),
        format!("tcp://127.0.0.1:{trapped}"),
        format!("rtmp://127.0.0.1:{trapped}/x.ts"),
    ] {
        let hls =
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n");
        let concat = format!("ffconcat version 1.0\nfile '{target}'\n");
        let sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n";
        let port = serve_files(HashMap::from([
            ("live.m3u8".to_owned(), hls.into_bytes()),
            ("list.txt".to_owned(), concat.into_bytes()),
            ("x.sdp".to_owned(), sdp.as_bytes().to_vec()),
        ]));
        for path in ["live.m3u8", "list.txt", "x.sdp"] {
            let url = format!("http://127.0.0.1:{port}/{path}");
            let short = LiveOptions {
                connect_timeout: Duration::from_secs(1),
                stall_timeout: Duration::from_secs(1),
                ..options(&url)
            };
            quiet();
            let frames = LiveSource::open(&url, short, &Interrupt::default())
                .map(|mut source| read_all(&mut source).0.len());
            assert!(matches!(frames, Err(_) | Ok(0)), "{target} by {path}");
        }
    }
    assert!(trap.accept().is_err(), "nothing connected to the trap");
}

#[test]
fn rtmp_and_srt_from_a_listening_sender() {
    let (_keep, folder) = folder();
    let file = folder.join("clip.mkv");
    make(&file, 50, X264);
    let file = file.to_str().expect("plain text");
    let port = free_port();
    let rtmp = format!("rtmp://127.0.0.1:{port}/live/cam");
    let sender = serve_ffmpeg(&[
        "-re", "-i", file, "-c", "copy", "-f", "flv", "-listen", "1", &rtmp,
    ]);
    let mut source = open_when_up(&rtmp);
    let (units, _) = read_all(&mut source);
    drop(sender);
    assert_eq!(source.codec(), Some(Codec::H264));
    assert!(units.len() >= 40, "{}", units.len());
    assert!(units[0].keyframe && units[0].data.starts_with(&[0, 0, 0, 1]));
    if !ffmpeg_has("-protocols", "srt") {
        return;
    }
    let port = free_port();
    let listen = format!("srt://127.0.0.1:{port}?mode=listener");
    let sender = serve_ffmpeg(&["-re", "-i", file, "-c", "copy", "-f", "mpegts", &listen]);
    let mut source = open_when_up(&format!("srt://127.0.0.1:{port}"));
    let (units, _) = read_all(&mut source);
    drop(sender);
    assert_eq!(source.codec(), Some(Codec::H264));
    assert!(units.len() >= 40, "{}", units.len());
    assert!(units[0].keyframe);
}

#[test]
fn a_lying_content_length_costs_no_memory() {
    quiet();
    camweave_demux::limit_allocations();
    let port = serve(|mut stream, _| {
        let _ = stream.write_all(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=cam\r\n\r\n--cam\r\nContent-Type: image/jpeg\r\nContent-Length: 2000000000\r\n\r\n",
        );
        let block = [0xff_u8; 65536];
        while stream.write_all(&block).is_ok() {}
        let _ = stream.read(&mut [0]);
    });
    let url = format!("http://127.0.0.1:{port}/");
    let result = open(&url).and_then(|mut source| Err::<(), _>(read_all(&mut source).1));
    let error = result.expect_err("nothing to watch");
    assert_eq!(error.kind, FailureKind::TooLarge, "{error}");
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib: u64 = peak
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|text| text.parse().ok())
        .expect("a number");
    assert!(kib < 150 * 1024, "{kib} KiB");
}
