//! The detector on files of known networks.

use std::path::{Path, PathBuf};

use crate::support::{FACTOR, Net, end_to_end, folder, options, pattern, yolov8};
use camweave_cpu_infer::onnx::data_type;
use camweave_cpu_infer::{
    Batching, Detector, DetectorOptions, EngineChoice, EngineKind, Libraries,
};
use camweave_stage::Exit;
use camweave_vision::HeadFormat;

fn open(net: &Net) -> Detector {
    let folder = folder();
    Detector::open(&options(net.write(&folder))).expect("the network is good")
}

/// Runs frames of a pattern; returns the largest difference from what the network must give.
fn largest_difference(detector: &mut Detector, frames: usize) -> f32 {
    let frame_len = detector.frame_len();
    for (index, value) in detector.input(frames).iter_mut().enumerate() {
        *value = pattern(index / frame_len, index % frame_len);
    }
    let mut largest = 0.0_f32;
    let mut seen = Vec::new();
    detector
        .run(frames, |frame, head| {
            seen.push(frame);
            assert_eq!(head.len(), frame_len);
            for (index, value) in head.iter().enumerate() {
                largest = largest.max((value - FACTOR * pattern(frame, index)).abs());
            }
        })
        .expect("the network runs");
    assert_eq!(seen, (0..frames).collect::<Vec<_>>());
    largest
}

#[test]
fn each_frame_gets_its_own_head() {
    let mut detector = open(&yolov8());
    assert_eq!(detector.model().format, HeadFormat::yolov8(2, 512));
    assert_eq!(detector.model().class_names, ["person", "car"]);
    assert_eq!(
        (detector.model().size, detector.batching()),
        ((32, 32), Batching::Dynamic)
    );
    assert_eq!(detector.engine_choice().0, "rten");
    let (name, digits) = detector
        .model()
        .id
        .split_once('@')
        .expect("a name and a digest");
    assert_eq!((name, digits.len()), ("net.onnx", 12));
    for frames in [1, 5, 2] {
        assert_eq!(
            largest_difference(&mut detector, frames),
            0.0,
            "{frames} frames"
        );
    }
}

#[test]
fn a_fixed_batch_is_filled_up() {
    let mut net = yolov8();
    net.input[0] = Some(2);
    let mut detector = open(&net);
    assert_eq!(detector.batching(), Batching::Fixed(2));
    for frames in [3, 1, 4] {
        assert_eq!(
            largest_difference(&mut detector, frames),
            0.0,
            "{frames} frames"
        );
    }
}

/// A list is shared among threads, one inference each, unless more than a quarter of them would rest.
#[test]
fn frames_are_shared_where_most_threads_have_work() {
    let mut fixed = yolov8();
    fixed.input[0] = Some(2);
    for (net, threads, unit, shared, whole) in [
        (yolov8(), 4, 1, vec![3, 4, 6, 7, 8], vec![1, 2, 5]),
        (yolov8(), 2, 1, vec![2, 3, 4, 5], vec![1]),
        (yolov8(), 1, 1, vec![], vec![1, 2]),
        (fixed, 2, 2, vec![3, 4, 5, 7], vec![1, 2]),
    ] {
        let folder = folder();
        let options = DetectorOptions {
            threads,
            ..options(net.write(&folder))
        };
        let mut detector = Detector::open(&options).expect("the network is good");
        let known = shared.iter().map(|frames| (*frames, Some(unit)));
        for (frames, unit) in known.chain(whole.iter().map(|frames| (*frames, None))) {
            assert_eq!(
                detector.unit(frames),
                unit,
                "{frames} frames, {threads} threads"
            );
            assert_eq!(largest_difference(&mut detector, frames), 0.0);
        }
    }
}

#[test]
fn a_batch_that_is_dynamic_by_name_only() {
    // The network always gives one frame, and its anchors grow with the batch.
    let mut detector = open(&Net {
        output: vec![1, 6, -1],
        ..yolov8()
    });
    assert_eq!(detector.batching(), Batching::Fixed(1));
    assert_eq!(largest_difference(&mut detector, 3), 0.0);
}

#[test]
fn float16_is_computed_in_float32_by_rten() {
    let mut detector = open(&Net {
        element_type: data_type::FLOAT16,
        ..yolov8()
    });
    assert_eq!(largest_difference(&mut detector, 2), 0.0);
}

#[test]
fn an_end_to_end_network() {
    let detector = open(&end_to_end().with("names", None));
    assert_eq!(detector.model().format, HeadFormat::end_to_end(512));
    assert!(detector.model().is_end_to_end() && detector.model().class_names.is_empty());
}

#[test]
fn classes_without_names_are_numbered() {
    let detector = open(&yolov8().with("names", None));
    assert_eq!(detector.model().class_names, ["class0", "class1"]);
}

#[test]
fn the_size_of_a_dynamic_input() {
    let net = Net {
        input: vec![None, Some(3), None, None],
        output: vec![0, 6, -1],
        ..yolov8().with("imgsz", Some("[64, 32]"))
    };
    let folder = folder();
    let path = net.write(&folder);
    let exported = Detector::open(&options(path.clone())).expect("the file says its size");
    assert_eq!(exported.model().size, (32, 64));
    let asked = Detector::open(&DetectorOptions {
        side: 96,
        ..options(path.clone())
    });
    assert_eq!(asked.expect("the input is dynamic").model().size, (96, 96));
    let odd = Detector::open(&DetectorOptions {
        side: 100,
        ..options(path)
    });
    let error = odd.err().expect("not a multiple of the stride");
    assert_eq!(error.exit, Exit::Configuration);
    assert!(
        error.message.contains("SIZE='100'") && error.message.contains("32"),
        "{error}"
    );
}

#[test]
fn a_size_that_contradicts_the_file() {
    let folder = folder();
    let fixed = DetectorOptions {
        side: 64,
        ..options(yolov8().write(&folder))
    };
    let error = Detector::open(&fixed)
        .err()
        .expect("the input is 32 pixels wide");
    assert_eq!(error.exit, Exit::Configuration);
    assert!(
        error.message.contains("SIZE='64'") && error.message.contains("32"),
        "{error}"
    );
    let silent = Net {
        input: vec![None, Some(3), None, None],
        output: vec![0, 6, -1],
        ..yolov8()
    };
    let silent = options(silent.with("imgsz", None).write(&folder));
    let error = Detector::open(&silent).err().expect("nobody says the size");
    assert!(
        error.message.contains("SIZE") && error.message.contains("imgsz"),
        "{error}"
    );
}

#[test]
fn files_that_are_no_detector() {
    let shaped = |input: &[Option<i64>]| Net {
        input: input.to_vec(),
        ..yolov8()
    };
    let cases: [(&str, Vec<u8>, &[&str]); 13] = [
        (
            "text",
            b"Not found. Please log in.".to_vec(),
            &["not an ONNX model", "25 bytes"],
        ),
        ("empty", Vec::new(), &["not an ONNX model", "0 bytes"]),
        (
            "lfs",
            b"version https://git-lfs.github.com/spec/v1\n".to_vec(),
            &["git lfs pull"],
        ),
        (
            "cut",
            yolov8().bytes()[..200].to_vec(),
            &["not an ONNX model"],
        ),
        (
            "task",
            yolov8().with("task", Some("classify")).bytes(),
            &["'classify'", "'detect'"],
        ),
        (
            "masks without prototypes",
            yolov8().with("task", Some("segment")).bytes(),
            &["segment", "expected prototypes", "'task: detect'"],
        ),
        (
            "operator",
            Net {
                operator: "Frobnicate",
                ..yolov8()
            }
            .bytes(),
            &["rten", "Frobnicate", "ENGINE=onnxruntime"],
        ),
        (
            "rank",
            Net {
                output: vec![0, 3, 32, 32],
                ..yolov8()
            }
            .bytes(),
            &[
                "[1, 3, 32, 32]",
                "[batch, 6, anchors]",
                "[batch, detections, 6]",
            ],
        ),
        (
            "batch",
            Net {
                output: vec![6, 512],
                ..yolov8()
            }
            .bytes(),
            &["[6, 512]", "[batch, 6, anchors]", "[batch, detections, 6]"],
        ),
        (
            "inputs",
            Net {
                more_inputs: vec!["im_info"],
                ..yolov8()
            }
            .bytes(),
            &["2 inputs (images, im_info)", "[batch, 3, height, width]"],
        ),
        (
            "channels",
            shaped(&[None, Some(32), Some(32), Some(4)]).bytes(),
            &[
                "'images' is float32 [?, 32, 32, 4]",
                "[batch, 3, height, width]",
            ],
        ),
        (
            "type",
            Net {
                element_type: 3,
                ..yolov8()
            }
            .bytes(),
            &["int8", "float32, float16 or uint8"],
        ),
        (
            "rank of input",
            shaped(&[Some(3072)]).bytes(),
            &["[3072]", "[batch, 3, height, width]"],
        ),
    ];
    for (name, bytes, parts) in cases {
        let folder = folder();
        let path = folder.path().join("some.onnx");
        std::fs::write(&path, bytes).expect("the folder can be written to");
        let error = Detector::open(&options(path)).err().expect(name);
        assert_eq!(error.exit, Exit::Input, "{name}: {error}");
        assert!(!error.message.contains('\n'), "{name}: {error}");
        for part in parts.iter().chain(&["some.onnx"]) {
            assert!(
                error.message.contains(part),
                "{name}: no '{part}' in: {error}"
            );
        }
    }
    let error = Detector::open(&options(PathBuf::from("missing.onnx")))
        .err()
        .expect("no such file");
    assert_eq!(error.exit, Exit::Input);
    assert!(
        error.message.contains("missing.onnx") && error.message.contains("ONNX file"),
        "{error}"
    );
}

#[test]
fn a_library_that_does_not_load() {
    let folder = folder();
    let library = folder.path().join("libonnxruntime.so.1.31.1");
    std::fs::write(&library, "no library").expect("the folder can be written to");
    let model = yolov8().write(&folder);
    for library in [library, folder.path().join("missing.so")] {
        let named = DetectorOptions {
            libraries: Libraries {
                onnxruntime: Some(library.clone()),
                // Not the one that this machine may have.
                openvino: Some(folder.path().join("missing.so")),
            },
            ..options(model.clone())
        };
        let only = EngineChoice::Only(EngineKind::OnnxRuntime);
        let error = Detector::open(&DetectorOptions {
            engine: only,
            ..named.clone()
        })
        .err()
        .expect("there is no ONNX Runtime in it");
        assert_eq!(error.exit, Exit::Missing);
        let library = library.display().to_string();
        for part in [library.as_str(), "ORT_DYLIB_PATH", "ENGINE=rten"] {
            assert!(error.message.contains(part), "{error}");
        }
        // Beside the model is the first of these as well.
        let auto = Detector::open(&DetectorOptions {
            engine: EngineChoice::Auto,
            ..named
        });
        let (engine, reason) = {
            let auto = auto.expect("rten serves");
            let (engine, reason) = auto.engine_choice();
            (engine, reason.to_owned())
        };
        assert_eq!(engine, "rten");
        assert!(reason.contains(&library), "{reason}");
    }
}

/// Needs the engines' libraries, named by `ORT_DYLIB_PATH` and `OPENVINO_DYLIB_PATH`.
#[test]
fn engines_in_libraries_give_the_same() {
    for (variable, kind) in [
        ("ORT_DYLIB_PATH", EngineKind::OnnxRuntime),
        ("OPENVINO_DYLIB_PATH", EngineKind::OpenVino),
    ] {
        match std::env::var_os(variable).filter(|path| !path.is_empty()) {
            Some(library) => gives_the_same(kind, &PathBuf::from(library)),
            None => println!("skipped: {variable} is not set"),
        }
    }
}

fn gives_the_same(kind: EngineKind, library: &Path) {
    let folder = folder();
    let nowhere = folder.path().join("missing.so");
    let named = |this| {
        let library = if this == kind { library } else { &nowhere };
        Some(library.to_owned())
    };
    let open_on = |threads: usize, net: &Net, engine: EngineChoice| {
        let libraries = Libraries {
            onnxruntime: named(EngineKind::OnnxRuntime),
            openvino: named(EngineKind::OpenVino),
        };
        Detector::open(&DetectorOptions {
            engine,
            libraries,
            threads,
            ..options(net.write(&folder))
        })
    };
    let open = |net: &Net, engine| open_on(1, net, engine);
    let only = EngineChoice::Only(kind);
    for threads in [1, 2] {
        let mut detector = open_on(threads, &yolov8(), only).expect("the library is there");
        assert_eq!(detector.engine_choice().0, kind.as_str());
        assert_eq!(largest_difference(&mut detector, 3), 0.0, "{kind}");
    }
    // Whichever is faster, the second time by what was kept.
    let reasons = [(); 2].map(|()| {
        let detector = open(&yolov8(), EngineChoice::Auto).expect("two engines");
        let (engine, reason) = detector.engine_choice();
        assert!(reason.contains(&format!("{engine} ")), "{reason}");
        reason.to_owned()
    });
    assert_eq!(reasons[0], reasons[1]);
    for name in ["measured once", "rten", kind.as_str()] {
        assert!(reasons[0].contains(name), "{reasons:?}");
    }
    let mut fixed = yolov8();
    fixed.input[0] = Some(2);
    assert_eq!(
        largest_difference(&mut open(&fixed, only).expect("a good network"), 3),
        0.0,
        "{kind}"
    );
    // 11 bits of 0 to 2.
    let half = Net {
        element_type: data_type::FLOAT16,
        ..yolov8()
    };
    let difference = largest_difference(&mut open(&half, only).expect("a good network"), 3);
    assert!(
        difference > 0.0 && difference <= 1.0 / 2048.0,
        "{kind}: {difference}"
    );
    let error = open(
        &Net {
            operator: "Frobnicate",
            ..yolov8()
        },
        only,
    )
    .err()
    .expect("no operator");
    assert_eq!(error.exit, Exit::Input);
    assert!(error.message.contains("Frobnicate"), "{error}");
}
