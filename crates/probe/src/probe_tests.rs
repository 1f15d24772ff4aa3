//! The whole of it, with simulated cameras.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use camweave_camera_sim::encode::Encoding;
use camweave_camera_sim::{AtEnd, CameraConfig, Simulator, SimulatorConfig, auth, media};
use camweave_cameras::Camera;
use camweave_cameras::edit::{Value, camera};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// A simulated camera that plays a file of `ffmpeg`'s again and again.
async fn simulate(folder: &std::path::Path, rate: u32, arguments: &[&str]) -> Simulator {
    let file = folder.join("a.mp4");
    let source = format!("testsrc2=size=320x180:rate={rate}:duration=4");
    let mut command = std::process::Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", &source]);
    command
        .args(["-pix_fmt", "yuv420p"])
        .args(arguments)
        .arg(&file);
    let status = command
        .status()
        .expect("the ffmpeg command (Debian package ffmpeg)");
    assert!(status.success());
    let clip = media::load(&file, &Encoding::default()).expect("a clip");
    let config = SimulatorConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        at_end: AtEnd::Bye,
        credentials: auth::Credentials::parse("u:right").ok(),
        ..SimulatorConfig::default()
    };
    let cameras = vec![CameraConfig {
        id: "a".to_owned(),
        clip: Arc::new(clip),
        truth: Vec::new(),
        frames_total: None,
        faults: Vec::new(),
    }];
    Simulator::start(config, cameras)
        .await
        .expect("a simulator")
}

fn asked(simulator: &Simulator, password: &str, client: &str) -> Camera {
    let port = simulator.address().port();
    let fields = [
        ("url", Value::text(format!("rtsp://127.0.0.1:{port}/a"))),
        ("username", Value::text("u")),
        ("password", Value::text(password)),
        ("client", Value::text(client)),
    ];
    camera("a", &fields).expect("valid")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_of_b_frames_and_its_image_with_both_clients() {
    let folder = tempfile::tempdir().expect("a folder");
    let x264 = [
        "-c:v",
        "libx264",
        "-x264-params",
        "keyint=20:min-keyint=20:bframes=2:b-adapt=0:scenecut=0",
    ];
    let simulator = simulate(folder.path(), 20, &x264).await;
    let options = Options {
        watch: Duration::from_secs(3),
        with_image: true,
        ..Options::default()
    };
    for client in ["rtsp", "ffmpeg"] {
        let mut steps = Vec::new();
        let camera = asked(&simulator, "right", client);
        let found = probe(&camera, &options, |step| steps.push(step)).await;
        let found = found.unwrap_or_else(|failure| panic!("{client}: {failure}"));
        let stream = &found.stream;
        assert_eq!(
            (found.codec.as_str(), found.size),
            ("h264", Some((320, 180)))
        );
        assert_eq!(
            (found.client, found.transport.starts_with("tcp")),
            (client, true)
        );
        let rate = stream.frame_rate.expect("many frames");
        assert!((rate - 20.0).abs() < 0.5, "{stream:?}");
        let interval = stream.keyframe_interval.expect("two keyframes");
        assert_eq!(interval.frames, 20, "{stream:?}");
        assert!((interval.seconds - 1.0).abs() < 0.01, "{stream:?}");
        assert!(stream.is_reordered && found.remarks.contains(&Remark::Reordered));
        assert!(
            matches!(stream.clock, Clock::SenderReport { .. }),
            "{stream:?}"
        );
        assert!(
            !found
                .remarks
                .iter()
                .any(|it| matches!(it, Remark::Keyframes(_) | Remark::Codec(_)))
        );
        assert!(matches!(
            steps[..],
            [
                Step::Connecting { .. },
                Step::Playing { .. },
                Step::Watching { .. }
            ]
        ));
        let image = found.image.expect("asked for").expect("decoded");
        assert_eq!((image.width, image.height), (320, 180));
        let colors: std::collections::HashSet<&[u8]> = image.rgb.chunks(3).collect();
        assert!(colors.len() > 100, "a test card has many colors");
        assert!(image.to_png().expect("a PNG").starts_with(b"\x89PNG"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_a_camera_from_playing() {
    let folder = tempfile::tempdir().expect("a folder");
    let x264 = ["-c:v", "libx264"];
    let simulator = simulate(folder.path(), 10, &x264).await;
    let camera_of = |url: String| camera("a", &[("url", Value::text(url))]).expect("valid");
    let wrong = asked(&simulator, "wrong", "auto");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = unused.local_addr().expect("a port").port();
    drop(unused);
    for (camera, kind) in [
        (wrong, FailureKind::Unauthorized),
        (
            camera_of(format!("rtsp://127.0.0.1:{port}/")),
            FailureKind::Refused,
        ),
        (
            camera_of("rtsp://no-such-host.invalid/".to_owned()),
            FailureKind::Unreachable,
        ),
        (
            camera_of(format!("http://127.0.0.1:{port}/")),
            FailureKind::Refused,
        ),
    ] {
        let failure = probe(&camera, &Options::default(), |_| {}).await;
        let failure = failure.expect_err("it cannot play");
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(!failure.kind.advice().is_empty() && !failure.to_string().contains("wrong,"));
    }
}

#[tokio::test]
async fn a_camera_that_wants_the_password_itself_does_not_get_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let serving = tokio::spawn(async move {
        let mut sent = String::new();
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut part).await {
            sent += &String::from_utf8_lossy(&part[..length]);
            let answer = "RTSP/1.0 401 No\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm=x\r\n\r\n";
            // It may have closed the connection.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        sent
    });
    let fields = |scheme: &str| {
        let url = Value::text(format!("{scheme}://127.0.0.1:{port}/a"));
        let login = [("username", "u"), ("password", "right")];
        let login = login.map(|(field, text)| (field, Value::text(text)));
        [vec![("url", url)], login.to_vec()].concat()
    };
    let options = Options {
        with_basic: false,
        ..Options::default()
    };
    for scheme in ["rtsp", "http"] {
        let camera = camera("a", &fields(scheme)).expect("valid");
        let failure = probe(&camera, &options, |_| {}).await;
        let failure = failure.expect_err("it cannot play");
        assert_eq!(failure.kind, FailureKind::Unauthorized, "{failure}");
        assert!(failure.to_string().contains("the password"), "{failure}");
    }
    let sent = serving.await.expect("it ends with the connection");
    assert!(
        sent.contains("DESCRIBE") && !sent.contains("Authorization"),
        "{sent}"
    );
}
