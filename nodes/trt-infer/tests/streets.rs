//! FP16 on the GPU against float32 on the CPU in rendered streets, anchor by anchor, so that no
//! choice of NMS between near-ties is in it.

mod support;

use camweave_camera_sim::scene::{Canvas, Scene, Yuv420Planes};
use camweave_pool::{Attachments, PoolSpec, Producer};
use camweave_vision::{ColorMatrix, ColorRange, PictureLayout, PixelFormat};
use support::{frame, head_of, model, on_cpu, open, run, values};

const MODEL: &str = "camweave-street-448x256.onnx";
/// The score that a box has at least in the graphs.
const SEEN: f32 = 0.25;

/// A rendered street as a camera shows it, before it is encoded.
fn street(layout: &PictureLayout, seed: u64, seconds: f64) -> Vec<u8> {
    let (width, height) = (layout.width, layout.height);
    let mut canvas = Canvas::new(width, height);
    let scene = Scene::new(seed, width, height).expect("an even size");
    scene.render(seconds, &mut canvas);
    let mut pixels = vec![0; layout.required_bytes().expect("a possible layout")];
    let (stride, luma) = (width as usize, width as usize * height as usize);
    let (y, chroma) = pixels.split_at_mut(luma);
    let (u, v) = chroma.split_at_mut(luma / 4);
    canvas.write_yuv420(Yuv420Planes {
        y: (y, stride),
        u: (u, stride / 2),
        v: (v, stride / 2),
    });
    pixels
}

/// How far two heads of one picture are apart, at the anchors where the first sees an object:
/// of each, the largest difference of a box's edge, in pixels of the network's input, and of a score.
fn differences_at_objects(expected: &[f32], found: &[f32], anchors: usize) -> Vec<(f32, f32)> {
    assert_eq!(found.len(), expected.len());
    let scores = |head: &[f32], anchor: usize| -> Vec<f32> {
        head[4 * anchors..]
            .iter()
            .skip(anchor)
            .step_by(anchors)
            .copied()
            .collect()
    };
    // Rows of centres and sizes.
    let edges = |head: &[f32], anchor: usize| {
        let [x, y, width, height] = [0, 1, 2, 3].map(|row| head[row * anchors + anchor]);
        [
            x - width / 2.0,
            y - height / 2.0,
            x + width / 2.0,
            y + height / 2.0,
        ]
    };
    let most = |a: &[f32], b: &[f32]| {
        let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        // A NaN must not pass: it is above all numbers in this order.
        apart.max_by(f32::total_cmp).unwrap_or(f32::NAN)
    };
    let sees = |anchor: &usize| scores(expected, *anchor).iter().any(|score| *score >= SEEN);
    (0..anchors)
        .filter(sees)
        .map(|anchor| {
            (
                most(&edges(expected, anchor), &edges(found, anchor)),
                most(&scores(expected, anchor), &scores(found, anchor)),
            )
        })
        .collect()
}

/// Median, 99th percentile and largest.
fn quantiles(mut values: Vec<f32>) -> [f32; 3] {
    values.sort_by(f32::total_cmp);
    [0.5, 0.99, 1.0].map(|share| {
        let rank = (share * values.len() as f64).ceil().max(1.0) as usize;
        values.get(rank - 1).copied().unwrap_or(f32::NAN)
    })
}

/// `CAMWEAVE_TEST_MODEL` names an FP16 plan of the default model; without it, one is built.
#[test]
fn boxes_in_rendered_streets_are_the_cpus_within_a_pixel_in_fp16() {
    let path = std::env::var("CAMWEAVE_TEST_MODEL");
    let device = match path {
        Ok(_) => camweave_cuda::testing::device(),
        Err(_) => support::device(),
    };
    let Some(device) = device else {
        return;
    };
    let path = path.unwrap_or_else(|_| model(MODEL).display().to_string());
    let (mut stage, context) = open(&[("MODEL", &path)]);
    let facts = context.counters.report().facts;
    println!(
        "{} of {}, {}",
        facts["engine"], facts["plan"], facts["input_type"]
    );
    assert_eq!(
        (facts["input_size"].as_str(), facts["input_type"].as_str()),
        ("448x256", "F16"),
        "the plan is one of {MODEL} in FP16"
    );
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let layout = PictureLayout::packed(640, 360, PixelFormat::I420, matrix, range);
    let spec = PoolSpec {
        name: "streets".to_owned(),
        slots: 8,
        slot_bytes: layout.required_bytes().expect("a possible layout"),
    };
    let host = Producer::create(&spec).expect("memory");
    let pools = Attachments::new_in(device.clone());
    let mut detector = on_cpu(MODEL);
    let (mut edges, mut scores) = (Vec::new(), Vec::new());
    for seed in 0..8 {
        let streets = [2.0, 5.0, 9.0, 14.0].map(|seconds| street(&layout, seed, seconds));
        let frame_of = |(number, pixels): (usize, &Vec<u8>)| {
            let mut slot = host.begin().expect("a free slot");
            slot[..pixels.len()].copy_from_slice(pixels);
            frame(layout, number, slot.publish(), &context)
        };
        let frames = streets.iter().enumerate().map(frame_of).collect();
        let heads = run(&mut stage, frames);
        assert_eq!(
            heads.len(),
            streets.len(),
            "{:?}",
            context.counters.report()
        );
        for (head, pixels) in heads.iter().zip(&streets) {
            let expected = head_of(&mut detector, &layout, pixels);
            let found = values(head, &pools, &device);
            let anchors = head.format.anchors as usize;
            let (box_edges, of_scores): (Vec<_>, Vec<_>) =
                differences_at_objects(&expected, &found, anchors)
                    .into_iter()
                    .unzip();
            edges.extend(box_edges);
            scores.extend(of_scores);
        }
    }
    let anchors = edges.len();
    let ([_, edges_p99, edges_most], [_, scores_p99, scores_most]) =
        (quantiles(edges), quantiles(scores));
    println!(
        "{anchors} anchors of {SEEN} or more in FP32; pixels apart: p99 {edges_p99:.3}, most \
         {edges_most:.3}; scores apart: p99 {scores_p99:.4}, most {scores_most:.4}"
    );
    assert!(anchors > 500, "there are objects to be seen");
    assert!(edges_most <= 1.0, "a box is {edges_most} pixels apart");
    assert!(scores_most <= 0.03, "a score is {scores_most} apart");
}
