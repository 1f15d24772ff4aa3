//! Pictures that are coded lying on their side come out upright, as the ffmpeg command's filters
//! turn them.

mod common;

use camweave_message::{Codec, Orientation};
use common::{Bench, Clip, H264, Recipe, Shown, assert_same, ffmpeg};

/// Plays a clip whose every unit is marked; checks that every picture is there.
fn play(clip: &Clip, orientation: Orientation) -> Vec<Shown> {
    let mut bench = Bench::new(&[]);
    let mut shown = Vec::new();
    for (sequence, coded) in clip.units.iter().enumerate() {
        let mut unit = bench.unit("phone", clip.codec, sequence, coded);
        unit.orientation = orientation;
        shown.extend(bench.show(unit));
    }
    shown.extend(bench.show(bench.end("phone", clip.codec, clip.units.len())));
    let dropped = bench.balance("phone");
    assert!(dropped.is_empty(), "{dropped:?}");
    assert_eq!(shown.len(), clip.pictures.len());
    shown
}

/// The clip's pictures as `filter` of the ffmpeg command shows them.
fn filtered(clip: &Clip, recipe: &Recipe<'_>, filter: &str) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (stored, shown) = (path("stored.yuv"), path("shown.yuv"));
    std::fs::write(&stored, clip.pictures.concat()).expect("writable");
    let size = format!("{}x{}", recipe.size.0, recipe.size.1);
    let raw = ["-f", "rawvideo", "-pix_fmt", recipe.pixels];
    let mut arguments = raw.to_vec();
    arguments.extend(["-s", &size, "-i", &stored, "-vf", filter]);
    arguments.extend(raw);
    arguments.push(&shown);
    ffmpeg(&arguments);
    let bytes = std::fs::read(&shown).expect("ffmpeg wrote it");
    let pictures = bytes.chunks(clip.pictures[0].len());
    pictures.map(<[u8]>::to_vec).collect()
}

fn check(recipe: &Recipe<'_>, cases: &[(u16, bool, &str)]) {
    let clip = recipe.make();
    for &(degrees, mirrored, filter) in cases {
        let orientation = Orientation::new(degrees, mirrored).expect("quarters");
        let shown = play(&clip, orientation);
        let expected = filtered(&clip, recipe, filter);
        assert_eq!(shown.len(), expected.len());
        let (width, height) = orientation.shown_size(recipe.size.0, recipe.size.1);
        for (index, (shown, expected)) in shown.iter().zip(&expected).enumerate() {
            let layout = &shown.frame.picture.layout;
            assert_eq!((layout.width, layout.height), (width, height), "{filter}");
            // The identity is the unit's, whatever was turned.
            let unit = clip.unit_of_picture[index];
            assert_eq!(shown.frame.id.pts_nanos, clip.units[unit].pts_nanos);
            assert_same(expected, &shown.pixels, index);
        }
    }
}

#[test]
fn all_ways_of_lying_come_out_upright() {
    let recipe = Recipe {
        // Cropped, so that planes begin inside their memory.
        size: (322, 182),
        frames: 12,
        ..H264
    };
    check(
        &recipe,
        &[
            (90, false, "transpose=clock"),
            (180, false, "hflip,vflip"),
            (270, false, "transpose=cclock"),
            (0, true, "hflip"),
            (90, true, "transpose=clock,hflip"),
            (180, true, "vflip"),
            (270, true, "transpose=cclock,hflip"),
        ],
    );
}

#[test]
fn ten_bits_and_formats_that_are_converted_are_turned_as_well() {
    let ten = Recipe {
        codec: Codec::H265,
        frames: 5,
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
    // The filter knows planes, and P010 is none of them before libswscale 6.
    check(&ten, &[(180, false, "format=yuv420p10le,hflip,vflip")]);
}

#[test]
fn a_change_of_orientation_begins_anew_at_the_next_keyframe() {
    let clip = H264.make();
    let mut bench = Bench::new(&[]);
    let mut sizes = Vec::new();
    for (sequence, coded) in clip.units.iter().enumerate() {
        let mut unit = bench.unit("phone", clip.codec, sequence, coded);
        if sequence >= 30 {
            unit.orientation = Orientation::new(90, false).expect("a quarter");
        }
        for frame in bench.feed(unit) {
            let layout = &frame.picture.layout;
            sizes.push((layout.width, layout.height));
        }
    }
    for frame in bench.feed(bench.end("phone", clip.codec, clip.units.len())) {
        let layout = &frame.picture.layout;
        sizes.push((layout.width, layout.height));
    }
    // Keyframes are every 20 units.
    assert_eq!(bench.balance("phone")["before_keyframe"], 10);
    let mut expected = vec![(320, 180); 30];
    expected.extend([(180, 320); 20]);
    assert_eq!(sizes, expected);
}
