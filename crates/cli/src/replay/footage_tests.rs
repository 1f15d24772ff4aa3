//! Frames of files that FFmpeg has encoded, against those that FFmpeg decodes.

use std::process::Command;

use camweave_recording::FrameNote;

use super::*;

const SIZE: (u32, u32) = (320, 176);
const UPRIGHT: [i32; 4] = [1, 0, 0, 1];

fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments)
        .output()
        .expect("the ffmpeg command (Debian package ffmpeg)");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    output.stdout
}

struct Footage {
    folder: tempfile::TempDir,
    frames: Vec<ClipFrame>,
}

impl Footage {
    /// Six seconds at 10 frames/s, a keyframe every 2 s.
    fn new(encoder: &[&str], matrix_of_clip: [i32; 4]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let scene = format!("testsrc2=size={}x{}:rate=10:duration=6", SIZE.0, SIZE.1);
        let mut encode = vec!["-f", "lavfi", "-i", &scene, "-pix_fmt", "yuv420p"];
        encode.extend(encoder);
        let clip = at("clip.mp4");
        let flags = "frag_keyframe+empty_moov+default_base_moof";
        encode.extend(["-movflags", flags, &clip]);
        ffmpeg(&encode);
        let mut bytes = std::fs::read(&clip).expect("readable");
        let header = bytes.windows(4).position(|it| it == b"tkhd");
        // ISO/IEC 14496-12, section 8.3.2: a and b are followed by u, and c and d by v.
        let matrix = header.expect("a track header") + 4 + 40;
        for (number, place) in matrix_of_clip.iter().zip([0, 1, 3, 4]) {
            let number = (number * 65_536_i32).to_be_bytes();
            bytes[matrix + 4 * place..][..4].copy_from_slice(&number);
        }
        std::fs::write(&clip, bytes).expect("writable");
        let mut reader = Reader::open(&folder.path().join("clip.mp4")).expect("a clip");
        let mut frames = Vec::new();
        while let Read::Unit(unit) = reader.read() {
            let frame = FrameNote {
                at: unit.pts_nanos as f64 / 1e9,
                sequence: 700 + frames.len() as u64,
                pts_nanos: unit.pts_nanos,
                captured_unix_nanos: unit.pts_nanos,
                captured_clock: "file".to_owned(),
                keyframe: unit.keyframe,
            };
            let detections = None;
            frames.push(ClipFrame { frame, detections });
        }
        assert_eq!(frames.len(), 60);
        Self { folder, frames }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("clip.mp4")
    }

    fn decode(&self, sequences: &[u64]) -> BTreeMap<u64, Result<Image, String>> {
        let mut found = BTreeMap::new();
        decode(&self.path(), &self.frames, sequences, |sequence, image| {
            assert!(found.insert(sequence, image).is_none(), "{sequence} twice");
        });
        found
    }

    /// Each of these frames is the one that FFmpeg presents at that time, and no other.
    fn check(&self, sequences: &[u64], (width, height): (u32, u32)) {
        let clip = self.path().display().to_string();
        let raw = ffmpeg(&["-i", &clip, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
        let expected: Vec<&[u8]> = raw.chunks(3 * (width * height) as usize).collect();
        assert_eq!(expected.len(), 60);
        let mut times: Vec<f64> = self.frames.iter().map(|it| it.frame.at).collect();
        times.sort_by(f64::total_cmp);
        let found = self.decode(sequences);
        assert_eq!(found.len(), sequences.len());
        for (sequence, image) in found {
            let image = image.unwrap_or_else(|why| panic!("{sequence}: {why}"));
            assert_eq!((image.width, image.height), (width, height));
            let off = |other: &&[u8]| -> u64 {
                let pairs = image.rgb.iter().zip(*other);
                pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
            };
            let at = self.frames[sequence as usize - 700].frame.at;
            let place = times.iter().position(|it| *it == at).expect("a time");
            let offs: Vec<u64> = expected.iter().map(off).collect();
            let nearest = (0..60).min_by_key(|it| offs[*it]);
            assert_eq!(nearest, Some(place), "{sequence}");
            let mean = offs[place] as f64 / image.rgb.len() as f64;
            assert!(mean < 1.5, "{sequence}: {mean}");
        }
    }
}

const H264: [&str; 8] = [
    "-c:v",
    "libx264",
    "-bf",
    "3",
    "-g",
    "20",
    "-sc_threshold",
    "0",
];

#[test]
fn frames_of_any_place_are_those_that_a_player_shows() {
    let footage = Footage::new(&H264, UPRIGHT);
    // The first, the last, neighbours, those around a keyframe.
    footage.check(&[700, 759, 731, 732, 733, 719, 720, 721, 722], SIZE);
}

#[test]
fn frames_before_a_keyframe_that_come_after_it_are_decoded_from_the_one_before() {
    let options = "log-level=error:keyint=20:min-keyint=20:scenecut=0:open-gop=1:bframes=3";
    let footage = Footage::new(&["-c:v", "libx265", "-x265-params", options], UPRIGHT);
    let leading = (1..60).find(|it| {
        let before = &footage.frames[*it - 1].frame;
        before.keyframe && footage.frames[*it].frame.at < before.at
    });
    let leading = 700 + leading.expect("an open group of pictures") as u64;
    footage.check(&[leading], SIZE);
    footage.check(&[leading - 1, leading, leading + 1, 759], SIZE);
}

#[test]
fn a_rotated_frame_is_upright() {
    Footage::new(&H264, [0, 1, -1, 0]).check(&[745], (SIZE.1, SIZE.0));
    Footage::new(&H264, [-1, 0, 0, -1]).check(&[707], SIZE);
}

#[test]
fn what_cannot_be_decoded_costs_itself_alone() {
    let footage = Footage::new(&H264, UPRIGHT);
    assert!(footage.decode(&[5])[&5].is_err(), "of no such number");
    // The file ends within the second group of pictures.
    let bytes = std::fs::read(footage.path()).expect("readable");
    std::fs::write(footage.path(), &bytes[..bytes.len() / 2]).expect("writable");
    let found = footage.decode(&[702, 759]);
    assert!(found[&702].is_ok() && found[&759].is_err(), "{found:?}");
    std::fs::remove_file(footage.path()).expect("removable");
    assert!(footage.decode(&[702])[&702].is_err());
}
