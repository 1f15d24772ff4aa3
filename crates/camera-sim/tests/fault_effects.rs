//! Faults do what they say, and a slow client costs only itself.
#![allow(
    clippy::unwrap_used,
    reason = "a test panics on what it does not expect"
)]

mod common;

use std::time::Duration;

use camweave_camera_sim::nal::Codec;
use camweave_camera_sim::{CameraConfig, Simulator, SimulatorConfig, Start};
use common::{
    Viewer, camera, config, fault, frame_number, make_media, plain_clip, play, start, url,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

async fn start_with(faults: &[&str]) -> Simulator {
    let faults = faults.iter().map(|text| fault(text)).collect();
    start(vec![CameraConfig {
        faults,
        ..camera("cam1", plain_clip(Codec::H264, 2))
    }])
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_withholds_the_frames_of_its_time_and_keeps_the_connection() {
    let simulator = start_with(&["stall@400ms+400ms"]).await;
    let frames = Viewer::connect(&url(&simulator, "cam1"), false)
        .await
        .all()
        .await;
    let record = &simulator.records()[0];
    let t0 = record.t0_unix_nanos.unwrap();
    let numbers: Vec<u64> = frames
        .iter()
        .map(|seen| frame_number(seen, t0, 25.0))
        .collect();
    assert_eq!(numbers, (0..10).chain(20..50).collect::<Vec<_>>());
    assert_eq!(
        (record.frames_sent, record.frames_stalled, record.plays),
        (40, 10, 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnect_closes_connections_and_refuses_for_its_time() {
    let simulator = start_with(&["disconnect@400ms+1s"]).await;
    let url = url(&simulator, "cam1");
    let before = Viewer::connect(&url, false).await.all().await;
    let t0 = simulator.records()[0].t0_unix_nanos.unwrap();
    let last = before.last().map(|seen| frame_number(seen, t0, 25.0));
    assert!(
        last <= Some(10),
        "last frame before the disconnect is {last:?}"
    );
    assert!(play(&url, false, None).await.is_err(), "reached at once");
    while play(&url, false, None).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let after = Viewer::connect(&url, false).await.all().await;
    let first = frame_number(&after[0], t0, 25.0);
    assert!(first >= 35, "reached again at frame {first}");
    let record = &simulator.records()[0];
    assert_eq!((record.disconnects, record.plays), (1, 3));
    let last = after.last().map(|seen| frame_number(seen, t0, 25.0));
    assert_eq!((last, record.last_frame_sent), (Some(49), Some(49)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loss_takes_the_same_packets_from_every_client() {
    let simulator = start_with(&["loss=0.05"]).await;
    let url = url(&simulator, "cam1");
    let (first, second) = tokio::join!(Viewer::connect(&url, false), Viewer::connect(&url, false));
    let (first, second) = tokio::join!(first.all(), second.all());
    let record = &simulator.records()[0];
    assert!(record.packets_lost > 0 && record.frames_damaged > 0);
    assert!(record.frames_sent < 50);
    let lost: u64 = first
        .iter()
        .chain(&second)
        .map(|seen| u64::from(seen.loss))
        .sum();
    // A loss after the last frame that came through is not seen by a client.
    assert!(
        lost > 0 && lost <= record.packets_lost,
        "{lost} of {}",
        record.packets_lost
    );
    let t0 = record.t0_unix_nanos.unwrap();
    let numbers = |frames: &[common::Seen]| -> Vec<u64> {
        frames
            .iter()
            .map(|seen| frame_number(seen, t0, 25.0))
            .collect()
    };
    let common = numbers(&second)[0].max(numbers(&first)[0]) + 1;
    let from = |frames: &[common::Seen]| -> Vec<Vec<u8>> {
        let frames = frames
            .iter()
            .filter(|seen| frame_number(seen, t0, 25.0) > common);
        frames.map(|seen| seen.data.clone()).collect()
    };
    assert_eq!(from(&first), from(&second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_damages_pictures_and_nothing_else() {
    let clean = start_with(&[]).await;
    let dirty = start_with(&["garbage@400ms+400ms"]).await;
    let (clean_url, dirty_url) = (url(&clean, "cam1"), url(&dirty, "cam1"));
    let (clean, dirty) = tokio::join!(
        async { Viewer::connect(&clean_url, false).await.all().await },
        async { Viewer::connect(&dirty_url, false).await.all().await },
    );
    assert_eq!((clean.len(), dirty.len()), (50, 50));
    let damaged: Vec<usize> = (0..50)
        .filter(|&n| clean[n].data != dirty[n].data)
        .collect();
    assert_eq!(damaged, (10..20).collect::<Vec<_>>());
    assert!(dirty.iter().all(|seen| seen.loss == 0));
}

/// Plays with a receive buffer of a few kilobytes, and then does not read.
async fn play_and_stop_reading(simulator: &Simulator) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut connection = socket.connect(simulator.address()).await.unwrap();
    let url = url(simulator, "cam1");
    let mut session = String::new();
    for request in [
        format!(
            "SETUP {url}/streamid=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n"
        ),
        format!("PLAY {url} RTSP/1.0\r\nCSeq: 2\r\nSession: SESSION\r\n\r\n"),
    ] {
        let request = request.replace("SESSION", &session);
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = [0; 2048];
        let len = connection.read(&mut bytes).await.unwrap();
        let response = String::from_utf8_lossy(&bytes[..len]).into_owned();
        assert!(response.starts_with("RTSP/1.0 200"), "{response}");
        if let Some((_, rest)) = response.split_once("Session: ") {
            session = rest.split([';', '\r']).next().unwrap().to_owned();
        }
    }
    connection
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_delays_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let noise = [
        "-vf",
        "noise=alls=80:allf=t",
        "-c:v",
        "libx264",
        "-bf",
        "0",
        "-g",
        "25",
        "-qp",
        "20",
    ];
    let path = make_media(dir.path(), "noise.mp4", 3, "25", &noise);
    let clip = camweave_camera_sim::media::load(&path, &Default::default()).unwrap();
    let bytes: usize = (0..75)
        .flat_map(|k| &clip.unit(k).nals)
        .map(bytes::Bytes::len)
        .sum();
    assert!(
        bytes > 1_500_000,
        "{bytes} bytes are too few to fill the buffers"
    );
    let config = SimulatorConfig {
        queue_frames: 16,
        send_buffer_bytes: 16 * 1024,
        ..config()
    };
    let simulator = Simulator::start(config, vec![camera("cam1", clip)])
        .await
        .unwrap();
    let stuck = play_and_stop_reading(&simulator).await;
    let frames = Viewer::connect(&url(&simulator, "cam1"), false).await;
    let frames = frames.all().await;
    let record = &simulator.records()[0];
    assert!(
        record.send_backlog > 20,
        "{} frames dropped for the slow client",
        record.send_backlog
    );
    let t0 = record.t0_unix_nanos.unwrap();
    let numbers: Vec<u64> = frames
        .iter()
        .map(|seen| frame_number(seen, t0, 25.0))
        .collect();
    let first = numbers[0];
    assert_eq!(
        numbers,
        (first..75).collect::<Vec<_>>(),
        "the other client lost frames"
    );
    drop(stuck);
    // Ends in time although one client does not read.
    simulator.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staggered_cameras_start_apart_and_tell_their_capture_times() {
    let clip = plain_clip(Codec::H264, 1);
    let cameras = vec![
        camera("cam1", clip.clone()),
        camera("cam2", clip.clone()),
        camera("cam3", clip),
    ];
    let config = SimulatorConfig {
        start: Start::Now,
        stagger: Duration::from_secs(2),
        ..config()
    };
    let simulator = Simulator::start(config, cameras).await.unwrap();
    // cam2 starts after 1.24 s: its viewer is there before.
    let seen = Viewer::connect(&url(&simulator, "cam2"), false)
        .await
        .all()
        .await;
    let t0: Vec<u64> = simulator
        .records()
        .iter()
        .map(|record| record.t0_unix_nanos.unwrap())
        .collect();
    let delays = [t0[1] - t0[0], t0[2] - t0[0]].map(|nanos| (nanos as f64 / 1e7).round() / 100.0);
    // Parts 0.618 and 0.236 of two seconds.
    assert_eq!(delays, [1.24, 0.47]);
    let numbers: Vec<u64> = seen
        .iter()
        .map(|seen| frame_number(seen, t0[1], 25.0))
        .collect();
    assert_eq!(numbers, (0..25).collect::<Vec<_>>());
}
