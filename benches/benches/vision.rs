//! Letterbox, the luma that motion is seen in, head decoding and suppression.

use camweave_decode::{LumaGrid, LumaPlane};
use camweave_vision::{
    Candidate, Channels, ColorMatrix, ColorRange, Fit, HeadFormat, InputFormat, InputLayout,
    Letterbox, LetterboxPlan, NmsConfig, Picture, PictureLayout, PixelFormat, Range, decode,
    suppress,
};
use divan::Bencher;

fn main() {
    divan::main();
}

/// The same numbers from 0 to 1 in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u32 << 24) as f32
    }
}

#[divan::bench(args = [(640, 360, 320), (640, 360, 640), (1920, 1080, 640)])]
fn letterbox_i420(bencher: Bencher<'_, '_>, (width, height, side): (u32, u32, u32)) {
    fill_input(
        bencher,
        (width, height),
        (side, side),
        InputFormat::default(),
    );
}

/// Inputs that are not red, green and blue planes from 0 to 1, and not letterboxed.
#[divan::bench(args = ["yolox", "rf-detr", "nhwc"])]
fn input_format(bencher: Bencher<'_, '_>, name: &str) {
    let default = InputFormat::default();
    let format = match name {
        "yolox" => InputFormat {
            fit: Fit::TopLeft,
            channels: Channels::Bgr,
            range: Range::Byte,
            ..default
        },
        "rf-detr" => InputFormat {
            fit: Fit::Stretch,
            mean: [0.485, 0.456, 0.406],
            deviation: [0.229, 0.224, 0.225],
            ..default
        },
        _ => InputFormat {
            layout: InputLayout::Nhwc,
            range: Range::Byte,
            ..default
        },
    };
    fill_input(bencher, (640, 360), (640, 640), format);
}

fn fill_input(
    bencher: Bencher<'_, '_>,
    (width, height): (u32, u32),
    model: (u32, u32),
    format: InputFormat,
) {
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let layout = PictureLayout::packed(width, height, PixelFormat::I420, matrix, range);
    let mut numbers = Numbers(1);
    let bytes = layout.required_bytes().expect("a usual size");
    let data: Vec<u8> = (0..bytes).map(|_| (numbers.next() * 255.0) as u8).collect();
    let picture = Picture::new(&layout, &data).expect("the data is as long as it must be");
    let letterbox = Letterbox::fit((width, height), model, format.fit).expect("usual sizes");
    let plan = LetterboxPlan::with_format(&layout, &letterbox, &format);
    let mut plan = plan.expect("made for this layout");
    let mut out = vec![0.0; letterbox.output_len()];
    bencher.bench_local(|| plan.run(&picture, &mut out));
}

/// What `detect: motion` looks at of each picture.
#[divan::bench(args = [(640, 360), (1920, 1080), (3840, 2160)])]
fn luma_grid(bencher: Bencher<'_, '_>, (width, height): (usize, usize)) {
    let mut numbers = Numbers(1);
    let data: Vec<u8> = (0..width * height)
        .map(|_| (numbers.next() * 255.0) as u8)
        .collect();
    let plane = LumaPlane {
        data: &data,
        stride: width,
        width,
        height,
        bits: 8,
    };
    bencher.bench_local(|| LumaGrid::of(&plane));
}

/// `(classes, anchors)`: heads of 84 x 8400 and 8 x 2100, of which one anchor in 50 passes.
#[divan::bench(args = [(80, 8400), (4, 2100)])]
fn decode_head(bencher: Bencher<'_, '_>, (classes, anchors): (usize, usize)) {
    let format = HeadFormat::yolov8(classes as u32, anchors as u32);
    let mut numbers = Numbers(1);
    let mut head = vec![0.0; format.len()];
    for anchor in 0..anchors {
        for (row, scale) in [640.0, 640.0, 80.0, 80.0].into_iter().enumerate() {
            head[row * anchors + anchor] = numbers.next() * scale;
        }
        for class in 0..classes {
            head[(4 + class) * anchors + anchor] = numbers.next() * 0.2;
        }
        if numbers.next() < 0.02 {
            head[(4 + anchor % classes) * anchors + anchor] = 0.3 + numbers.next() * 0.6;
        }
    }
    let mut candidates = Vec::new();
    bencher.bench_local(|| decode(&head, &format, (640, 640), 0.25, &mut candidates));
}

/// `(candidates, side of the square that they lie in, classes)`.
#[divan::bench(args = [(200, 200, 4), (8400, 640, 4), (30_000, 1, 1), (30_000, 560, 1)])]
fn suppress_boxes(bencher: Bencher<'_, '_>, (count, side, classes): (u32, u16, u16)) {
    let mut numbers = Numbers(1);
    let (side, classes) = (f32::from(side), f32::from(classes));
    let candidates: Vec<Candidate> = (0..count)
        .map(|anchor| {
            let (x, y) = (numbers.next() * side, numbers.next() * side);
            let (width, height) = (20.0 + 10.0 * numbers.next(), 20.0 + 10.0 * numbers.next());
            Candidate {
                bbox: [x, y, x + width, y + height],
                score: numbers.next(),
                class_id: (numbers.next() * classes) as u32,
                anchor,
            }
        })
        .collect();
    let config = NmsConfig::default();
    bencher
        .with_inputs(|| candidates.clone())
        .bench_local_refs(|candidates| suppress(candidates, &config));
}
