//! Makes the clips with FFmpeg's commands.

use std::path::Path;
use std::process::Command;

use super::{Clip, Coded, Kind};

const CODED: &[(&str, &str, &str)] = &[
    // Name, size, encoder's arguments.
    (
        "h264-baseline",
        "320x180",
        "-c:v libx264 -profile:v baseline -g 20",
    ),
    (
        "h264-main-b",
        "320x180",
        "-c:v libx264 -profile:v main -bf 2 -g 20",
    ),
    (
        "h264-high-b",
        "640x360",
        "-c:v libx264 -profile:v high -bf 3 -b_strategy 0 -refs 4 -g 30",
    ),
    (
        "h264-camera",
        "640x360",
        "-c:v libx264 -profile:v high -bf 0 -refs 1 -g 25",
    ),
    (
        "h264-1080p-cropped",
        "1920x1080",
        "-c:v libx264 -preset ultrafast -bf 2 -b_strategy 0 -g 30",
    ),
    (
        "h264-interlaced",
        "320x192",
        "-c:v libx264 -flags +ildct+ilme -bf 2 -g 20",
    ),
    (
        "h264-still",
        "640x360",
        "-c:v libx264 -profile:v main -bf 2 -b_strategy 0 -g 30",
    ),
    (
        "h265-main",
        "320x180",
        "-c:v libx265 -x265-params log-level=none:open-gop=0:keyint=20",
    ),
    (
        "h265-main-low-delay",
        "320x180",
        "-c:v libx265 -x265-params log-level=none:bframes=0:keyint=20",
    ),
    (
        "h265-main10",
        "320x180",
        "-c:v libx265 -pix_fmt yuv420p10le -x265-params log-level=none:keyint=20",
    ),
    (
        "h265-main10-still",
        "320x180",
        "-c:v libx265 -pix_fmt yuv420p10le -x265-params log-level=none:bframes=0:keyint=30",
    ),
    (
        "h265-open-gop",
        "640x360",
        "-c:v libx265 -x265-params log-level=none:keyint=20",
    ),
    (
        "vp9",
        "320x180",
        "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -auto-alt-ref 1 -lag-in-frames 8",
    ),
];

/// A clip of 60 pictures, which are all alike where its name ends so, or of two sizes one after the other.
pub fn clip(name: &str) -> Clip {
    if name == "h264-size-change" {
        let [small, large] = ["h264-main-b", "h264-high-b"].map(clip);
        return clip("h264-high-b").then(small).then(large);
    }
    let (_, size, encoder) = CODED
        .iter()
        .find(|(known, ..)| *known == name)
        .unwrap_or_else(|| panic!("no clip {name}"));
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let file = folder.path().join("clip.mkv");
    let pattern = if name.ends_with("-still") {
        "smptebars"
    } else {
        "testsrc2"
    };
    let source = format!("{pattern}=size={size}:rate=25");
    run(Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-loglevel",
            "error",
            "-f",
            "lavfi",
            "-i",
            &source,
        ])
        .args(["-frames:v", "60", "-pix_fmt", "yuv420p"])
        .args(encoder.split(' '))
        .arg(&file));
    let kind = match name.split('-').next().unwrap_or_default() {
        "h264" => Kind::H264,
        "h265" => Kind::H265,
        _ => Kind::Vp9,
    };
    let pts = probe(&file, "packet=pts");
    let data = units(&file, kind);
    assert_eq!(data.len(), pts.len(), "one unit per packet of {name}");
    let format = if encoder.contains("10le") {
        "p010le"
    } else {
        "nv12"
    };
    let hashes = run(Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-i"])
        .arg(&file)
        .args([
            "-fps_mode",
            "passthrough",
            "-pix_fmt",
            format,
            "-f",
            "framemd5",
            "-",
        ]));
    let pictures = hashes
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit(',').next())
        .map(|hash| hash.trim().to_owned())
        .collect();
    Clip {
        kind,
        units: data
            .into_iter()
            .zip(pts)
            .map(|(data, pts)| Coded { data, pts })
            .collect(),
        pictures,
    }
}

/// The units of a file: access units in Annex B, or the frames of an IVF file.
fn units(file: &Path, kind: Kind) -> Vec<Vec<u8>> {
    let (filter, format) = match kind {
        Kind::H264 => ("h264_mp4toannexb", "h264"),
        Kind::H265 => ("hevc_mp4toannexb", "hevc"),
        Kind::Vp9 => ("null", "ivf"),
    };
    let raw = file.with_extension(format);
    run(Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-i"])
        .arg(file)
        .args(["-c", "copy", "-bsf:v", filter, "-f", format])
        .arg(&raw));
    let data = std::fs::read(&raw).expect("ffmpeg wrote it");
    let (mut from, header) = match kind {
        Kind::Vp9 => (32, 12), // of the IVF file, and of each frame
        _ => (0, 0),
    };
    let mut units = Vec::new();
    for bytes in probe(&raw, "packet=size") {
        let start = from + header;
        from = start + usize::try_from(bytes).expect("a size");
        units.push(data[start..from].to_vec());
    }
    assert_eq!(from, data.len(), "the packets are the file");
    units
}

/// Numbers that ffprobe tells of each packet.
fn probe(file: &Path, entries: &str) -> Vec<i64> {
    let text = run(Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v",
            "-of",
            "csv=p=0",
            "-show_entries",
            entries,
        ])
        .arg(file));
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let number = line.trim().trim_end_matches(',');
            number
                .parse()
                .unwrap_or_else(|_| panic!("a number: {line}"))
        })
        .collect()
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("FFmpeg's commands are installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
