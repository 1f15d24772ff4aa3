//! Per-pixel `f64` sampling of pictures, as plain as can be.

use camweave_vision::{
    Channels, ColorMatrix, ColorRange, InputFormat, InputLayout, Letterbox, PictureLayout,
    PixelFormat, Plane, Planes, Range,
};
use proptest::prelude::*;

/// One sample of a plane: `step` bytes apart in a row, `lead` bytes into the group.
fn sample(
    layout: &PictureLayout,
    data: &[u8],
    plane: usize,
    x: u32,
    y: u32,
    step: u32,
    lead: u32,
) -> f64 {
    let Plane { offset, stride } = layout.planes[plane];
    let at = (offset + y * stride + x * step + lead) as usize;
    if layout.format == PixelFormat::P010 {
        f64::from((u32::from(data[at]) + 256 * u32::from(data[at + 1])) >> 6)
    } else {
        f64::from(data[at])
    }
}

fn bilinear(x: f64, y: f64, width: u32, height: u32, at: impl Fn(u32, u32) -> f64) -> f64 {
    let (x, y) = (
        x.clamp(0.0, f64::from(width) - 1.0),
        y.clamp(0.0, f64::from(height) - 1.0),
    );
    let (x0, y0) = (x.floor() as u32, y.floor() as u32);
    let (x1, y1) = ((x0 + 1).min(width - 1), (y0 + 1).min(height - 1));
    let (wx, wy) = (x - x.floor(), y - y.floor());
    at(x0, y0) * (1.0 - wx) * (1.0 - wy)
        + at(x1, y0) * wx * (1.0 - wy)
        + at(x0, y1) * (1.0 - wx) * wy
        + at(x1, y1) * wx * wy
}

/// Red, green and blue in 0..1 at a position counted in pixels from the first one's centre.
pub fn rgb_at(layout: &PictureLayout, data: &[u8], x: f64, y: f64) -> [f64; 3] {
    let (w, h) = (layout.width, layout.height);
    let (x, y) = (
        x.clamp(0.0, f64::from(w) - 1.0),
        y.clamp(0.0, f64::from(h) - 1.0),
    );
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    let (cx, cy) = (x * 0.5, (y - 0.5) * 0.5);
    let plane = |plane, x, y, w, h, step, lead| {
        bilinear(x, y, w, h, |x, y| {
            sample(layout, data, plane, x, y, step, lead)
        })
    };
    let (luma, u, v, scale) = match layout.format {
        PixelFormat::Rgb8 => return [0, 1, 2].map(|lead| plane(0, x, y, w, h, 3, lead) / 255.0),
        PixelFormat::I420 => (
            plane(0, x, y, w, h, 1, 0),
            plane(1, cx, cy, cw, ch, 1, 0),
            plane(2, cx, cy, cw, ch, 1, 0),
            1.0,
        ),
        PixelFormat::Nv12 => (
            plane(0, x, y, w, h, 1, 0),
            plane(1, cx, cy, cw, ch, 2, 0),
            plane(1, cx, cy, cw, ch, 2, 1),
            1.0,
        ),
        PixelFormat::P010 => (
            plane(0, x, y, w, h, 2, 0),
            plane(1, cx, cy, cw, ch, 4, 0),
            plane(1, cx, cy, cw, ch, 4, 2),
            4.0,
        ),
    };
    let (luma, pb, pr) = match layout.range {
        ColorRange::Limited => (
            (luma - 16.0 * scale) / (219.0 * scale),
            (u - 128.0 * scale) / (224.0 * scale),
            (v - 128.0 * scale) / (224.0 * scale),
        ),
        ColorRange::Full => {
            let top = 256.0 * scale - 1.0;
            (
                luma / top,
                (u - 128.0 * scale) / top,
                (v - 128.0 * scale) / top,
            )
        }
    };
    let (kr, kb) = match layout.matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
    };
    // The definitions, solved for the colours: pr = (r - luma) / (2 - 2 kr) and so on.
    let r = luma + pr * (2.0 - 2.0 * kr);
    let b = luma + pb * (2.0 - 2.0 * kb);
    let g = (luma - kr * r - kb * b) / (1.0 - kr - kb);
    [r, g, b].map(|c| c.clamp(0.0, 1.0))
}

/// Each value of an input against [`rgb_at`] and the definition of its format.
pub fn check_pixels(
    layout: &PictureLayout,
    data: &[u8],
    letterbox: &Letterbox,
    format: &InputFormat,
    out: &[f32],
) -> Result<(), TestCaseError> {
    let (mw, mh) = letterbox.model;
    let (rw, rh) = (letterbox.resized_width, letterbox.resized_height);
    for y in 0..mh {
        for x in 0..mw {
            let inside = (letterbox.pad_left..letterbox.pad_left + rw).contains(&x)
                && (letterbox.pad_top..letterbox.pad_top + rh).contains(&y);
            let mut samples = if inside {
                let centre = |at: u32, pad: u32, len: u32, resized: u32| {
                    (f64::from(at - pad) + 0.5) * f64::from(len) / f64::from(resized) - 0.5
                };
                rgb_at(
                    layout,
                    data,
                    centre(x, letterbox.pad_left, layout.width, rw),
                    centre(y, letterbox.pad_top, layout.height, rh),
                )
            } else {
                [114.0 / 255.0; 3]
            };
            if format.channels == Channels::Bgr {
                samples.reverse();
            }
            for (channel, sample) in samples.into_iter().enumerate() {
                let pixel = (y * mw + x) as usize;
                let found = out[match format.layout {
                    InputLayout::Nchw => channel * (mw * mh) as usize + pixel,
                    InputLayout::Nhwc => 3 * pixel + channel,
                }];
                let white = match format.range {
                    Range::One => 1.0,
                    Range::Byte => 255.0,
                };
                let mean = f64::from(format.mean[channel]);
                let gain = white / f64::from(format.deviation[channel]);
                let expected = (sample - mean) * gain;
                prop_assert!(
                    (f64::from(found) - expected).abs() < 2e-6 * gain,
                    "channel {} at {}, {}: {} is not {}",
                    channel,
                    x,
                    y,
                    found,
                    expected
                );
            }
        }
    }
    Ok(())
}

/// A layout of any format with gaps between rows and planes, and data that just holds it.
pub fn pictures(max_side: u32) -> impl Strategy<Value = (PictureLayout, Vec<u8>)> {
    let format = prop::sample::select(PixelFormat::ALL);
    let matrix = prop::sample::select(ColorMatrix::ALL);
    let range = prop::sample::select(ColorRange::ALL);
    let gaps = prop::array::uniform6(0u32..5);
    (
        1..=max_side,
        1..=max_side,
        format,
        matrix,
        range,
        gaps,
        any::<u64>(),
    )
        .prop_map(|(width, height, format, matrix, range, gaps, seed)| {
            let layout = gapped(
                PictureLayout::packed(width, height, format, matrix, range),
                gaps,
            );
            let mut state = seed;
            let mut data = vec![0; layout.required_bytes().unwrap()];
            data.fill_with(|| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            });
            (layout, data)
        })
}

fn gapped(packed: PictureLayout, gaps: [u32; 6]) -> PictureLayout {
    let step = if packed.format == PixelFormat::P010 {
        2
    } else {
        1
    };
    let mut offset = 0;
    let planes: Vec<Plane> = packed
        .planes
        .iter()
        .enumerate()
        .map(|(index, plane)| {
            let rows = if index == 0 {
                packed.height
            } else {
                packed.height.div_ceil(2)
            };
            let stride = plane.stride + gaps[index] * step;
            let start = offset + gaps[index + 3] * step;
            offset = start + stride * rows;
            Plane {
                offset: start,
                stride,
            }
        })
        .collect();
    PictureLayout {
        planes: Planes::try_from(planes).unwrap(),
        ..packed
    }
}
