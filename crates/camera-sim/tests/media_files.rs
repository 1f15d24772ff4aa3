//! Media files become cameras: B frames, containers, other codecs, repetition, refusals.
#![allow(
    clippy::unwrap_used,
    reason = "a test panics on what it does not expect"
)]

mod common;

use std::path::Path;
use std::sync::Arc;

use camweave_camera_sim::encode::Encoding;
use camweave_camera_sim::nal::Codec;
use camweave_camera_sim::render::{SceneClip, render_all};
use camweave_camera_sim::timeline::FrameRate;
use camweave_camera_sim::{CameraConfig, media};
use common::{Viewer, camera, frame_number, make_media, plain_clip, run, start, url};

const B_FRAMES: &[&str] = &[
    "-c:v",
    "libx264",
    "-g",
    "12",
    "-bf",
    "3",
    "-b_strategy",
    "0",
];

/// MD5 of every decoded picture, in display order.
async fn picture_sums(input: &str) -> Vec<String> {
    let mut arguments = vec!["-v".to_owned(), "error".to_owned()];
    if input.starts_with("rtsp:") {
        arguments.extend(["-rtsp_transport", "tcp"].map(str::to_owned));
    }
    let rest = [
        "-i",
        input,
        "-fps_mode",
        "passthrough",
        "-f",
        "framemd5",
        "-",
    ];
    arguments.extend(rest.map(str::to_owned));
    let output = run("ffmpeg", arguments).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

/// The pictures that come out of the camera are those of the file, in the same order.
async fn pictures_pass_untouched(name: &str, fps: &str, arguments: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let path = make_media(dir.path(), name, 2, fps, arguments);
    let expected = picture_sums(path.to_str().unwrap()).await;
    let clip = media::load(&path, &Encoding::default()).unwrap();
    assert_eq!(clip.len(), expected.len() as u64);
    let simulator = start(vec![camera("cam1", clip)]).await;
    let received = picture_sums(&url(&simulator, "cam1")).await;
    assert_eq!(received, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_frames_in_mp4() {
    pictures_pass_untouched("b.mp4", "25", B_FRAMES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_frames_in_matroska_at_a_television_rate() {
    pictures_pass_untouched("b.mkv", "30000/1001", B_FRAMES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_frames_in_a_transport_stream() {
    pictures_pass_untouched("b.ts", "25", B_FRAMES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h265_with_cra_pictures_in_mp4() {
    let arguments = [
        "-c:v",
        "libx265",
        "-x265-params",
        "keyint=12:log-level=none",
    ];
    pictures_pass_untouched("cra.mp4", "25", &arguments).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_raw_stream_without_times() {
    let arguments = ["-c:v", "libx264", "-g", "12", "-bf", "0"];
    pictures_pass_untouched("raw.h264", "25", &arguments).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_frames_carry_their_presentation_times() {
    let dir = tempfile::tempdir().unwrap();
    let path = make_media(dir.path(), "b.mp4", 2, "25", B_FRAMES);
    let clip = media::load(&path, &Encoding::default()).unwrap();
    let sent: Vec<u64> = (0..clip.len()).map(|k| clip.frame_number(k)).collect();
    assert!(!sent.is_sorted(), "no B frames in the file");
    let simulator = start(vec![camera("cam1", clip)]).await;
    let frames = Viewer::connect(&url(&simulator, "cam1"), false)
        .await
        .all()
        .await;
    let t0 = simulator.records()[0].t0_unix_nanos.unwrap();
    let numbers: Vec<u64> = frames
        .iter()
        .map(|seen| frame_number(seen, t0, 25.0))
        .collect();
    assert_eq!(numbers, sent);
    for seen in &frames {
        assert!(seen.received_unix_nanos >= seen.captured_unix_nanos - 1_000_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repetitions_go_on_in_time_and_decode() {
    let clip = plain_clip(Codec::H264, 1);
    let simulator = start(vec![CameraConfig {
        frames_total: Some(60),
        ..camera("cam1", clip)
    }])
    .await;
    let url = url(&simulator, "cam1");
    let first = url.clone();
    let sums = tokio::spawn(async move { picture_sums(&first).await });
    while simulator.records()[0].plays == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let frames = Viewer::connect(&url, false).await.all().await;
    let t0 = simulator.records()[0].t0_unix_nanos.unwrap();
    let numbers: Vec<u64> = frames
        .iter()
        .map(|seen| frame_number(seen, t0, 25.0))
        .collect();
    assert_eq!(numbers, (numbers[0]..60).collect::<Vec<_>>());
    let sums = sums.await.unwrap();
    assert_eq!(
        sums.len(),
        60,
        "pictures decoded over two repetitions and a part"
    );
    assert_eq!(
        sums[..35],
        sums[25..],
        "the same pictures one repetition later"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_codecs_are_encoded_to_h264() {
    let dir = tempfile::tempdir().unwrap();
    let path = make_media(
        dir.path(),
        "old.avi",
        1,
        "25",
        &["-c:v", "mpeg4", "-q:v", "2"],
    );
    let clip = media::load(&path, &Encoding::default()).unwrap();
    assert_eq!(
        (clip.codec, clip.width, clip.height, clip.len()),
        (Codec::H264, 320, 180, 25)
    );
    let simulator = start(vec![camera("cam1", clip)]).await;
    assert_eq!(picture_sums(&url(&simulator, "cam1")).await.len(), 25);
}

#[test]
fn refusals_name_the_file_and_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let load = |path: &Path| {
        let error = media::load(path, &Encoding::default())
            .expect_err("refused")
            .to_string();
        assert!(
            !error.contains('\n') && error.contains(path.to_str().unwrap()),
            "{error}"
        );
        error
    };
    let missing = load(&dir.path().join("missing.mp4"));
    assert!(missing.contains("No such file"), "{missing}");
    let text = dir.path().join("notes.mp4");
    std::fs::write(&text, "these are notes, and no video\n".repeat(50)).unwrap();
    let text = load(&text);
    assert!(text.contains("not a media file"), "{text}");
    let sound = make_media(
        dir.path(),
        "sound.wav",
        1,
        "25",
        &["-f", "lavfi", "-i", "sine=d=1", "-map", "1:a"],
    );
    let sound = load(&sound);
    assert!(sound.contains("no video track"), "{sound}");
    let directory = load(dir.path());
    assert!(directory.contains("directory"), "{directory}");
    let cut = make_media(dir.path(), "cut.mp4", 1, "25", &["-c:v", "libx264"]);
    let bytes = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    load(&cut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenes_are_served_with_their_truth() {
    for codec in [Codec::H264, Codec::H265] {
        let scenes = ["cam1", "cam2"].map(|camera| SceneClip {
            camera: camera.to_owned(),
            seed: 1_001_001,
            width: 320,
            height: 180,
            rate: FrameRate::parse("10").unwrap(),
            seconds: 1.5,
            stamp: false,
            encoding: Encoding {
                codec,
                ..Encoding::default()
            },
        });
        let mut rendered = render_all(&scenes, 2, &|| {}).unwrap();
        let (again, scene) = (rendered.pop().unwrap(), rendered.pop().unwrap());
        assert_eq!(again.truth, scene.truth);
        assert!(scene.truth.iter().any(|frame| !frame.objects.is_empty()));
        let offsets: Vec<u64> = scene
            .truth
            .iter()
            .map(|frame| frame.captured_offset_nanos)
            .collect();
        assert_eq!(
            offsets,
            (0..15).map(|n| n * 100_000_000).collect::<Vec<_>>()
        );
        let keyframes: Vec<u64> = (0..15)
            .filter(|&k| scene.clip.unit(k).random_access)
            .collect();
        assert_eq!(keyframes, [0, 10], "one keyframe a second");
        let cameras = vec![CameraConfig {
            id: "cam1".to_owned(),
            clip: Arc::new(scene.clip),
            truth: scene.truth,
            frames_total: Some(15),
            faults: Vec::new(),
        }];
        let simulator = start(cameras).await;
        assert_eq!(picture_sums(&url(&simulator, "cam1")).await.len(), 15);
    }
}
