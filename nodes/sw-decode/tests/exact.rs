//! Every picture, bit for bit what the ffmpeg command decodes, read through the pool.

mod common;

use camweave_message::{Codec, Selection, Unit};
use camweave_vision::{ColorMatrix, ColorRange, PixelFormat};
use common::{Bench, CAMERA, Clip, H264, Recipe, Shown, assert_exact, assert_picture, picture_of};

/// H.265 as x265 makes it, with open groups of pictures.
const H265: Recipe<'static> = Recipe {
    codec: Codec::H265,
    encoder: &[
        "-c:v",
        "libx265",
        "-x265-params",
        "keyint=20:min-keyint=20:log-level=none",
    ],
    ..H264
};

/// Plays a clip on a new stage: all its pictures are exact, and no unit is lost.
fn exact(recipe: &Recipe<'_>, is_direct: bool) -> (Clip, Vec<Shown>) {
    let clip = recipe.make();
    let mut bench = Bench::new(&[]);
    let shown = bench.play("cam1", &clip);
    assert_exact(&clip, &shown);
    let dropped = bench.balance("cam1");
    assert!(dropped.is_empty(), "{dropped:?}");
    let count = shown.len() as u64;
    let expected = if is_direct { (count, 0) } else { (0, count) };
    assert_eq!(
        (bench.fact("direct_pictures"), bench.fact("copied_pictures")),
        expected
    );
    (clip, shown)
}

#[test]
fn h264_with_b_frames() {
    let (clip, shown) = exact(&H264, true);
    assert!(
        clip.unit_of_picture
            .iter()
            .enumerate()
            .any(|(a, &b)| a != b),
        "pictures are reordered"
    );
    let layout = &shown[0].frame.picture.layout;
    assert_eq!(
        (layout.width, layout.height, layout.format),
        (320, 180, PixelFormat::I420)
    );
    assert_eq!(
        (layout.matrix, layout.range),
        (ColorMatrix::Bt601, ColorRange::Limited)
    );
}

#[test]
fn h264_without_b_frames_comes_out_at_once() {
    let clip = CAMERA.make();
    let mut bench = Bench::new(&[]);
    for (sequence, coded) in clip.units.iter().enumerate() {
        let shown = bench.show(bench.unit("cam1", clip.codec, sequence, coded));
        assert_eq!(shown.len(), 1, "no picture is held back");
        assert_picture(&clip, sequence, &shown[0]);
    }
}

#[test]
fn h265_with_open_groups() {
    exact(&H265, true);
}

/// Access units of a live camera that have waited for 300 ms: what no other picture refers to is left
/// out, as encoders really mark it, and all other pictures are exact.
#[test]
fn late_disposable_pictures_are_left_out_and_no_other_suffers() {
    for recipe in [H264, H265] {
        let clip = recipe.make();
        let mut bench = Bench::new(&[]);
        let mut shown = Vec::new();
        for (sequence, coded) in clip.units.iter().enumerate() {
            let mut unit = bench.unit("cam1", clip.codec, sequence, coded);
            let pass = unit.trace.0.last_mut().expect("this stage's");
            pass.enter_nanos -= 300_000_000;
            shown.extend(bench.show(unit));
        }
        shown.extend(bench.show(bench.end("cam1", clip.codec, clip.units.len())));
        for shown in &shown {
            assert_picture(&clip, picture_of(&clip, &shown.frame), shown);
        }
        let dropped = bench.balance("cam1");
        let left_out = dropped.get("disposable").copied().unwrap_or(0) as usize;
        assert!(left_out > 5 && dropped.len() == 1, "{dropped:?}");
        assert_eq!(shown.len() + left_out, clip.pictures.len());
    }
}

/// Five pictures a second of a camera with 25: every fifth in presentation order, each exact,
/// whatever is left out before it is decoded.
#[test]
fn a_camera_with_detect_fps_gives_the_pictures_of_its_grid() {
    let selection = Selection::from_nanos(200_000_000).expect("in range");
    for (recipe, has_disposable) in [(CAMERA, false), (H264, true), (H265, true)] {
        let clip = recipe.make();
        let mut bench = Bench::new(&[]);
        let mut shown = Vec::new();
        for (sequence, coded) in clip.units.iter().enumerate() {
            let unit = bench.unit("cam1", clip.codec, sequence, coded);
            shown.extend(bench.show(Unit { selection, ..unit }));
        }
        shown.extend(bench.show(bench.end("cam1", clip.codec, clip.units.len())));
        let pictures: Vec<usize> = shown
            .iter()
            .map(|shown| {
                let picture = picture_of(&clip, &shown.frame);
                assert_picture(&clip, picture, shown);
                picture
            })
            .collect();
        let expected: Vec<usize> = (0..clip.pictures.len()).step_by(5).collect();
        assert_eq!(pictures, expected, "{:?}", recipe.codec);
        let dropped = bench.balance("cam1");
        let left_out = (clip.pictures.len() - shown.len()) as u64;
        assert_eq!(dropped, [("not_selected".to_owned(), left_out)].into());
        let units = clip.units.len() as u64;
        let saved = units - bench.decoded();
        assert_eq!(saved > 5, has_disposable, "{saved} of {units} not decoded");
    }
}

/// A camera that is not detected on has no decoder; when it is again, it goes on at the next keyframe.
#[test]
fn a_camera_with_detect_off_is_not_decoded() {
    let clip = CAMERA.make();
    let mut bench = Bench::new(&[]);
    let mut shown = Vec::new();
    for (sequence, coded) in clip.units.iter().enumerate() {
        let selection = match sequence {
            25..30 => Selection::Off,
            _ => Selection::All,
        };
        let unit = bench.unit("cam1", clip.codec, sequence, coded);
        shown.extend(bench.show(Unit { selection, ..unit }));
    }
    let pictures: Vec<usize> = shown
        .iter()
        .map(|shown| picture_of(&clip, &shown.frame))
        .collect();
    let expected: Vec<usize> = (0..25).chain(40..60).collect();
    assert_eq!(pictures, expected);
    for (picture, shown) in pictures.into_iter().zip(&shown) {
        assert_picture(&clip, picture, shown);
    }
    assert_eq!(bench.decoded(), 45);
    let dropped = bench.balance("cam1");
    assert_eq!(
        dropped,
        [("before_keyframe", 10), ("not_selected", 5)]
            .map(|(k, v)| (k.to_owned(), v))
            .into()
    );
}

#[test]
fn h265_of_ten_bits() {
    let recipe = Recipe {
        codec: Codec::H265,
        frames: 30,
        encoder: &[
            "-pix_fmt",
            "yuv420p10le",
            "-c:v",
            "libx265",
            "-x265-params",
            "log-level=none",
        ],
        pixels: "p010le",
        ..H264
    };
    let (_, shown) = exact(&recipe, false);
    assert_eq!(shown[0].frame.picture.layout.format, PixelFormat::P010);
}

#[test]
fn h264_of_422_and_444() {
    for format in ["yuv422p", "yuv444p", "yuv422p10le"] {
        let encoder = ["-pix_fmt", format, "-c:v", "libx264"];
        let recipe = Recipe {
            frames: 20,
            encoder: &encoder,
            ..H264
        };
        let (_, shown) = exact(&recipe, false);
        assert_eq!(shown[0].frame.picture.layout.format, PixelFormat::I420);
    }
}

#[test]
fn sizes_that_are_cropped() {
    for size in [(322, 182), (336, 190), (66, 34), (16, 16)] {
        exact(
            &Recipe {
                size,
                frames: 25,
                ..H264
            },
            true,
        );
        let encoder = ["-c:v", "libx265", "-x265-params", "log-level=none"];
        exact(
            &Recipe {
                size,
                frames: 10,
                codec: Codec::H265,
                encoder: &encoder,
                ..H264
            },
            true,
        );
    }
}

#[test]
fn pictures_that_are_cropped_on_the_left() {
    // libavcodec would round the crop down to what its assembly likes; consumers want the picture.
    let recipe = Recipe {
        size: (320, 180),
        frames: 10,
        encoder: &[
            "-c:v",
            "libx264",
            "-bsf:v",
            "h264_metadata=crop_left=6:crop_top=4",
        ],
        ..H264
    };
    let clip = recipe.make_whole();
    let mut bench = Bench::new(&[]);
    for (whole, shown) in clip.pictures.iter().zip(bench.play("cam1", &clip)) {
        let layout = &shown.frame.picture.layout;
        assert_eq!((layout.width, layout.height), (314, 176));
        for row in 0..176 {
            let start = (row + 4) * 320 + 6;
            assert_eq!(
                whole[start..start + 314],
                shown.pixels[row * 314..(row + 1) * 314]
            );
        }
    }
}

#[test]
fn vp9_with_hidden_frames() {
    for size in [(320, 180), (333, 187)] {
        let recipe = Recipe {
            codec: Codec::Vp9,
            size,
            frames: 40,
            encoder: &[
                "-c:v",
                "libvpx-vp9",
                "-b:v",
                "200k",
                "-cpu-used",
                "8",
                "-deadline",
                "realtime",
                "-auto-alt-ref",
                "1",
                "-lag-in-frames",
                "16",
            ],
            ..H264
        };
        exact(&recipe, true);
    }
}

#[test]
fn av1() {
    let recipe = Recipe {
        codec: Codec::Av1,
        frames: 20,
        encoder: &[
            "-c:v",
            "libaom-av1",
            "-cpu-used",
            "8",
            "-usage",
            "realtime",
            "-g",
            "10",
        ],
        ..H264
    };
    exact(&recipe, false);
}

#[test]
fn colours_are_those_of_the_stream() {
    let of = |encoder: &[&str], size, pixels| {
        let (_, shown) = exact(
            &Recipe {
                encoder,
                size,
                frames: 4,
                pixels,
                ..H264
            },
            true,
        );
        let layout = &shown[0].frame.picture.layout;
        (layout.matrix, layout.range)
    };
    let full = [
        "-vf",
        "scale=out_range=full",
        "-pix_fmt",
        "yuvj420p",
        "-c:v",
        "libx264",
    ];
    assert_eq!(
        of(&full, (320, 180), "yuvj420p"),
        (ColorMatrix::Bt601, ColorRange::Full)
    );
    let marked = ["-c:v", "libx264", "-colorspace", "bt709"];
    assert_eq!(
        of(&marked, (320, 180), "yuv420p"),
        (ColorMatrix::Bt709, ColorRange::Limited)
    );
    let high = ["-c:v", "libx264", "-preset", "ultrafast"];
    assert_eq!(
        of(&high, (1280, 720), "yuv420p"),
        (ColorMatrix::Bt709, ColorRange::Limited)
    );
}

#[test]
fn gray_keeps_its_luma() {
    let recipe = Recipe {
        frames: 10,
        encoder: &["-pix_fmt", "gray", "-c:v", "libx264"],
        pixels: "gray",
        ..H264
    };
    let clip = recipe.make();
    let mut bench = Bench::new(&[]);
    let shown = bench.play("cam1", &clip);
    assert_eq!(shown.len(), clip.pictures.len());
    for (index, (expected, shown)) in clip.pictures.iter().zip(&shown).enumerate() {
        let luma = expected.len();
        common::assert_same(expected, &shown.pixels[..luma], index);
        assert!(
            shown.pixels[luma..].iter().all(|&chroma| chroma == 128),
            "chroma is neutral"
        );
    }
}

#[test]
fn a_new_size_within_a_session() {
    let first = H264.make();
    let second = Recipe {
        size: (640, 368),
        ..H264
    }
    .make();
    let mut bench = Bench::new(&[]);
    let mut shown = Vec::new();
    let units = first.units.iter().chain(&second.units);
    for (sequence, coded) in units.enumerate() {
        shown.extend(bench.show(bench.unit("cam1", Codec::H264, sequence, coded)));
    }
    shown.extend(bench.show(bench.end("cam1", Codec::H264, 120)));
    assert_eq!(shown.len(), 120);
    let pools: Vec<_> = shown
        .iter()
        .map(|it| it.frame.picture.slot.pool.clone())
        .collect();
    assert!(pools[..60].iter().all(|pool| *pool == pools[0]));
    assert!(
        pools[60..].iter().all(|pool| *pool == pools[60]),
        "one pool per size"
    );
    assert_ne!(pools[0], pools[60]);
    assert_exact(&first, &shown[..60]);
    for (index, shown) in shown[60..].iter().enumerate() {
        common::assert_same(&second.pictures[index], &shown.pixels, index);
        assert_eq!(
            shown.frame.id.sequence,
            60 + second.unit_of_picture[index] as u64
        );
    }
    bench.balance("cam1");
}

#[test]
fn a_new_codec_within_a_session() {
    let encoder = ["-c:v", "libx265", "-x265-params", "log-level=none"];
    let first = H264.make();
    let second = Recipe {
        codec: Codec::H265,
        encoder: &encoder,
        frames: 20,
        ..H264
    }
    .make();
    let mut bench = Bench::new(&[]);
    let mut shown = Vec::new();
    let coded = [(&first, Codec::H264), (&second, Codec::H265)];
    let units = coded
        .iter()
        .flat_map(|(clip, codec)| clip.units.iter().map(move |it| (it, *codec)));
    for (sequence, (coded, codec)) in units.enumerate() {
        shown.extend(bench.show(bench.unit("cam1", codec, sequence, coded)));
    }
    shown.extend(bench.show(bench.end("cam1", Codec::H265, 80)));
    assert_exact(&first, &shown[..60]);
    for (index, shown) in shown[60..].iter().enumerate() {
        common::assert_same(&second.pictures[index], &shown.pixels, index);
    }
    assert_eq!(shown.len(), 80);
    bench.balance("cam1");
}
