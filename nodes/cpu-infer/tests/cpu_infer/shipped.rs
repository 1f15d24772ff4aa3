//! The models that come with the project.

use std::path::Path;

use camweave_cpu_infer::{Batching, Detector};
use camweave_vision::HeadFormat;

use crate::support::{options, pattern};

/// The heads of `frames` frames of a pattern, of which the first is always the same.
fn heads(detector: &mut Detector, frames: usize) -> Vec<Vec<f32>> {
    let frame_len = detector.frame_len();
    for (index, value) in detector.input(frames).iter_mut().enumerate() {
        *value = pattern(index / frame_len, index % frame_len);
    }
    let mut heads = Vec::new();
    detector
        .run(frames, |_, head| heads.push(head.to_vec()))
        .expect("the network runs");
    heads
}

#[test]
fn shipped_models_open_and_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    for (name, width, height) in [
        ("camweave-street-448x256.onnx", 448, 256),
        ("camweave-street-448x256-fp16.onnx", 448, 256),
        ("camweave-street-320.onnx", 320, 320),
        ("camweave-street-320-fp16.onnx", 320, 320),
        ("camweave-street-640.onnx", 640, 640),
        ("camweave-street-640-fp16.onnx", 640, 640),
    ] {
        let path = folder.join(name);
        if !path.exists() {
            println!("skipped: no models/{name}");
            continue;
        }
        let mut detector = Detector::open(&options(path)).expect(name);
        assert_eq!(
            detector.model().class_names,
            ["person", "bicycle", "car", "truck"],
            "{name}"
        );
        assert_eq!(
            (detector.model().size, detector.batching()),
            ((width, height), Batching::Dynamic),
            "{name}"
        );
        // Strides of 8, 16 and 32 pixels.
        let anchors = [8, 16, 32]
            .map(|stride| (width / stride) * (height / stride))
            .iter()
            .sum();
        assert_eq!(
            detector.model().format,
            HeadFormat::yolov8(4, anchors),
            "{name}"
        );
        let alone = heads(&mut detector, 1);
        let batch = heads(&mut detector, 3);
        let pairs = || alone[0].iter().zip(&batch[0]);
        assert!(
            pairs().all(|(a, b)| a.is_finite() && (a - b).abs() < 0.01),
            "{name}"
        );
        assert!(
            alone[0][4 * anchors as usize..]
                .iter()
                .all(|score| (0.0..=1.0).contains(score)),
            "{name}"
        );
        assert_ne!(batch[0], batch[1], "{name}");
    }
}

/// With two threads, a single frame is run by both, and several are shared.
#[test]
fn frames_that_are_shared_give_what_the_batch_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/camweave-street-320.onnx");
    let open = |threads| {
        let options = camweave_cpu_infer::DetectorOptions {
            threads,
            ..options(path.clone())
        };
        Detector::open(&options).expect("a shipped model")
    };
    let (mut one, mut two) = (open(1), open(2));
    for frames in [1, 2, 3, 4] {
        let (expected, found) = (heads(&mut one, frames), heads(&mut two, frames));
        assert_eq!(found.len(), frames);
        for (frame, (expected, found)) in expected.iter().zip(&found).enumerate() {
            assert_eq!(expected.len(), found.len());
            let apart = expected.iter().zip(found).map(|(a, b)| (a - b).abs());
            let most = apart.fold(0.0, f32::max);
            assert!(most < 0.01, "frame {frame} of {frames}: {most}");
        }
    }
}
