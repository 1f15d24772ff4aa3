//! Models that look at one object: what they are by their files and values, and what is refused.

use camweave_model::onnx::{
    DimensionProto, GraphProto, ModelProto, StringStringEntryProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use camweave_model::{
    Answer, ClassActivation, Classifier, ClassifierDraft, ClassifierFamily, Meaning, ModelFile,
    Task, classifier_text, crop_size, usage,
};
use camweave_vision::{CropFit, Fit};
use prost::Message;

/// A file with these outputs, and what is said of it.
struct Net {
    input: [i64; 4],
    outputs: Vec<(&'static str, Vec<i64>)>,
    metadata: Vec<(&'static str, &'static str)>,
    settings: Option<&'static str>,
}

fn net(outputs: &[(&'static str, &[i64])]) -> Net {
    Net {
        input: [-1, 3, 64, 64],
        outputs: outputs
            .iter()
            .map(|(name, shape)| (*name, shape.to_vec()))
            .collect(),
        metadata: Vec::new(),
        settings: None,
    }
}

/// As Ultralytics exports it.
fn ultralytics() -> Net {
    Net {
        metadata: vec![
            ("task", "classify"),
            ("names", "{0: 'red', 1: 'green', 2: 'blue'}"),
        ],
        ..net(&[("output0", &[-1, 3])])
    }
}

fn value(name: &str, sizes: &[i64]) -> ValueInfoProto {
    let dim = sizes.iter().map(|&size| DimensionProto {
        dim_value: (size > 0).then_some(size),
        dim_param: None,
    });
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: data_type::FLOAT,
                shape: Some(TensorShapeProto { dim: dim.collect() }),
            }),
        }),
    }
}

impl Net {
    /// Its file in a folder.
    fn read(&self, folder: &tempfile::TempDir) -> Result<ModelFile, String> {
        let path = folder.path().join("net.onnx");
        let metadata = self
            .metadata
            .iter()
            .map(|(key, value)| StringStringEntryProto {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            });
        let model = ModelProto {
            graph: Some(GraphProto {
                input: vec![value("images", &self.input)],
                output: self
                    .outputs
                    .iter()
                    .map(|(name, it)| value(name, it))
                    .collect(),
                ..GraphProto::default()
            }),
            metadata_props: metadata.collect(),
            ..ModelProto::default()
        };
        std::fs::write(&path, model.encode_to_vec()).expect("written");
        if let Some(settings) = self.settings {
            std::fs::write(folder.path().join("net.yml"), settings).expect("written");
        }
        ModelFile::read_for(&path, Task::Classify).map_err(|error| error.to_string())
    }

    /// What it is, if it gives these values for two pictures.
    fn decided(&self, shape: &[usize], pictures: [&[f32]; 2]) -> Result<Classifier, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let text = |error: camweave_model::ModelError| error.to_string();
        let file = self.read(&folder)?;
        let size = (self.input[3] as u32, self.input[2] as u32);
        let draft = ClassifierDraft::of(&file, size).map_err(text)?;
        draft
            .decide(&file, shape, &pictures.map(<[f32]>::to_vec))
            .map_err(text)
    }

    fn refused(&self, shape: &[usize], pictures: [&[f32]; 2]) -> String {
        match self.decided(shape, pictures) {
            Ok(classifier) => panic!("{classifier:?}"),
            Err(error) => error,
        }
    }
}

const PROBABILITIES: [&[f32]; 2] = [&[0.7, 0.2, 0.1], &[0.1, 0.1, 0.8]];
const LOGITS: [&[f32]; 2] = [&[4.0, -1.0, 0.5], &[-2.0, 0.0, 3.0]];

#[test]
fn an_ultralytics_export_says_what_it_is() {
    let found = ultralytics()
        .decided(&[3], PROBABILITIES)
        .expect("a classifier");
    assert_eq!(found.family, ClassifierFamily::Classify);
    assert_eq!(
        (found.fit, found.input.fit),
        (CropFit::CentreCrop, Fit::Stretch)
    );
    assert_eq!(
        (found.input.mean, found.input.deviation),
        ([0.0; 3], [1.0; 3])
    );
    let names = ["red", "green", "blue"].map(str::to_owned).to_vec();
    let activation = ClassActivation::None;
    assert_eq!(found.meaning, Meaning::Classes { activation, names });
    assert_eq!(found.warnings, Vec::<String>::new());
    // An input that is not square is filled by resizing, as Ultralytics does.
    let wide = Net {
        input: [-1, 3, 32, 64],
        ..ultralytics()
    };
    let found = wide.decided(&[3], PROBABILITIES).expect("a classifier");
    assert_eq!(found.fit, CropFit::Stretch);
}

#[test]
fn logits_and_probabilities_are_told_apart_by_their_values() {
    let timm = Net {
        settings: Some("family: timm\nnames: [red, green, blue]\n"),
        ..net(&[("logits", &[-1, 3])])
    };
    let found = timm.decided(&[3], LOGITS).expect("a classifier");
    assert!(matches!(
        found.meaning,
        Meaning::Classes {
            activation: ClassActivation::Softmax,
            ..
        }
    ));
    assert_eq!(found.input.mean, [0.485, 0.456, 0.406]);
    assert!(
        found.reasons.iter().any(|it| it.contains("softmax (trial")),
        "{found:?}"
    );
    let Some(Answer::Classes(values)) = found.answer(&[1.0, 1.0, 1.0]) else {
        panic!("probabilities");
    };
    assert!(
        values.iter().all(|it| (it - 1.0 / 3.0).abs() < 1e-6),
        "{values:?}"
    );
    assert_eq!(found.answer(&[f32::NAN, 0.0, 0.0]), None);
    // Large logits do not overflow.
    let Some(Answer::Classes(values)) = found.answer(&[1000.0, 0.0, 0.0]) else {
        panic!("probabilities");
    };
    assert_eq!(values, [1.0, 0.0, 0.0]);
    let found = timm.decided(&[3], PROBABILITIES).expect("a softmax inside");
    assert!(matches!(
        found.meaning,
        Meaning::Classes {
            activation: ClassActivation::None,
            ..
        }
    ));
}

#[test]
fn values_that_are_neither_are_refused_with_the_line_to_write() {
    let sigmoids: [&[f32]; 2] = [&[0.9, 0.8, 0.1], &[0.2, 0.1, 0.1]];
    let error = ultralytics().refused(&[3], sigmoids);
    for part in [
        "sum to 1.800",
        "'activation: none'",
        "'activation: softmax'",
        "net.yml",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let said = Net {
        settings: Some("activation: none\n"),
        ..ultralytics()
    };
    let found = said.decided(&[3], sigmoids).expect("as it was said");
    assert_eq!(
        found.answer(&[0.9, 0.8, 0.1]),
        Some(Answer::Classes(vec![0.9, 0.8, 0.1]))
    );
    let error = said.refused(&[3], LOGITS);
    assert!(
        error.contains("4.000") && error.contains("'activation: softmax'"),
        "{error}"
    );
    let error = ultralytics().refused(&[3], [&[f32::NAN, 0.0, 1.0], &[0.0, 0.0, 1.0]]);
    assert!(error.contains("no numbers"), "{error}");
}

#[test]
fn what_nobody_says_is_not_guessed() {
    let error = net(&[("output", &[-1, 1000])]).refused(&[1000], [&[0.0], &[0.0]]);
    for part in [
        "net.onnx",
        "'family: timm'",
        "'family: embedding'",
        "into net.yml",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let two = Net {
        outputs: vec![("logits", vec![-1, 10]), ("features", vec![-1, 512])],
        settings: Some("family: timm\n"),
        ..net(&[])
    };
    let error = two.refused(&[10], [&[0.0], &[0.0]]);
    assert!(
        error.contains("logits, features") && error.contains("'output: NAME'"),
        "{error}"
    );
    let named = Net {
        settings: Some("family: embedding\noutput: features\n"),
        ..two
    };
    let found = named
        .decided(&[2, 1, 1], [&[3.0, 4.0], &[1.0, 0.0]])
        .expect("an embedding");
    assert_eq!((found.output, found.values()), (1, 2));
    assert_eq!(
        found.answer(&[3.0, 4.0]),
        Some(Answer::Embedding(vec![0.6, 0.8]))
    );
    assert_eq!(found.answer(&[0.0, 0.0]), None);
    let typo = Net {
        settings: Some("family: timm\noutput: logit\n"),
        outputs: vec![("logits", vec![-1, 10])],
        ..net(&[])
    };
    let error = typo.refused(&[10], [&[0.0], &[0.0]]);
    assert!(error.contains("'logit', expected one of logits"), "{error}");
}

#[test]
fn other_tasks_and_other_shapes_are_refused() {
    let detector = Net {
        metadata: vec![("task", "detect")],
        ..net(&[("output0", &[-1, 6, 8400])])
    };
    let error = detector.refused(&[6, 8400], [&[0.0], &[0.0]]);
    assert!(
        error.contains("its task is 'detect', expected 'classify'"),
        "{error}"
    );
    let unnamed = Net {
        metadata: Vec::new(),
        settings: Some("family: timm\noutput: output0\n"),
        ..detector
    };
    let error = unnamed.refused(&[6, 8400], [&[0.0], &[0.0]]);
    assert!(error.contains("[6, 8400]"), "{error}");
}

#[test]
fn classes_without_names_are_numbered_with_a_warning() {
    let unnamed = Net {
        metadata: vec![("task", "classify"), ("names", "['red']")],
        ..ultralytics()
    };
    let found = unnamed.decided(&[3], PROBABILITIES).expect("a classifier");
    let Meaning::Classes { names, .. } = &found.meaning else {
        panic!("classes");
    };
    assert_eq!(names, &["red", "class1", "class2"]);
    assert!(
        found.warnings[0].contains("1 names for 3 classes"),
        "{found:?}"
    );
}

#[test]
fn a_dynamic_input_may_have_any_side_unless_the_file_says_a_stride() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = Net {
        input: [-1, 3, -1, -1],
        ..net(&[("logits", &[-1, 3])])
    };
    let file = model.read(&folder).expect("a file");
    for side in [260, 299, 380] {
        assert_eq!(
            crop_size(&file, side, "env CLASSIFIER_SIZE").expect("any side"),
            (side, side)
        );
    }
    model.metadata = vec![("task", "classify"), ("stride", "32")];
    let file = model.read(&folder).expect("a file");
    let error = crop_size(&file, 299, "env CLASSIFIER_SIZE").expect_err("no multiple");
    assert!(
        error.to_string().contains("'299', expected a multiple"),
        "{error}"
    );
}

#[test]
fn the_layout_of_the_input_is_that_of_the_file() {
    for (key, text) in [
        ("layout", "family: timm\ninput: {layout: nhwc}\n"),
        ("element", "family: timm\ninput: {element: uint8}\n"),
    ] {
        let model = Net {
            settings: Some(text),
            ..net(&[("logits", &[-1, 3])])
        };
        let error = model.refused(&[3], LOGITS);
        assert!(
            error.contains(&format!("input.{key}")) && error.contains("net.yml"),
            "{error}"
        );
    }
}

/// What is written into `MODEL.yml` is what was decided, also where the file alone does not say it.
#[test]
fn the_text_for_the_settings_says_what_was_decided() {
    let timm = |settings| Net {
        settings: Some(settings),
        ..net(&[("logits", &[-1, 3])])
    };
    let said =
        "family: timm\ninput: {fit: letterbox, channels: bgr}\nnames: [a, 'b \"c\"', '\\']\n";
    let vector = Net {
        settings: Some("family: embedding\n"),
        ..net(&[("features", &[-1, 3]), ("other", &[-1, 5])])
    };
    let vector = Net {
        settings: Some("family: embedding\noutput: features\n"),
        ..vector
    };
    for (net, pictures) in [
        (ultralytics(), PROBABILITIES),
        (timm(said), LOGITS),
        (timm("family: timm\nactivation: none\n"), PROBABILITIES),
        (vector, LOGITS),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = net.read(&folder).expect("a model");
        let decided = || {
            let draft = ClassifierDraft::of(&file, (64, 64)).expect("a draft");
            let pictures = pictures.map(<[f32]>::to_vec);
            draft.decide(&file, &[3], &pictures).expect("a classifier")
        };
        let before = decided();
        let text = classifier_text(&file, &before);
        std::fs::write(folder.path().join("net.yml"), &text).expect("written");
        let after = decided();
        assert_eq!((before.family, before.output), (after.family, after.output));
        assert_eq!(
            (before.fit, before.input),
            (after.fit, after.input),
            "{text}"
        );
        assert_eq!(before.meaning, after.meaning, "{text}");
        // Classes that have numbers alone still count as unknown.
        assert_eq!(before.warnings, after.warnings, "{text}");
        assert!(
            after.reasons[0].contains("(MODEL.yml)"),
            "{:?}",
            after.reasons
        );
    }
}

#[test]
fn what_was_decided_is_said_with_what_it_was_decided_from() {
    let lines = |net: &Net, pictures| net.decided(&[3], pictures).expect("a classifier").lines();
    assert_eq!(
        lines(&ultralytics(), PROBABILITIES),
        [
            "family: classify (metadata: task)",
            "output: output0 (the only one that may be [batch, values])",
            "input: float32, nchw, rgb, centre_crop, white is 1 (as classify)",
            "activation: none (trial: values sum to 1)",
            "classes: 3 (names: metadata)",
            "names: red, green, blue",
        ]
    );
    let timm = Net {
        settings: Some("family: timm\noutput: logits\ninput: {fit: stretch, mean: [0, 0, 0]}\n"),
        ..net(&[("logits", &[-1, 3])])
    };
    let found = lines(&timm, LOGITS);
    assert_eq!(found[1], "output: logits (MODEL.yml)");
    assert_eq!(
        found[2],
        "input: float32, nchw, rgb, stretch, white is 1, mean [0.0, 0.0, 0.0], deviation [0.229, 0.224, 0.225] (as timm; MODEL.yml: fit, mean)"
    );
    assert_eq!(
        found[4..],
        [
            "classes: 3 (without names)",
            "names: class0, class1, class2"
        ]
    );
}

#[test]
fn what_a_file_is_used_for_shows_before_it_is_run() {
    let used = |net: &Net| {
        let folder = tempfile::tempdir().expect("a folder");
        drop(net.read(&folder));
        usage(&folder.path().join("net.onnx"))
    };
    let said = |net: Net, settings| Net {
        settings: Some(settings),
        ..net
    };
    let (list, places) = (
        || net(&[("out", &[-1, 10])]),
        || net(&[("out", &[-1, 84, 2100])]),
    );
    assert_eq!(used(&ultralytics()), Task::Classify);
    assert_eq!(used(&list()), Task::Classify);
    assert_eq!(used(&net(&[("out", &[-1, 10, 1, 1])])), Task::Classify);
    assert_eq!(used(&places()), Task::Detect);
    // Boxes of all frames in one list, and counts beside boxes.
    assert_eq!(
        used(&Net {
            input: [1, 3, 64, 64],
            ..list()
        }),
        Task::Detect
    );
    let counted = net(&[("num_dets", &[-1, 1]), ("det_boxes", &[-1, 100, 4])]);
    assert_eq!(used(&counted), Task::Detect);
    let detect = Net {
        metadata: vec![("task", "detect")],
        ..list()
    };
    assert_eq!(used(&detect), Task::Detect);
    // MODEL.yml is believed before anything else; what says nothing of it changes nothing.
    assert_eq!(used(&said(list(), "family: yolov8\n")), Task::Detect);
    assert_eq!(
        used(&said(places(), "input: {fit: stretch}\nfamily: reid\n")),
        Task::Classify
    );
    assert_eq!(used(&said(list(), "names: [a, b]\n")), Task::Classify);
    assert_eq!(used(&said(list(), "family: tmm\n")), Task::Classify);
    assert_eq!(usage(std::path::Path::new("none.onnx")), Task::Detect);
}
