//! An elementary stream as access units.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use camweave_bitstream::{NalCodec, NalKind, StartCodes};

/// A file in memory.
pub struct Clip {
    pub codec: camweave_nvdec::Codec,
    data: Vec<u8>,
    units: Vec<Range<usize>>,
}

impl Clip {
    pub fn read(file: &Path) -> Result<Self> {
        let (codec, nal_codec) = match file.extension().and_then(|it| it.to_str()) {
            Some("h264" | "264") => (camweave_nvdec::Codec::H264, NalCodec::H264),
            Some("h265" | "265" | "hevc") => (camweave_nvdec::Codec::H265, NalCodec::H265),
            other => bail!("{file:?} ends with {other:?}, expected h264 or h265"),
        };
        let data = std::fs::read(file).with_context(|| format!("read {file:?}"))?;
        let units = split(nal_codec, &data);
        ensure!(
            !units.is_empty(),
            "{file:?} holds no picture, expected Annex B"
        );
        Ok(Self { codec, data, units })
    }

    pub fn units(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.units.iter().map(|range| &self.data[range.clone()])
    }
}

/// Access units: each begins at the first NAL unit behind a picture that cannot belong to it
/// (ITU-T H.264, section 7.4.1.2.3; ITU-T H.265, section 7.4.2.4.4).
fn split(codec: NalCodec, data: &[u8]) -> Vec<Range<usize>> {
    let (mut units, mut begin, mut has_slice) = (Vec::new(), 0, false);
    for code in StartCodes::new(data) {
        let nal = &data[code.nal_at..];
        let kind = codec.kind(nal);
        // first_mb_in_slice 0, or first_slice_segment_in_pic_flag 1.
        let flag_at = match codec {
            NalCodec::H264 => 1,
            NalCodec::H265 => 2,
        };
        let is_first = nal.get(flag_at).is_some_and(|byte| byte & 0x80 != 0);
        let ends = match kind {
            NalKind::Other => false,
            kind if kind.is_slice() => is_first,
            _ => true,
        };
        if has_slice && ends {
            units.push(begin..code.code_at);
            begin = code.code_at;
            has_slice = false;
        }
        has_slice |= kind.is_slice();
    }
    if has_slice {
        units.push(begin..data.len());
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn units_are_the_packets_that_ffmpeg_finds() {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        for (name, encoder) in [("clip.h264", "libx264"), ("clip.h265", "libx265")] {
            let file = folder.path().join(name);
            let made = Command::new("ffmpeg")
                .args(["-nostdin", "-loglevel", "error", "-f", "lavfi"])
                .args(["-i", "testsrc2=size=320x180:rate=25", "-frames:v", "40"])
                .args(["-c:v", encoder, "-g", "12"])
                .arg(&file)
                .output()
                .expect("the ffmpeg command is installed");
            assert!(made.status.success());
            let told = Command::new("ffprobe")
                .args([
                    "-v",
                    "error",
                    "-of",
                    "csv=p=0",
                    "-show_entries",
                    "packet=size",
                ])
                .arg(&file)
                .output()
                .expect("the ffprobe command is installed");
            let text = String::from_utf8(told.stdout).expect("plain text");
            let mut end = 0;
            let expected = text
                .lines()
                .filter_map(|line| line.trim().trim_end_matches(',').parse::<usize>().ok())
                .map(|bytes| {
                    end += bytes;
                    end
                });
            let expected: Vec<usize> = expected.collect();
            let clip = Clip::read(&file).expect("a clip");
            assert_eq!(clip.units().count(), 40, "{name}");
            assert_eq!(expected.len(), 40, "{name}");
            for (unit, end) in clip.units.iter().zip(expected) {
                // FFmpeg leaves the zero byte of a start code with the unit before.
                let zero_byte = unit.end + 1 == end && clip.data[unit.end..end] == [0];
                assert!(unit.end == end || zero_byte, "{name}: {unit:?}, {end}");
            }
        }
        let error = Clip::read(&folder.path().join("clip.mkv")).err();
        assert!(error.expect("refused").to_string().contains("mkv"));
    }
}
