//! Pictures of which a part is missing: none of them is sent.

mod common;

use camweave_message::Codec;
use common::{Bench, CAMERA, Clip, Coded, H264, Recipe, assert_picture, picture_of};

const X265: [&str; 6] = [
    "-c:v",
    "libx265",
    "-g",
    "20",
    "-x265-params",
    "slices=4:wpp=1:bframes=0:keyint=20:min-keyint=20:scenecut=0:log-level=none",
];

/// Four slices to each picture.
fn sliced(codec: Codec, pixels: &'static str) -> Recipe<'static> {
    const X264: [&str; 16] = [
        "-c:v",
        "libx264",
        "-g",
        "20",
        "-keyint_min",
        "20",
        "-sc_threshold",
        "0",
        "-bf",
        "0",
        "-refs",
        "1",
        "-slices",
        "4",
        "-threads",
        "1",
    ];
    const X265_10: [&str; 8] = [
        "-pix_fmt",
        "yuv420p10le",
        X265[0],
        X265[1],
        X265[2],
        X265[3],
        X265[4],
        X265[5],
    ];
    Recipe {
        codec,
        size: (320, 256),
        encoder: match (codec, pixels) {
            (Codec::H264, _) => &X264,
            (_, "p010le") => &X265_10,
            _ => &X265,
        },
        pixels,
        ..H264
    }
}

/// The unit's NAL units with their start codes, and which of them are slices.
fn nals(codec: Codec, data: &[u8]) -> Vec<(&[u8], bool)> {
    let starts: Vec<usize> = (0..data.len().saturating_sub(3))
        .filter(|&at| data[at..at + 3] == [0, 0, 1])
        .collect();
    let ends = starts.iter().skip(1).copied().chain([data.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let header = data[start + 3];
            let is_slice = match codec {
                Codec::H264 => matches!(header & 0x1f, 1 | 5),
                _ => (header >> 1) & 0x3f < 32,
            };
            (&data[start..end], is_slice)
        })
        .collect()
}

/// The unit without the slices of these numbers.
fn without(codec: Codec, coded: &Coded, missing: &[usize]) -> Coded {
    let mut slice = 0;
    let mut data = Vec::new();
    for (nal, is_slice) in nals(codec, &coded.data) {
        let is_missing = is_slice && missing.contains(&slice);
        slice += usize::from(is_slice);
        if !is_missing {
            data.extend_from_slice(nal);
        }
    }
    assert_eq!(slice, 4, "slices of a picture");
    Coded {
        data,
        ..coded.clone()
    }
}

/// One picture of the clip lacks slices: it is dropped as corrupt, what came before and what
/// comes from the next key frame on is exact.
fn a_hole(clip: &Clip, damaged: usize, missing: &[usize]) {
    let case = format!("{:?}, unit {damaged} without {missing:?}", clip.codec);
    let mut bench = Bench::new(&[]);
    let mut shown = Vec::new();
    for (sequence, coded) in clip.units.iter().enumerate() {
        let coded = if sequence == damaged {
            without(clip.codec, coded, missing)
        } else {
            coded.clone()
        };
        shown.extend(bench.show(bench.unit("cam1", clip.codec, sequence, &coded)));
    }
    shown.extend(bench.show(bench.end("cam1", clip.codec, clip.units.len())));
    let dropped = bench.balance("cam1");
    let came: Vec<u64> = shown.iter().map(|it| it.frame.id.sequence).collect();
    assert!(
        !came.contains(&(damaged as u64)),
        "{case}: sent: {came:?} {dropped:?}"
    );
    assert!(
        dropped.get("corrupt").is_some_and(|it| *it >= 1),
        "{case}: {dropped:?}"
    );
    let next_key = damaged / 20 * 20 + 20;
    for frame in shown {
        let unit = frame.frame.id.sequence as usize;
        if unit < damaged || unit >= next_key {
            assert_picture(clip, picture_of(clip, &frame.frame), &frame);
        }
    }
    for unit in next_key..clip.units.len() {
        assert!(
            came.contains(&(unit as u64)),
            "{case}: {unit} is missing: {came:?}"
        );
    }
}

#[test]
fn a_picture_that_lacks_slices_is_never_sent() {
    for (codec, pixels) in [
        (Codec::H265, "yuv420p"),
        (Codec::H265, "p010le"),
        (Codec::H264, "yuv420p"),
    ] {
        let clip = sliced(codec, pixels).make();
        for missing in [&[3][..], &[1, 2, 3], &[1], &[0], &[0, 1, 2]] {
            a_hole(&clip, 27, missing);
        }
        // A key frame.
        a_hole(&clip, 20, &[3]);
    }
}

/// What a camera that marks each slice as the end of its picture makes of an H.265 stream,
/// where the source does not put the slices together.
#[test]
fn pictures_in_pieces_are_not_sent() {
    for codec in [Codec::H265, Codec::H264] {
        let clip = sliced(codec, "yuv420p").make();
        let mut bench = Bench::new(&[]);
        let mut sequence = 0;
        let mut sent = 0;
        for coded in &clip.units {
            let mut piece = Vec::new();
            for (nal, is_slice) in nals(codec, &coded.data) {
                piece.extend_from_slice(nal);
                if !is_slice {
                    continue;
                }
                let piece = Coded {
                    data: std::mem::take(&mut piece),
                    ..coded.clone()
                };
                sent += bench
                    .feed(bench.unit("cam1", codec, sequence, &piece))
                    .len();
                sequence += 1;
            }
        }
        sent += bench.feed(bench.end("cam1", codec, sequence)).len();
        assert_eq!(sent, 0, "{codec:?}");
        let dropped = bench.balance("cam1");
        // Three of four pieces are fragments, the fourth is a half picture.
        assert!(dropped["corrupt"] >= 200, "{codec:?}: {dropped:?}");
    }
}

/// Marks are written into every picture; none may be left in a whole one, whatever is in it.
#[test]
fn whole_pictures_of_any_size_have_no_marks_left() {
    for size in [(16, 16), (34, 18), (322, 182), (1920, 1080)] {
        for encoder in [CAMERA.encoder, &X265] {
            let codec = if encoder == CAMERA.encoder {
                Codec::H264
            } else {
                Codec::H265
            };
            if codec == Codec::H265 && size.1 < 64 {
                continue; // no room for four slices
            }
            let recipe = Recipe {
                codec,
                size,
                frames: 5,
                encoder,
                ..H264
            };
            let clip = recipe.make();
            let mut bench = Bench::new(&[]);
            let shown = bench.play("cam1", &clip);
            assert_eq!(
                shown.len(),
                5,
                "{codec:?} {size:?}: {:?}",
                bench.balance("cam1")
            );
        }
    }
}
