//! Cameras that are detected on while something moves.

mod common;

use std::num::NonZeroU32;

use camweave_message::{Codec, Selection, Unit};
use common::{Bench, Clip, H264, Recipe, picture_of};

/// A grey wall with noise; in the sixth second a black box is seen in three places, one after the
/// other. 25 pictures a second, for ten seconds.
const WALL: &str = "drawbox=t=fill:color=gray,noise=alls=12:allf=t,\
    drawbox=x=40:y=60:w=20:h=40:t=fill:color=black:enable='between(n,125,133)',\
    drawbox=x=60:y=60:w=20:h=40:t=fill:color=black:enable='between(n,134,142)',\
    drawbox=x=80:y=60:w=20:h=40:t=fill:color=black:enable='between(n,143,149)'";

/// 0.2 % of the picture.
const AREA: Option<NonZeroU32> = NonZeroU32::new(2000);

fn wall(codec: Codec, encoder: &str, pixels: &'static str) -> Clip {
    Recipe {
        codec,
        frames: 250,
        encoder: &["-vf", WALL, "-pix_fmt", pixels, "-c:v", encoder, "-g", "50"],
        pixels,
        ..H264
    }
    .make()
}

/// The pictures that went on, in the order in which they did.
fn gone_on(clip: &Clip, motion: Option<NonZeroU32>, selection: Selection) -> Vec<usize> {
    let mut bench = Bench::new(&[]);
    let mut shown = Vec::new();
    for (sequence, coded) in clip.units.iter().enumerate() {
        let unit = bench.unit("cam1", clip.codec, sequence, coded);
        shown.extend(bench.show(Unit {
            motion,
            selection,
            ..unit
        }));
    }
    shown.extend(bench.show(bench.end("cam1", clip.codec, clip.units.len())));
    let left_out = (clip.pictures.len() - shown.len()) as u64;
    let dropped = bench.balance("cam1");
    assert_eq!(dropped.get("not_selected").copied().unwrap_or(0), left_out);
    let pictures = shown.iter();
    pictures.map(|it| picture_of(clip, &it.frame)).collect()
}

#[test]
fn pictures_go_on_while_something_moves_and_shortly_after() {
    for (codec, encoder, pixels) in [
        (Codec::H264, "libx264", "yuv420p"),
        (Codec::H264, "libx264", "yuv422p10le"),
        (Codec::H265, "libx265", "yuv420p10le"),
    ] {
        let clip = wall(codec, encoder, pixels);
        let gone_on = gone_on(&clip, AREA, Selection::All);
        // Two seconds from the start, then one a second; from the box on until two seconds after
        // it was seen last, then one a second.
        let expected = (0..=50).chain([75, 100]).chain(125..=199).chain([224, 249]);
        let expected: Vec<usize> = expected.collect();
        assert_eq!(gone_on, expected, "{encoder} {pixels}");
    }
}

#[test]
fn with_detect_fps_both_must_choose_a_picture() {
    let clip = wall(Codec::H264, "libx264", "yuv420p");
    let five = Selection::from_nanos(200_000_000).expect("in range");
    let gone_on = gone_on(&clip, AREA, five);
    let (begin, moves) = ((0..=50).step_by(5), (125..=195).step_by(5));
    let expected = begin.chain([75, 100]).chain(moves).chain([220, 245]);
    assert_eq!(gone_on, expected.collect::<Vec<_>>());
}
