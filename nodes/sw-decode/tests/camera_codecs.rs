//! The codecs of older cameras and of webcams: Motion JPEG and MPEG-4 part 2.

mod common;

use camweave_message::Codec;
use camweave_vision::{ColorMatrix, ColorRange, PixelFormat};
use common::{Bench, Clip, H264, Recipe, Shown, assert_exact};

const MJPEG: Recipe<'static> = Recipe {
    codec: Codec::Mjpeg,
    frames: 20,
    encoder: &["-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "3"],
    pixels: "yuvj420p",
    ..H264
};

/// As cameras make it: no B VOPs.
const MPEG4: Recipe<'static> = Recipe {
    codec: Codec::Mpeg4,
    frames: 50,
    encoder: &["-c:v", "mpeg4", "-g", "10", "-q:v", "3"],
    ..H264
};

fn exact(recipe: &Recipe<'_>, is_direct: bool) -> (Clip, Vec<Shown>) {
    let clip = recipe.make();
    let mut bench = Bench::new(&[]);
    let shown = bench.play("cam1", &clip);
    assert_exact(&clip, &shown);
    assert!(bench.balance("cam1").is_empty());
    let direct = if is_direct { shown.len() as u64 } else { 0 };
    assert_eq!(bench.fact("direct_pictures"), direct);
    (clip, shown)
}

#[test]
fn jpeg_pictures_come_out_at_once_and_at_full_range() {
    for size in [(320, 180), (322, 178), (1280, 720)] {
        let (clip, shown) = exact(&Recipe { size, ..MJPEG }, true);
        assert!(clip.units.iter().all(|unit| unit.keyframe));
        let layout = &shown[0].frame.picture.layout;
        assert_eq!((layout.width, layout.height), size);
        assert_eq!(layout.format, PixelFormat::I420);
        // JFIF is BT.601 at full range, whatever the size.
        assert_eq!(
            (layout.matrix, layout.range),
            (ColorMatrix::Bt601, ColorRange::Full)
        );
    }
    let clip = MJPEG.make();
    let mut bench = Bench::new(&[]);
    for (sequence, coded) in clip.units.iter().enumerate() {
        let shown = bench.show(bench.unit("cam1", clip.codec, sequence, coded));
        assert_eq!(shown.len(), 1, "no picture is held back");
    }
}

#[test]
fn jpeg_of_422_and_444_keeps_its_range() {
    for format in ["yuvj422p", "yuvj444p"] {
        let encoder = ["-pix_fmt", format, "-c:v", "mjpeg", "-q:v", "3"];
        let (_, shown) = exact(
            &Recipe {
                encoder: &encoder,
                ..MJPEG
            },
            false,
        );
        let layout = &shown[0].frame.picture.layout;
        assert_eq!(layout.format, PixelFormat::I420);
        assert_eq!(layout.range, ColorRange::Full, "{format}");
    }
}

#[test]
fn a_jpeg_picture_that_is_cut_off_or_no_jpeg_is_dropped_alone() {
    let clip = MJPEG.make();
    let mut bench = Bench::new(&[]);
    let mut shown = Vec::new();
    for (sequence, coded) in clip.units.iter().enumerate() {
        let mut coded = coded.clone();
        match sequence {
            5 => coded.data.truncate(coded.data.len() / 2),
            9 => coded.data = b"<html>503 Service Unavailable</html>".to_vec(),
            _ => {}
        }
        shown.extend(bench.show(bench.unit("cam1", clip.codec, sequence, &coded)));
    }
    let sequences: Vec<u64> = shown.iter().map(|it| it.frame.id.sequence).collect();
    let expected: Vec<u64> = (0..20).filter(|it| ![5, 9].contains(it)).collect();
    assert_eq!(sequences, expected);
    let dropped = bench.balance("cam1");
    assert_eq!(dropped.values().sum::<u64>(), 2, "{dropped:?}");
}

#[test]
fn mpeg4_and_its_headers() {
    let (clip, shown) = exact(&MPEG4, true);
    let keyframes: Vec<usize> = (0..50).filter(|&it| clip.units[it].keyframe).collect();
    assert_eq!(keyframes, [0, 10, 20, 30, 40]);
    let layout = &shown[0].frame.picture.layout;
    assert_eq!(
        (layout.matrix, layout.range),
        (ColorMatrix::Bt601, ColorRange::Limited)
    );
    // A decoder can join at each of them, because the headers are there.
    let mut bench = Bench::new(&[]);
    let mut joined = Vec::new();
    for (sequence, coded) in clip.units.iter().enumerate().skip(25) {
        joined.extend(bench.show(bench.unit("cam1", clip.codec, sequence, coded)));
    }
    joined.extend(bench.show(bench.end("cam1", clip.codec, 50)));
    assert_eq!(bench.balance("cam1").get("before_keyframe"), Some(&5));
    assert_eq!(joined.len(), 20);
    for (index, shown) in (30..).zip(&joined) {
        common::assert_picture(&clip, index, shown);
    }
}

#[test]
fn mpeg4_with_b_vops() {
    let recipe = Recipe {
        encoder: &["-c:v", "mpeg4", "-g", "10", "-bf", "2", "-q:v", "3"],
        ..MPEG4
    };
    let (clip, _) = exact(&recipe, true);
    let reordered = clip.unit_of_picture.windows(2).any(|it| it[0] > it[1]);
    assert!(reordered, "pictures are reordered");
}
