//! FFmpeg decodes what is written to the same frames as the file that the access units come from, and
//! writes the same decoder configuration records.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use camweave_bitstream::{NalCodec, NalKind, StartCodes};
use camweave_fmp4::{Sample, Track, random_access, scan};
use mp4_atom::{Any, Codec, Hvcc, ReadFrom as _};

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .expect("the ffmpeg command (Debian package ffmpeg)");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).expect("text")
}

fn ffmpeg(input: &[&str], options: &[&str], output: &Path) {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-y"])
        .args(input)
        .args(options);
    run(command.arg(output));
}

/// The MD5 of each frame, in presentation order.
fn hashes(path: &Path) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path);
    let text = run(command.args(["-fps_mode", "passthrough", "-f", "framemd5", "-"]));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| Some(line.rsplit(',').next()?.trim().to_owned()))
        .collect()
}

struct Packet {
    pts: i64,
    dts: i64,
}

/// A file as FFmpeg writes it, and its access units as a source gives them.
struct Source {
    path: PathBuf,
    codec: NalCodec,
    units: Vec<Vec<u8>>,
    packets: Vec<Packet>,
}

impl Source {
    fn new(folder: &Path, codec: NalCodec, options: &[&str]) -> Self {
        let (name, tag) = match codec {
            NalCodec::H264 => ("h264", "avc1"),
            NalCodec::H265 => ("hevc", "hvc1"),
        };
        let path = folder.join("source.mp4");
        let scene = "testsrc2=size=190x130:rate=25:duration=3";
        let tag = ["-tag:v", tag, "-video_track_timescale", "12800"];
        ffmpeg(
            &["-f", "lavfi", "-i", scene],
            &[options, &tag].concat(),
            &path,
        );
        let stream = folder.join(name);
        let filters = format!("{name}_mp4toannexb,{name}_metadata=aud=insert");
        let input = path.to_str().expect("a plain name");
        ffmpeg(
            &["-i", input],
            &["-c", "copy", "-bsf:v", &filters, "-f", name],
            &stream,
        );
        let mut command = Command::new("ffprobe");
        command.args([
            "-v",
            "error",
            "-show_entries",
            "packet=pts,dts",
            "-of",
            "csv=p=0",
        ]);
        let packets = run(command.arg(&path));
        let packets = packets.lines().map(|line| {
            let mut fields = line.split(',');
            let mut time = || {
                fields
                    .next()
                    .and_then(|it| it.parse().ok())
                    .expect("a time")
            };
            Packet {
                pts: time(),
                dts: time(),
            }
        });
        let bytes = std::fs::read(&stream).expect("the stream");
        let source = Self {
            path,
            codec,
            units: access_units(codec, &bytes),
            packets: packets.collect(),
        };
        assert_eq!(source.units.len(), source.packets.len());
        source
    }

    fn track(&self) -> Track {
        Track::new(self.codec, &self.units[0], 12800).expect("a keyframe")
    }

    /// A file of fragments with so many samples each.
    fn fragments(&self, samples: usize) -> Vec<u8> {
        let track = self.track();
        let mut bytes = track.initialization().expect("boxes");
        // Decode times begin at 0, and those of FFmpeg before it.
        let begin = self.packets[0].dts;
        let all: Vec<Sample<'_>> = (0..self.units.len())
            .map(|index| Sample {
                unit: &self.units[index],
                duration: 512,
                composition_offset: (self.packets[index].pts - self.packets[index].dts) as i32,
            })
            .collect();
        for (index, chunk) in all.chunks(samples).enumerate() {
            let decode_time = (self.packets[index * samples].dts - begin) as u64;
            let fragment = track.fragment(index as u32 + 1, decode_time, chunk);
            bytes.extend(fragment.expect("boxes"));
        }
        bytes
    }

    /// The sample entry that FFmpeg has written.
    fn entry(&self) -> Codec {
        entry(std::fs::read(&self.path).expect("the file").as_slice())
    }
}

fn entry(mut bytes: &[u8]) -> Codec {
    while let Ok(any) = Any::read_from(&mut bytes) {
        if let Any::Moov(moov) = any {
            return moov.trak[0].mdia.minf.stbl.stsd.codecs[0].clone();
        }
    }
    panic!("no moov");
}

/// Each begins with its delimiter.
fn access_units(codec: NalCodec, bytes: &[u8]) -> Vec<Vec<u8>> {
    let begins = StartCodes::new(bytes)
        .filter(|code| codec.kind(&bytes[code.nal_at..]) == NalKind::Delimiter)
        .map(|code| code.code_at);
    let begins: Vec<usize> = begins.chain([bytes.len()]).collect();
    let pairs = begins.windows(2);
    pairs.map(|it| bytes[it[0]..it[1]].to_vec()).collect()
}

fn check(codec: NalCodec, options: &[&str], has_b_frames: bool) -> Source {
    let folder = tempfile::tempdir().expect("a folder");
    let source = Source::new(folder.path(), codec, options);
    let is_reordered = !source.packets.is_sorted_by_key(|it| it.pts);
    assert_eq!(is_reordered, has_b_frames, "{options:?}");
    let expected = hashes(&source.path);
    assert_eq!(expected.len(), 75);
    for samples in [1, 10] {
        let path = folder.path().join("fragments.mp4");
        std::fs::write(&path, source.fragments(samples)).expect("writable");
        assert_eq!(
            hashes(&path),
            expected,
            "{samples} samples a fragment, {options:?}"
        );
    }
    let ours = entry(&source.track().initialization().expect("boxes"));
    match (ours, source.entry()) {
        (Codec::Avc1(ours), Codec::Avc1(theirs)) => assert_eq!(ours.avcc, theirs.avcc),
        (Codec::Hvc1(ours), Codec::Hvc1(theirs)) => {
            assert_eq!(profile(ours.hvcc), profile(theirs.hvcc));
        }
        (ours, theirs) => panic!("{ours:?}, {theirs:?}"),
    }
    source
}

/// FFmpeg adds x265's messages to the arrays, and what it reads of the VUI.
fn profile(hvcc: Hvcc) -> Hvcc {
    let is_set = |kind| (32..=34).contains(&kind);
    Hvcc {
        arrays: hvcc
            .arrays
            .into_iter()
            .filter(|it| is_set(it.nal_unit_type))
            .collect(),
        min_spatial_segmentation_idc: 0,
        parallelism_type: 0,
        ..hvcc
    }
}

#[test]
fn h264_with_b_frames() {
    let options = [
        "-c:v", "libx264", "-bf", "3", "-g", "12", "-pix_fmt", "yuv420p",
    ];
    let source = check(NalCodec::H264, &options, true);
    assert!(source.track().codec_name().starts_with("avc1.6400"));
}

#[test]
fn h264_as_cameras_send_it() {
    let options = [
        "-c:v",
        "libx264",
        "-profile:v",
        "baseline",
        "-g",
        "25",
        "-pix_fmt",
        "yuv420p",
    ];
    let source = check(NalCodec::H264, &options, false);
    assert!(source.track().codec_name().starts_with("avc1.42"));
}

#[test]
fn h264_of_ten_bits_and_4_2_2() {
    let options = ["-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv422p10le"];
    check(NalCodec::H264, &options, true);
}

#[test]
fn h265_with_b_frames() {
    let options = [
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=error:keyint=12:bframes=3:open-gop=0",
        "-pix_fmt",
        "yuv420p",
    ];
    let source = check(NalCodec::H265, &options, true);
    let name = source.track().codec_name().to_owned();
    assert!(name.starts_with("hvc1.1.6.L"), "{name}");
}

#[test]
fn h265_of_ten_bits() {
    let options = [
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=error:keyint=25:bframes=0",
        "-pix_fmt",
        "yuv420p10le",
    ];
    let source = check(NalCodec::H265, &options, false);
    let name = source.track().codec_name().to_owned();
    assert!(name.starts_with("hvc1.2.4.L"), "{name}");
}

/// A file as a recorder leaves it, with ten samples a fragment.
fn file(source: &Source, degrees: u16, mirrored: bool) -> Vec<u8> {
    let track = source.track().shown(degrees, mirrored);
    let head = track.file_head().expect("boxes");
    let live = source.track().initialization().expect("boxes");
    let fragments = source.fragments(10);
    let mut bytes = head.bytes;
    bytes.extend(&fragments[live.len()..]);
    let whole = scan(&mut Cursor::new(&bytes)).expect("in memory");
    let end = whole.fragments.last().expect("fragments").end_time;
    bytes[head.duration_at..][..8].copy_from_slice(&end.to_be_bytes());
    bytes.extend(random_access(&whole.fragments).expect("boxes"));
    bytes
}

const BASELINE: [&str; 8] = [
    "-c:v",
    "libx264",
    "-profile:v",
    "baseline",
    "-g",
    "20",
    "-pix_fmt",
    "yuv420p",
];

#[test]
fn a_file_has_a_duration_and_an_index_and_is_shown_as_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = Source::new(folder.path(), NalCodec::H264, &BASELINE);
    let path = folder.path().join("file.mp4");
    let filtered = |filter: &str| {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-i"]).arg(&source.path);
        let command = command.args(["-vf", filter, "-f", "framemd5", "-"]);
        let text = run(command);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| Some(line.rsplit(',').next()?.trim().to_owned()))
            .collect::<Vec<_>>()
    };
    for (degrees, mirrored, filter) in [
        (0, false, "null"),
        (90, false, "transpose=1"),
        (180, false, "hflip,vflip"),
        (270, false, "transpose=2"),
        (0, true, "hflip"),
    ] {
        std::fs::write(&path, file(&source, degrees, mirrored)).expect("writable");
        assert_eq!(hashes(&path), filtered(filter), "{degrees}, {mirrored}");
    }
    let mut command = Command::new("ffprobe");
    command.args([
        "-v",
        "error",
        "-show_entries",
        "format=duration",
        "-of",
        "csv=p=0",
    ]);
    assert_eq!(run(command.arg(&path)).trim(), "3.000000");
    // A player that seeks finds the keyframe, which is in the middle of no fragment.
    let mut command = Command::new("ffprobe");
    command.args([
        "-v",
        "error",
        "-read_intervals",
        "2%+#1",
        "-show_entries",
        "packet=pts_time,flags",
    ]);
    let first = run(command.args(["-of", "csv=p=0"]).arg(&path));
    assert!(first.starts_with("1.600000,K"), "{first}");
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_whole_up_to_its_last_fragment() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = Source::new(folder.path(), NalCodec::H264, &BASELINE);
    let bytes = file(&source, 0, false);
    let all = scan(&mut Cursor::new(&bytes)).expect("in memory");
    assert_eq!((all.samples(), all.fragments.len()), (75, 8));
    let ends: Vec<u64> = all.fragments[1..]
        .iter()
        .map(|it| it.offset)
        .chain([all.bytes])
        .collect();
    for cut in (0..bytes.len()).step_by(101) {
        let found = scan(&mut Cursor::new(&bytes[..cut])).expect("in memory");
        let expected = ends.iter().filter(|end| **end <= cut as u64).count();
        assert_eq!(found.fragments, all.fragments[..expected], "{cut}");
        if expected > 0 {
            assert_eq!(found.bytes, ends[expected - 1], "{cut}");
        }
        // What follows on a disk that lost its power may be zeros.
        let zeros = [&bytes[..cut], &[0; 4096]].concat();
        let found = scan(&mut Cursor::new(&zeros)).expect("in memory");
        assert!(found.fragments.len() <= expected + 1, "{cut}");
        assert!(
            found
                .fragments
                .iter()
                .zip(&all.fragments)
                .all(|(a, b)| a == b)
        );
    }
}
