//! Every container and codec gives the pictures that it holds, from any keyframe.

mod support;

use std::path::Path;

use camweave_message::{CapturedClock, Codec, Unit};
use support::{folder, frames, make, open, packets, picture_hashes, write_ivf, write_stream};

fn play(folder: &Path, file: &Path) -> Vec<Unit> {
    let files = format!("cam={}", file.display());
    let mut run = open(folder, &[("FILES", &files), ("PACE", "fast")]).expect("a media file");
    let units = run.play_to_end();
    let frames = frames(&run, "cam", &units);
    assert_eq!(run.counters("cam").state.as_deref(), Some("ended"));
    assert!(run.counters("cam").errors.is_empty());
    frames
}

/// Presentation times in nanoseconds since the first packet's, by `ffprobe`.
fn probed_pts(file: &Path) -> Vec<i64> {
    let seconds: Vec<f64> = packets(file, "pts_time")
        .iter()
        .map(|text| text.parse().expect("a time for each packet"))
        .collect();
    seconds
        .iter()
        .map(|pts| ((pts - seconds[0]) * 1e9).round() as i64)
        .collect()
}

fn check(file: &Path, codec: Codec, extension: &str, count: usize) {
    let folder = file.parent().expect("a folder");
    let units = play(folder, file);
    assert_eq!(units.len(), count);
    assert!(units.iter().all(|unit| unit.codec == codec));
    assert!(
        units
            .iter()
            .all(|unit| unit.id.captured_clock == CapturedClock::File)
    );
    assert!(
        units
            .windows(2)
            .all(|pair| { pair[0].id.captured_unix_nanos <= pair[1].id.captured_unix_nanos })
    );
    // Bit for bit the same pictures, from the first unit on and from each later entry.
    let hashes = picture_hashes(file);
    assert_eq!(hashes.len(), count);
    assert_eq!(
        picture_hashes(&write_stream(folder, &format!("all.{extension}"), &units)),
        hashes
    );
    let entries: Vec<usize> = (0..count).filter(|&index| units[index].keyframe).collect();
    assert!(entries.len() >= 2 && entries[0] == 0, "{entries:?}");
    for entry in entries {
        let joined = write_stream(folder, &format!("joined.{extension}"), &units[entry..]);
        let joined = picture_hashes(&joined);
        // After a CRA its leading pictures are not decodable.
        assert!(joined.len() + 4 >= count - entry && joined.len() <= count - entry);
        let skipped = joined.len().min(4);
        assert_eq!(
            hashes[count - joined.len() + skipped..],
            joined[skipped..],
            "from unit {entry}"
        );
    }
}

const X264: &[&str] = &[
    "-c:v",
    "libx264",
    "-pix_fmt",
    "yuv420p",
    "-x264-params",
    "keyint=12:bframes=3:b-adapt=0",
];
const X265: &[&str] = &[
    "-c:v",
    "libx265",
    "-pix_fmt",
    "yuv420p",
    "-x265-params",
    "keyint=12:min-keyint=12:bframes=3:log-level=error",
];

#[test]
fn mp4_h264_with_b_frames() {
    let folder = folder();
    let file = make(folder.path(), "clip.mp4", "2", X264);
    check(&file, Codec::H264, "h264", 50);
    let units = play(folder.path(), &file);
    let pts: Vec<i64> = units.iter().map(|unit| unit.id.pts_nanos).collect();
    assert_eq!(pts, probed_pts(&file));
    assert!(
        pts.windows(2).any(|pair| pair[1] < pair[0]),
        "units come in decoding order"
    );
    let keys: Vec<bool> = packets(&file, "flags")
        .iter()
        .map(|it| it.starts_with('K'))
        .collect();
    assert_eq!(
        units.iter().map(|unit| unit.keyframe).collect::<Vec<_>>(),
        keys
    );
}

#[test]
fn mkv_h265_with_open_groups() {
    let folder = folder();
    let file = make(folder.path(), "clip.mkv", "2", X265);
    check(&file, Codec::H265, "h265", 50);
    let units = play(folder.path(), &file);
    assert_eq!(
        units
            .iter()
            .map(|unit| unit.id.pts_nanos)
            .collect::<Vec<_>>(),
        probed_pts(&file)
    );
}

#[test]
fn mp4_h265() {
    let folder = folder();
    check(
        &make(folder.path(), "clip.mp4", "2", X265),
        Codec::H265,
        "h265",
        50,
    );
}

#[test]
fn transport_stream_h264() {
    let folder = folder();
    let file = make(folder.path(), "clip.ts", "2", X264);
    check(&file, Codec::H264, "h264", 50);
    let units = play(folder.path(), &file);
    assert_eq!(
        units
            .iter()
            .map(|unit| unit.id.pts_nanos)
            .collect::<Vec<_>>(),
        probed_pts(&file)
    );
}

#[test]
fn raw_h264_follows_its_frame_rate() {
    let folder = folder();
    let file = make(folder.path(), "clip.h264", "2", X264);
    check(&file, Codec::H264, "all.h264", 50);
    let units = play(folder.path(), &file);
    let mut pts: Vec<i64> = units.iter().map(|unit| unit.id.pts_nanos).collect();
    pts.sort_unstable();
    assert!(
        pts.windows(2).all(|pair| pair[1] - pair[0] == 40_000_000),
        "{pts:?}"
    );
}

#[test]
fn webm_vp9() {
    let folder = folder();
    let arguments = [
        "-c:v",
        "libvpx-vp9",
        "-g",
        "12",
        "-b:v",
        "200k",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
    ];
    let file = make(folder.path(), "clip.webm", "1", &arguments);
    let units = play(folder.path(), &file);
    assert_eq!(units.len(), 25);
    assert_eq!(units[0].codec, Codec::Vp9);
    let keys: Vec<bool> = packets(&file, "flags")
        .iter()
        .map(|it| it.starts_with('K'))
        .collect();
    assert_eq!(
        units.iter().map(|unit| unit.keyframe).collect::<Vec<_>>(),
        keys
    );
    let hashes = picture_hashes(&file);
    assert_eq!(
        picture_hashes(&write_ivf(folder.path(), "all.ivf", *b"VP90", &units)),
        hashes
    );
    assert_eq!(
        picture_hashes(&write_ivf(
            folder.path(),
            "joined.ivf",
            *b"VP90",
            &units[12..]
        )),
        hashes[12..]
    );
}

#[test]
fn mp4_av1_begins_with_its_sequence_header() {
    let folder = folder();
    let arguments = [
        "-c:v",
        "libaom-av1",
        "-g",
        "6",
        "-cpu-used",
        "8",
        "-usage",
        "realtime",
    ];
    let file = make(folder.path(), "clip.mp4", "0.48", &arguments);
    let units = play(folder.path(), &file);
    assert_eq!(units.len(), 12);
    let hashes = picture_hashes(&file);
    for entry in (0..12).filter(|&index| units[index].keyframe) {
        let joined = write_ivf(folder.path(), "joined.ivf", *b"AV01", &units[entry..]);
        assert_eq!(
            picture_hashes(&joined),
            hashes[entry..],
            "from unit {entry}"
        );
    }
    assert!(units.iter().filter(|unit| unit.keyframe).count() >= 2);
}
