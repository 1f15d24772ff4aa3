//! Clips by real encoders, and what FFmpeg's own decoder makes of them.
//!
//! They are made with the `ffmpeg` and `ffprobe` commands. Where `CAMWEAVE_CLIPS` names a folder,
//! they are kept there and taken from there: so a machine without FFmpeg can test with clips of
//! another.
#![allow(dead_code, reason = "each test file uses its part")]

mod make;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use camweave_vision::{PictureLayout, PixelFormat};
use md5::{Digest, Md5};

/// The clips, and whether pictures of each are presented in decode order.
pub const ALL: &[(&str, bool)] = &[
    ("h264-baseline", true),
    ("h264-main-b", false),
    ("h264-high-b", false),
    ("h264-camera", true),
    ("h264-1080p-cropped", false),
    ("h264-interlaced", false),
    ("h264-still", false),
    ("h265-main", false),
    ("h265-main-low-delay", true),
    ("h265-main10", false),
    ("h265-main10-still", true),
    ("h265-open-gop", false),
    ("vp9", true),
    ("h264-size-change", false),
];

/// How units are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    H264,
    H265,
    Vp9,
}

const KINDS: [(&str, Kind); 3] = [
    ("h264", Kind::H264),
    ("h265", Kind::H265),
    ("vp9", Kind::Vp9),
];

/// One coded unit; `pts` in any unit that rises.
pub struct Coded {
    pub data: Vec<u8>,
    pub pts: i64,
}

/// A clip: units in decode order, and the MD5 of each picture's packed pixels in presentation order.
pub struct Clip {
    pub kind: Kind,
    pub units: Vec<Coded>,
    pub pictures: Vec<String>,
}

/// A clip by its name in [`ALL`].
pub fn get(name: &str) -> Clip {
    let Some(folder) = std::env::var_os("CAMWEAVE_CLIPS") else {
        return make::clip(name);
    };
    let folder = PathBuf::from(folder);
    if !folder.join(format!("{name}.txt")).exists() {
        std::fs::create_dir_all(&folder).expect("a folder for clips");
        make::clip(name).write(&folder, name);
    }
    Clip::read(&folder, name)
}

impl Clip {
    /// For each picture in presentation order, the number of its unit.
    pub fn presentation_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.units.len()).collect();
        order.sort_by_key(|&unit| self.units[unit].pts);
        order
    }

    /// This clip, and another one of the same kind behind it.
    pub fn then(mut self, next: Self) -> Self {
        assert_eq!(self.kind, next.kind);
        let last = self.units.iter().map(|unit| unit.pts).max().unwrap_or(0);
        let first = next.units.iter().map(|unit| unit.pts).min().unwrap_or(0);
        self.units.extend(next.units.into_iter().map(|unit| Coded {
            pts: unit.pts - first + last + 1,
            ..unit
        }));
        self.pictures.extend(next.pictures);
        self
    }

    fn write(&self, folder: &Path, name: &str) {
        let kind = KINDS.iter().find(|(_, kind)| *kind == self.kind);
        let mut text = format!("{}\n", kind.expect("all kinds are listed").0);
        for unit in &self.units {
            let _ = writeln!(text, "unit {} {}", unit.data.len(), unit.pts);
        }
        for picture in &self.pictures {
            let _ = writeln!(text, "picture {picture}");
        }
        let data: Vec<u8> = self
            .units
            .iter()
            .flat_map(|unit| unit.data.clone())
            .collect();
        std::fs::write(folder.join(format!("{name}.bin")), data).expect("room for a clip");
        // Last, and by rename: a clip that is there is whole.
        let partial = folder.join(format!("{name}.{}", std::process::id()));
        std::fs::write(&partial, text).expect("room for a clip");
        std::fs::rename(partial, folder.join(format!("{name}.txt"))).expect("the same folder");
    }

    fn read(folder: &Path, name: &str) -> Self {
        let text = std::fs::read_to_string(folder.join(format!("{name}.txt"))).expect("a clip");
        let data = std::fs::read(folder.join(format!("{name}.bin"))).expect("a clip's data");
        let mut lines = text.lines();
        let kind = lines.next().expect("a first line");
        let kind = KINDS
            .iter()
            .find(|(name, _)| *name == kind)
            .expect("a known kind")
            .1;
        let (mut units, mut pictures, mut from) = (Vec::new(), Vec::new(), 0);
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["unit", bytes, pts] => {
                    let end = from + bytes.parse::<usize>().expect("a number");
                    let pts = pts.parse().expect("a number");
                    let data = data[from..end].to_vec();
                    units.push(Coded { data, pts });
                    from = end;
                }
                ["picture", hash] => pictures.push(hash.to_owned()),
                _ => panic!("a line of a clip: {line}"),
            }
        }
        assert_eq!(from, data.len(), "bytes of {name}");
        Self {
            kind,
            units,
            pictures,
        }
    }
}

/// MD5 as FFmpeg writes it.
pub fn hash(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Md5::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Bytes per row and rows of the planes of an NV12 or P010 picture.
pub fn visible_rows(layout: &PictureLayout) -> [(usize, usize); 2] {
    let sample = if layout.format == PixelFormat::P010 {
        2
    } else {
        1
    };
    let (width, height) = (layout.width as usize, layout.height as usize);
    [
        (width * sample, height),
        (width.div_ceil(2) * 2 * sample, height.div_ceil(2)),
    ]
}

/// A picture's pixels without gaps, as FFmpeg's rawvideo.
pub fn packed(data: &[u8], layout: &PictureLayout, shapes: [(usize, usize); 2]) -> Vec<u8> {
    let mut packed = Vec::new();
    for (plane, (row, rows)) in layout.planes.iter().zip(shapes) {
        for index in 0..rows {
            let start = plane.offset as usize + index * plane.stride as usize;
            packed.extend_from_slice(&data[start..start + row]);
        }
    }
    packed
}
