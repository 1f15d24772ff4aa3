//! Real clients get every frame: ffprobe, retina and, where it is installed, GStreamer.
#![allow(
    clippy::unwrap_used,
    reason = "a test panics on what it does not expect"
)]

mod common;

use std::path::Path;

use camweave_camera_sim::auth::Credentials;
use camweave_camera_sim::nal::Codec;
use camweave_camera_sim::{Simulator, SimulatorConfig};
use common::{Viewer, camera, config, frame_number, plain_clip, play, run, start, url};

const FRAMES: u64 = 50;

async fn ffprobe(transport: &str, url: String) -> std::process::Output {
    let arguments = [
        "-v",
        "error",
        "-rtsp_transport",
        transport,
        "-count_packets",
        "-count_frames",
        "-select_streams",
        "v",
        "-show_entries",
        "stream=codec_name,width,height,r_frame_rate,nb_read_packets,nb_read_frames",
        "-of",
        "csv=p=0",
    ];
    let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
    arguments.push(url);
    run("ffprobe", arguments).await
}

async fn ffprobe_counts_every_frame(codec: Codec, transport: &str) {
    let simulator = start(vec![camera("cam1", plain_clip(codec, 2))]).await;
    let output = ffprobe(transport, url(&simulator, "cam1")).await;
    let name = if codec == Codec::H264 { "h264" } else { "hevc" };
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        format!("{name},320,180,25/1,{FRAMES},{FRAMES}"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let record = &simulator.shutdown().await.unwrap()[0];
    assert_eq!((record.frames_sent, record.send_backlog), (FRAMES, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffprobe_h264_tcp() {
    ffprobe_counts_every_frame(Codec::H264, "tcp").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffprobe_h264_udp() {
    ffprobe_counts_every_frame(Codec::H264, "udp").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffprobe_h265_tcp() {
    ffprobe_counts_every_frame(Codec::H265, "tcp").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffprobe_h265_udp() {
    ffprobe_counts_every_frame(Codec::H265, "udp").await;
}

async fn retina_knows_every_capture_time(codec: Codec, udp: bool) {
    let simulator = start(vec![camera("cam1", plain_clip(codec, 2))]).await;
    let frames = Viewer::connect(&url(&simulator, "cam1"), udp)
        .await
        .all()
        .await;
    let record = &simulator.records()[0];
    let t0 = record.t0_unix_nanos.unwrap();
    let numbers: Vec<u64> = frames
        .iter()
        .map(|seen| frame_number(seen, t0, 25.0))
        .collect();
    assert_eq!(numbers, (0..FRAMES).collect::<Vec<_>>());
    for (n, seen) in frames.iter().enumerate() {
        assert_eq!(seen.loss, 0);
        let tick = 1_000_000_000 / 90_000 + 1;
        let exact = i128::from(t0) + n as i128 * 40_000_000;
        assert!(
            (seen.captured_unix_nanos - exact).abs() <= tick,
            "frame {n}"
        );
        // The wall clock may be slewed a little against the monotonic one that paces.
        assert!(
            seen.received_unix_nanos >= exact - 1_000_000,
            "frame {n} came before its capture"
        );
    }
    assert!(frames[0].random_access);
    assert_eq!(
        (record.frames_sent, record.first_frame_sent),
        (FRAMES, Some(0))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retina_h264_tcp() {
    retina_knows_every_capture_time(Codec::H264, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retina_h264_udp() {
    retina_knows_every_capture_time(Codec::H264, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retina_h265_tcp() {
    retina_knows_every_capture_time(Codec::H265, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_at_once_and_one_later() {
    let cameras = vec![camera("cam1", plain_clip(Codec::H264, 2))];
    let simulator = start(cameras).await;
    let url = url(&simulator, "cam1");
    let first = Viewer::connect(&url, false).await;
    let second = Viewer::connect(&url, true).await;
    let first = tokio::spawn(first.all());
    let second = tokio::spawn(second.all());
    // Later than frame 5, in the middle of a group of pictures.
    while simulator.records()[0].frames_captured < 5 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let late = Viewer::connect(&url, false).await.all().await;
    let record = &simulator.records()[0];
    let t0 = record.t0_unix_nanos.unwrap();
    assert_eq!(first.await.unwrap().len() as u64, FRAMES);
    let last = second
        .await
        .unwrap()
        .last()
        .map(|seen| frame_number(seen, t0, 25.0));
    assert_eq!(last, Some(FRAMES - 1));
    let late: Vec<u64> = late
        .iter()
        .map(|seen| frame_number(seen, t0, 25.0))
        .collect();
    let joined = late[0];
    assert!(joined >= 5, "joined at frame {joined}");
    assert_eq!(late, (joined..FRAMES).collect::<Vec<_>>());
    assert_eq!((record.frames_sent, record.plays), (FRAMES, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconnecting_client_stays_in_the_same_time_line() {
    let simulator = start(vec![camera("cam1", plain_clip(Codec::H264, 2))]).await;
    let url = url(&simulator, "cam1");
    let mut viewer = Viewer::connect(&url, false).await;
    for _ in 0..5 {
        viewer.next().await.unwrap();
    }
    drop(viewer);
    let again = Viewer::connect(&url, false).await.all().await;
    let t0 = simulator.records()[0].t0_unix_nanos.unwrap();
    let numbers: Vec<u64> = again
        .iter()
        .map(|seen| frame_number(seen, t0, 25.0))
        .collect();
    assert!(numbers[0] >= 5);
    assert_eq!(numbers.last(), Some(&(FRAMES - 1)));
}

async fn guarded() -> Simulator {
    let config = SimulatorConfig {
        credentials: Some(Credentials::parse("viewer:a secret:with colon").unwrap()),
        ..config()
    };
    Simulator::start(config, vec![camera("cam1", plain_clip(Codec::H264, 1))])
        .await
        .unwrap()
}

fn retina_credentials(password: &str) -> Option<retina::client::Credentials> {
    Some(retina::client::Credentials {
        username: "viewer".to_owned(),
        password: password.to_owned(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn right_credentials_are_let_in() {
    let simulator = guarded().await;
    let address = simulator.address();
    let ffmpeg = ffprobe(
        "tcp",
        format!("rtsp://viewer:a%20secret%3Awith%20colon@{address}/cam1"),
    );
    let url = url(&simulator, "cam1");
    let retina = play(&url, false, retina_credentials("a secret:with colon"));
    let (ffmpeg, retina) = tokio::join!(ffmpeg, retina);
    retina.unwrap();
    let found = String::from_utf8_lossy(&ffmpeg.stdout);
    assert!(
        found.starts_with("h264,320,180"),
        "{}",
        String::from_utf8_lossy(&ffmpeg.stderr)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_get_401() {
    let simulator = guarded().await;
    let address = simulator.address();
    for login in ["", "viewer:wrong@", "other:a%20secret%3Awith%20colon@"] {
        let output = ffprobe("tcp", format!("rtsp://{login}{address}/cam1")).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && error.contains("401"),
            "{login}: {error}"
        );
    }
    let url = url(&simulator, "cam1");
    for credentials in [None, retina_credentials("wrong")] {
        let error = play(&url, false, credentials).await.err().expect("refused");
        assert_eq!(error.status_code(), Some(401), "{error}");
    }
    assert_eq!(simulator.records()[0].plays, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gstreamer_gets_every_frame() {
    if !Path::new("/usr/bin/gst-launch-1.0").exists() {
        println!("skipped: gst-launch-1.0 is not installed");
        return;
    }
    for (codec, protocol) in [
        (Codec::H264, "tcp"),
        (Codec::H264, "udp"),
        (Codec::H265, "tcp"),
        (Codec::H265, "udp"),
    ] {
        let simulator = start(vec![camera("cam1", plain_clip(codec, 2))]).await;
        let location = url(&simulator, "cam1");
        let name = codec.rtpmap_name().to_lowercase();
        let pipeline = format!(
            "-v rtspsrc location={location} protocols={protocol} latency=0 ! rtp{name}depay ! \
             {name}parse ! video/x-{name},alignment=au ! identity silent=false ! fakesink"
        );
        let arguments = pipeline.split_whitespace().map(str::to_owned).collect();
        let output = run("gst-launch-1.0", arguments).await;
        let text = String::from_utf8_lossy(&output.stdout);
        let is_frame = |line: &&str| line.contains("= chain") && line.contains("identity0:sink");
        let frames = text.lines().filter(is_frame).count();
        assert_eq!(frames as u64, FRAMES, "{codec:?} {protocol}: {text}");
    }
}
