//! Pictures that a model is tried on.

use camweave_vision::{Channels, InputFormat, InputLayout, Range};

/// A street, roughly, and noise, as inputs of a network of this width and height.
#[must_use]
pub fn scenes(size: (u32, u32), format: &InputFormat) -> [Vec<f32>; 2] {
    pictures(size).map(|picture| input(&picture, format))
}

/// A picture as a network expects it.
fn input(picture: &[u8], format: &InputFormat) -> Vec<f32> {
    let white = match format.range {
        Range::One => 1.0,
        Range::Byte => 255.0,
    };
    let value = |pixel: &[u8], channel: usize| {
        let sample = pixel[match format.channels {
            Channels::Rgb => channel,
            Channels::Bgr => 2 - channel,
        }];
        let unit = f32::from(sample) / 255.0;
        white * (unit - format.mean[channel]) / format.deviation[channel]
    };
    let pixels = || picture.as_chunks::<3>().0.iter();
    match format.layout {
        InputLayout::Nchw => (0..3)
            .flat_map(|channel| pixels().map(move |pixel| value(pixel, channel)))
            .collect(),
        InputLayout::Nhwc => pixels()
            .flat_map(|pixel| (0..3).map(move |channel| value(pixel, channel)))
            .collect(),
    }
}

/// Rows of red, green and blue, three bytes for each pixel.
fn pictures((width, height): (u32, u32)) -> [Vec<u8>; 2] {
    let (width, height) = (width as usize, height as usize);
    let mut street = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
            street.extend_from_slice(&pixel(x, y));
        }
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let noise = (0..3 * width * height).map(|_| {
        // Marsaglia's xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    });
    [street, noise.collect()]
}

/// Left, top, right and bottom in parts of the picture, and a color.
type Part = ([f32; 4], [u8; 3]);

/// Houses, people, cars: what is later is in front.
const PARTS: [Part; 16] = [
    ([0.00, 0.10, 0.28, 0.48], [150, 108, 84]),
    ([0.05, 0.16, 0.11, 0.28], [60, 72, 96]),
    ([0.16, 0.16, 0.22, 0.28], [60, 72, 96]),
    ([0.70, 0.04, 1.00, 0.47], [120, 124, 130]),
    ([0.78, 0.12, 0.86, 0.26], [52, 60, 80]),
    // A car: body, roof, wheels.
    ([0.36, 0.56, 0.60, 0.68], [176, 28, 32]),
    ([0.41, 0.48, 0.55, 0.57], [40, 46, 58]),
    ([0.39, 0.65, 0.44, 0.72], [20, 20, 20]),
    ([0.53, 0.65, 0.58, 0.72], [20, 20, 20]),
    // Two people: legs, body, head.
    ([0.20, 0.70, 0.25, 0.90], [36, 44, 92]),
    ([0.19, 0.54, 0.26, 0.71], [214, 186, 60]),
    ([0.207, 0.46, 0.243, 0.54], [206, 160, 132]),
    ([0.80, 0.62, 0.83, 0.74], [30, 30, 34]),
    ([0.795, 0.52, 0.835, 0.63], [44, 120, 70]),
    ([0.804, 0.47, 0.826, 0.52], [198, 150, 120]),
    ([0.64, 0.30, 0.65, 0.62], [70, 70, 72]),
];

fn pixel(x: f32, y: f32) -> [u8; 3] {
    let inside = |[left, top, right, bottom]: &[f32; 4]| {
        (*left..*right).contains(&x) && (*top..*bottom).contains(&y)
    };
    if let Some((_, color)) = PARTS.iter().rev().find(|(edges, _)| inside(edges)) {
        return *color;
    }
    let shade = |from: f32, to: f32, part: f32| (from + (to - from) * part) as u8;
    if y < 0.45 {
        let part = y / 0.45;
        return [
            shade(96.0, 196.0, part),
            shade(150.0, 214.0, part),
            shade(214.0, 232.0, part),
        ];
    }
    let is_line = (x - 0.5).abs() < 0.006 + 0.02 * (y - 0.45) && (y * 14.0).fract() < 0.5;
    let gray = if is_line {
        226
    } else {
        shade(88.0, 118.0, (y - 0.45) / 0.55)
    };
    [gray, gray, gray]
}
