//! Every frame of a camera arrives, whole, in order and with its capture time.

mod support;

use camweave_message::{CapturedClock, Codec};
use support::{
    Cameras, X264, X264_B_FRAMES, X265_OPEN, camera, clip, folder, hashes_of, make, open,
    picture_hashes,
};

/// Capture times are exact to a tick of the RTP clock.
const TICK_NANOS: i64 = 1_000_000_000 / 90_000 + 1;
const FRAME_NANOS: i64 = 40_000_000;

fn every_frame_arrives(arguments: &[&str], transport: &str, codec: Codec) {
    let folder = folder();
    let file = make(folder.path(), "clip.mp4", 30, arguments);
    let cameras = Cameras::start(vec![camera("gate", &clip(&file), Some(30), &[])], None, 0);
    let yaml = format!(
        "  - {{id: gate, url: 'rtsp://127.0.0.1:{}/gate', transport: {transport}}}\n",
        cameras.port()
    );
    let mut source = open(
        &yaml,
        &[("RECONNECT_MIN_MS", "5000"), ("RECONNECT_MAX_MS", "5000")],
    )
    .expect("a source");
    source.run_until("the end of the stream", |source| source.has_ended("gate"));
    let t0 = cameras.t0_unix_nanos();
    let sessions = source.sessions("gate");
    let (end, frames) = sessions[0].split_last().expect("units");
    assert!(end.data.is_empty());
    assert_eq!(frames.len(), 30);
    assert!(
        frames
            .iter()
            .all(|unit| unit.codec == codec && unit.lost_packets == 0)
    );

    let mut captured = Vec::new();
    for unit in frames {
        assert_eq!(unit.id.captured_clock, CapturedClock::SenderReport);
        let first = &frames[0].id;
        let since = unit.id.captured_unix_nanos - first.captured_unix_nanos;
        assert!(
            (since - unit.id.pts_nanos).abs() <= 2 * TICK_NANOS,
            "{since} {:?}",
            unit.id
        );
        captured.push(unit.id.captured_unix_nanos);
    }
    captured.sort_unstable();
    for (number, captured) in captured.iter().enumerate() {
        let expected = t0 + number as i64 * FRAME_NANOS;
        assert!(
            (captured - expected).abs() <= TICK_NANOS,
            "frame {number}: {captured} {expected}"
        );
    }

    let extension = if codec == Codec::H264 { "h264" } else { "h265" };
    let hashes = hashes_of(&file);
    let all = picture_hashes(folder.path(), &format!("all.{extension}"), frames);
    assert_eq!(all, hashes);
    // One can join at each entry, and there are three.
    let entries: Vec<usize> = (0..30).filter(|&index| frames[index].keyframe).collect();
    assert_eq!(entries.len(), 3, "{entries:?}");
    let joined = picture_hashes(
        folder.path(),
        &format!("joined.{extension}"),
        &frames[entries[2]..],
    );
    assert!(
        joined.len() >= 30 - entries[2] - 4,
        "{} pictures",
        joined.len()
    );
    assert_eq!(joined[joined.len() - 5..], hashes[25..]);
}

#[test]
fn h264_over_tcp() {
    every_frame_arrives(X264, "tcp", Codec::H264);
}

#[test]
fn h264_with_b_frames_over_udp() {
    every_frame_arrives(X264_B_FRAMES, "udp", Codec::H264);
}

#[test]
fn h265_with_open_groups_over_tcp() {
    every_frame_arrives(X265_OPEN, "tcp", Codec::H265);
}

#[test]
fn h265_with_open_groups_over_udp() {
    every_frame_arrives(X265_OPEN, "udp", Codec::H265);
}

#[test]
fn one_who_comes_later_can_begin_at_the_next_entry() {
    let folder = folder();
    let file = make(folder.path(), "clip.mp4", 50, X265_OPEN);
    let cameras = Cameras::start(vec![camera("gate", &clip(&file), None, &[])], None, 0);
    let yaml = format!(
        "  - {{id: gate, url: 'rtsp://127.0.0.1:{}/gate'}}\n",
        cameras.port()
    );
    let mut first = open(&yaml, &[]).expect("a source");
    first.run_until("some frames", |source| source.units.len() > 13);
    let mut second = open(&yaml, &[]).expect("a source");
    second.run_until("some frames", |source| source.units.len() > 30);
    second.close();
    let session = &second.sessions("gate")[0];
    // No IDR comes for two seconds, and in the band there are no parameter sets but with it.
    let entry = session
        .iter()
        .position(|unit| unit.keyframe)
        .expect("an entry");
    assert!((1..=10).contains(&entry), "{entry}");
    let pictures = picture_hashes(folder.path(), "joined.h265", &session[entry..]);
    let all = hashes_of(&file);
    assert!(
        pictures.len() >= session.len() - entry - 5,
        "{}",
        pictures.len()
    );
    assert!(pictures.iter().skip(4).all(|picture| all.contains(picture)));
}

#[test]
fn lost_packets_are_told() {
    let folder = folder();
    let file = make(folder.path(), "clip.mp4", 50, X264);
    let lossy = camera("gate", &clip(&file), Some(50), &["loss=0.05"]);
    let cameras = Cameras::start(vec![lossy], None, 0);
    let yaml = format!(
        "  - {{id: gate, url: 'rtsp://127.0.0.1:{}/gate', transport: udp}}\n",
        cameras.port()
    );
    let mut source = open(
        &yaml,
        &[("RECONNECT_MIN_MS", "5000"), ("RECONNECT_MAX_MS", "5000")],
    )
    .expect("a source");
    source.run_until("the end of the stream", |source| source.has_ended("gate"));
    let lost: u64 = source
        .units
        .iter()
        .map(|unit| u64::from(unit.lost_packets))
        .sum();
    let record = &cameras.simulator().records()[0];
    assert!(record.packets_lost > 0);
    // Losses after the last frame that arrived are seen by nobody.
    assert!(
        lost > 0 && lost <= record.packets_lost,
        "{lost} of {}",
        record.packets_lost
    );
    assert!(
        source.units.len() < 51,
        "a frame that misses packets is not given out"
    );
}
