//! FFmpeg decodes what is written to the same frames as the file that the access units come from, and
//! writes the same decoder configuration records.

use std::path::{Path, PathBuf};
use std::process::Command;

use camweave_bitstream::{NalCodec, NalKind, StartCodes};
use camweave_fmp4::{Sample, Track};
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
