//! Networks of several kinds, with outputs that are known, in each engine.

use std::path::{Path, PathBuf};

use camweave_cpu_infer::onnx::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto, data_type,
};
use camweave_cpu_infer::{Batching, Detector, DetectorOptions, EngineChoice, EngineKind};
use camweave_model::{Description, Family};
use camweave_stage::Exit;
use camweave_vision::{Element, InputLayout, Order, Range};
use prost::Message;

use crate::support::{folder, options};

/// Places of a grid of 64x64 pixels.
const PLACES: usize = 84;

/// A network whose outputs depend on its input by nothing.
struct Net {
    input: (i32, Vec<i64>),
    outputs: Vec<(&'static str, Vec<i64>, Vec<f32>)>,
    /// A second input, with which the boxes of this output are multiplied.
    sizes: Option<&'static str>,
    /// An output of int64.
    labels: Option<(&'static str, Vec<i64>)>,
    metadata: Vec<(&'static str, &'static str)>,
    more: Vec<NodeProto>,
}

fn net(outputs: Vec<(&'static str, Vec<i64>, Vec<f32>)>) -> Net {
    Net {
        input: (data_type::FLOAT, vec![1, 3, 64, 64]),
        outputs,
        sizes: None,
        labels: None,
        metadata: Vec::new(),
        more: Vec::new(),
    }
}

fn value(name: &str, elem_type: i32, sizes: &[i64]) -> ValueInfoProto {
    let dim = sizes.iter().map(|&size| DimensionProto {
        dim_value: (size > 0).then_some(size),
        dim_param: (size <= 0).then(|| "n".to_owned()),
    });
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type,
                shape: Some(TensorShapeProto { dim: dim.collect() }),
            }),
        }),
    }
}

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: op.to_owned(),
        input: inputs.iter().map(|&it| it.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}

fn to_float(input: &str, output: &str) -> NodeProto {
    let mut node = node("Cast", &[input], output);
    node.attribute.push(AttributeProto {
        name: "to".to_owned(),
        i: i64::from(data_type::FLOAT),
        r#type: 2,
        ..AttributeProto::default()
    });
    node
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

fn integers(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: data_type::INT64,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

impl Net {
    fn write(&self, folder: &Path) -> PathBuf {
        let mut graph = GraphProto {
            name: "kinds".to_owned(),
            ..GraphProto::default()
        };
        graph
            .input
            .push(value("images", self.input.0, &self.input.1));
        graph.initializer.push(floats("zero", &[1], &[0.0]));
        graph.initializer.push(integers("one", &[1], &[1]));
        graph.node.extend([
            to_float("images", "pixels"),
            node("ReduceMax", &["pixels"], "most"),
            node("Reshape", &["most", "one"], "scalar"),
            node("Mul", &["scalar", "zero"], "nothing"),
        ]);
        for (name, shape, values) in &self.outputs {
            let constant = format!("c_{name}");
            graph.initializer.push(floats(&constant, shape, values));
            graph.output.push(value(name, data_type::FLOAT, shape));
            match self.sizes.filter(|_| *name == "boxes") {
                None => graph.node.push(node("Add", &[&constant, "nothing"], name)),
                Some(_) => graph.node.extend([
                    node("Add", &[&constant, "nothing"], "parts"),
                    node("Mul", &["parts", "scale"], name),
                ]),
            }
        }
        if let Some(sizes) = self.sizes {
            graph.input.push(value(sizes, data_type::INT64, &[1, 2]));
            graph.initializer.push(integers("twice", &[3], &[1, 1, 2]));
            graph.initializer.push(integers("row", &[3], &[1, 1, 2]));
            let scale = [
                to_float(sizes, "sizes"),
                node("Reshape", &["sizes", "row"], "pair"),
                node("Tile", &["pair", "twice"], "scale"),
            ];
            graph.node.splice(0..0, scale);
        }
        if let Some((name, values)) = &self.labels {
            let shape = [1, values.len() as i64];
            graph.initializer.push(integers("c_labels", &shape, values));
            graph
                .output
                .insert(0, value(name, data_type::INT64, &shape));
            graph.node.push(node("Identity", &["c_labels"], name));
        }
        graph.node.extend(self.more.clone());
        let model = ModelProto {
            ir_version: 8,
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto {
                domain: String::new(),
                version: 17,
            }],
            metadata_props: (self.metadata.iter())
                .map(|(key, value)| StringStringEntryProto {
                    key: (*key).to_owned(),
                    value: (*value).to_owned(),
                })
                .collect(),
            ..ModelProto::default()
        };
        let path = folder.join("kind.onnx");
        std::fs::write(&path, model.encode_to_vec()).expect("written");
        path
    }
}

/// Engines that are here.
fn engines() -> Vec<DetectorOptions> {
    let mut all = vec![options(PathBuf::new())];
    for (variable, kind) in [
        ("ORT_DYLIB_PATH", EngineKind::OnnxRuntime),
        ("OPENVINO_DYLIB_PATH", EngineKind::OpenVino),
    ] {
        let named = std::env::var_os(variable).filter(|path| !path.is_empty());
        let Some(library) = named.map(PathBuf::from) else {
            // The built-in engine is always here.
            continue;
        };
        let mut options = options(PathBuf::new());
        options.engine = EngineChoice::Only(kind);
        match kind {
            EngineKind::OnnxRuntime => options.libraries.onnxruntime = Some(library),
            _ => options.libraries.openvino = Some(library),
        }
        all.push(options);
    }
    all
}

/// The description and the head of one frame, in each engine.
fn in_each(net: &Net, mut check: impl FnMut(&Description, &[f32])) {
    for options in engines() {
        let folder = folder();
        let options = DetectorOptions {
            model: net.write(folder.path()),
            ..options
        };
        let mut detector = Detector::open(&options).unwrap_or_else(|error| panic!("{error}"));
        detector.input(1).fill(0.0);
        let mut head = Vec::new();
        let run = detector.run(1, |_, values| head = values.to_vec());
        run.unwrap_or_else(|error| panic!("{error}"));
        check(detector.description(), &head);
    }
}

/// Edges in pixels of 64.
fn edges(place: usize) -> [f32; 4] {
    let (x, y) = (
        (place % 8) as f32 * 6.0 + 2.0,
        (place / 8 % 5) as f32 * 9.0 + 2.0,
    );
    [x, y, x + 5.0, y + 8.0]
}

fn centre(place: usize) -> [f32; 4] {
    let [left, top, right, bottom] = edges(place);
    [
        (left + right) / 2.0,
        (top + bottom) / 2.0,
        right - left,
        bottom - top,
    ]
}

fn score(place: usize) -> f32 {
    if place < 40 {
        0.9 - 0.01 * place as f32
    } else {
        0.001
    }
}

#[test]
fn boxes_come_before_scores_whatever_the_order_in_the_file() {
    let boxes: Vec<f32> = (0..PLACES)
        .flat_map(|it| centre(it).map(|it| it / 64.0))
        .collect();
    let logits: Vec<f32> = (0..PLACES)
        .flat_map(|place| [-4.0 - 0.01 * place as f32, 2.0 - 0.1 * place as f32, -5.0])
        .collect();
    let net = net(vec![
        ("labels", vec![1, PLACES as i64, 3], logits.clone()),
        ("dets", vec![1, PLACES as i64, 4], boxes.clone()),
    ]);
    in_each(&net, |description, head| {
        assert_eq!(description.family, Family::RfDetr);
        assert_eq!(description.head.order, Order::Parts);
        assert_eq!(head, [boxes.clone(), logits.clone()].concat());
    });
}

#[test]
fn sizes_are_given_and_integers_are_read() {
    let parts: Vec<f32> = (0..PLACES)
        .flat_map(|it| edges(it).map(|it| it / 64.0))
        .collect();
    let scores: Vec<f32> = (0..PLACES).map(score).collect();
    let labels: Vec<i64> = (0..PLACES as i64).map(|it| it % 7).collect();
    let mut net = net(vec![
        ("boxes", vec![1, PLACES as i64, 4], parts),
        ("scores", vec![1, PLACES as i64], scores.clone()),
    ]);
    net.input.1 = vec![1, 3, 64, 32];
    net.sizes = Some("orig_target_sizes");
    net.labels = Some(("labels", labels.clone()));
    in_each(&net, |description, head| {
        assert_eq!(description.family, Family::DFine);
        let boxes = (0..PLACES).flat_map(|place| {
            let [left, top, right, bottom] = edges(place);
            [left / 2.0, top, right / 2.0, bottom]
        });
        let labels = labels.iter().map(|&it| it as f32);
        let expected = boxes.chain(scores.iter().copied()).chain(labels);
        assert_eq!(head, expected.collect::<Vec<_>>());
    });
}

/// Corners, score and class of each place, before suppression, from bytes in rows of pixels.
#[test]
fn bytes_in_rows_of_pixels_and_a_head_that_its_values_show() {
    let rows: Vec<f32> = (0..PLACES)
        .flat_map(|place| {
            let [left, top, right, bottom] = edges(place);
            [left, top, right, bottom, score(place), (place % 3) as f32]
        })
        .collect();
    let mut net = net(vec![("output", vec![1, PLACES as i64, 6], rows.clone())]);
    net.input = (data_type::UINT8, vec![1, 64, 64, 3]);
    in_each(&net, |description, head| {
        assert_eq!(description.family, Family::DeepstreamYolo);
        assert!(description.head.overlaps);
        let input = description.input;
        assert_eq!(
            (input.layout, input.element, input.range),
            (InputLayout::Nhwc, Element::Uint8, Range::Byte)
        );
        assert_eq!(head, rows);
    });
}

#[test]
fn what_is_ambiguous_or_wrong_is_refused_with_the_line_to_write() {
    let rows = |values: fn(usize) -> [f32; 6]| {
        let all = (0..PLACES).flat_map(values).collect();
        net(vec![("output", vec![1, PLACES as i64, 6], all)])
    };
    let two = |place: usize| {
        let [x, y, w, h] = centre(place);
        [x, y, w, h, score(place), 0.4 * score(place + 1)]
    };
    let folder = folder();
    let path = rows(two).write(folder.path());
    let error = Detector::open(&options(path.clone()))
        .err()
        .expect("ambiguous");
    assert_eq!(error.exit, Exit::Input);
    for part in [
        "yolov8 and yolox_decoded",
        "write 'family: yolov8' into kind.yml",
    ] {
        assert!(error.message.contains(part), "{error}");
    }
    std::fs::write(
        folder.path().join("kind.yml"),
        "family: yolov8\nnames: [a, b]\n",
    )
    .expect("written");
    let detector = Detector::open(&options(path)).expect("it is said");
    assert_eq!(detector.model().class_names, ["a", "b"]);
    assert_eq!(detector.model().format.order, Order::Rows);
}

/// Exporters declare a dynamic batch around a network that gives one frame's boxes, and zeros.
#[test]
fn a_batch_whose_second_frame_is_empty_is_run_unbatched() {
    let rows: Vec<f32> = (0..30)
        .flat_map(|place| {
            let [left, top, right, bottom] = edges(place);
            [left, top, right, bottom, score(place), (place % 3) as f32]
        })
        .collect();
    let empty = vec![0.0; rows.len()];
    // Two frames' outputs, of which as many are given as there are frames.
    let both = [rows.clone(), empty].concat();
    let mut net = net(vec![("both", vec![2, 30, 6], both)]);
    net.input.1[0] = 0;
    net.metadata.push(("names", "['a', 'b', 'c']"));
    let folder = folder();
    let path = net.write(folder.path());
    let mut model = ModelProto::decode(&*std::fs::read(&path).expect("read")).expect("a model");
    let graph = model.graph.as_mut().expect("a graph");
    graph.initializer.push(integers("first", &[1], &[0]));
    graph.initializer.push(integers("axis", &[1], &[0]));
    graph.node.extend([
        node("Shape", &["images"], "shape"),
        node("Slice", &["shape", "first", "one", "axis"], "frames"),
        node("Slice", &["both", "first", "frames", "axis"], "output0"),
    ]);
    graph.output = vec![value("output0", data_type::FLOAT, &[0, 30, 6])];
    std::fs::write(&path, model.encode_to_vec()).expect("written");
    let mut detector = Detector::open(&options(path)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(detector.batching(), Batching::Fixed(1));
    let mut heads = Vec::new();
    detector.input(2).fill(0.0);
    let run = detector.run(2, |_, head| heads.push(head.to_vec()));
    run.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(heads, [rows.clone(), rows]);
}

#[test]
fn suppression_in_the_graph_is_refused_by_the_engine_that_does_it_wrong() {
    let rows = vec![0.0; 30 * 6];
    let mut net = net(vec![("output0", vec![1, 30, 6], rows)]);
    net.more
        .push(node("NonMaxSuppression", &["a", "b"], "unused"));
    let folder = folder();
    let error = Detector::open(&options(net.write(folder.path())))
        .err()
        .expect("rten");
    for part in ["NonMaxSuppression", "ENGINE=openvino", "ENGINE=onnxruntime"] {
        assert!(error.message.contains(part), "{error}");
    }
}

/// What is written into MODEL.yml is what was decided.
#[test]
fn the_text_for_the_settings_says_what_was_decided() {
    let boxes: Vec<f32> = (0..PLACES)
        .flat_map(|it| centre(it).map(|it| it / 64.0))
        .collect();
    let logits: Vec<f32> = (0..PLACES)
        .flat_map(|place| [-4.0, 2.0 - 0.1 * place as f32, -5.0])
        .collect();
    let mut net = net(vec![
        ("labels", vec![1, PLACES as i64, 3], logits),
        ("dets", vec![1, PLACES as i64, 4], boxes),
    ]);
    net.metadata
        .push(("names", r#"["a \\ \"b\"", "caf\u00e9", "\u200d"]"#));
    let folder = folder();
    let path = net.write(folder.path());
    let before = Detector::open(&options(path.clone())).unwrap_or_else(|error| panic!("{error}"));
    let ask = |question: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_cpu-infer"))
            .args([question, "ENGINE=rten"])
            .arg(format!("MODEL={}", path.display()))
            .output()
            .expect("the program");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let shown = ask("--show-model");
    for part in [
        "family: rf_detr (outputs 'labels' [1, 84, 3], 'dets' [1, 84, 4])",
        "names: 3",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let text = ask("--describe-model");
    std::fs::write(folder.path().join("kind.yml"), &text).expect("written");
    let after = Detector::open(&options(path.clone())).unwrap_or_else(|error| panic!("{error}"));
    let (before, after) = (before.description(), after.description());
    assert_eq!(
        (before.head, before.input),
        (after.head, after.input),
        "{text}"
    );
    assert_eq!(
        (&before.outputs, &before.class_names),
        (&after.outputs, &after.class_names)
    );
    assert_eq!(
        (before.confidence, before.iou),
        (after.confidence, after.iou)
    );
}

/// All queries on one object: a transformer that was not trained is run, with a warning; a list of
/// which nothing but its shape says that it has no duplicates is refused.
#[test]
fn repeated_objects_are_refused_of_what_only_a_shape_shows() {
    let same = |place: usize| centre(place % 4).map(|it| it / 64.0);
    let boxes: Vec<f32> = (0..PLACES).flat_map(same).collect();
    let logits = (0..PLACES).flat_map(|place| [1.5 - 0.01 * place as f32, -5.0]);
    let queries = net(vec![
        ("dets", vec![1, PLACES as i64, 4], boxes),
        ("labels", vec![1, PLACES as i64, 2], logits.collect()),
    ]);
    in_each(&queries, |description, _| {
        assert_eq!(description.family, Family::RfDetr);
        let warned = description.warnings.iter();
        let warned: Vec<_> = warned
            .filter(|it| it.contains("84 boxes are of 4 objects"))
            .collect();
        assert_eq!(warned.len(), 1, "{:?}", description.warnings);
        assert!(warned[0].contains("write 'overlaps: true' into kind.yml"));
    });
    let rows = (0..50_usize).flat_map(|place| {
        let [left, top, right, bottom] = edges(place % 4);
        [left, top, right, bottom, 0.9 - 0.01 * place as f32, 1.0]
    });
    let list = net(vec![("output0", vec![1, 50, 6], rows.collect())]);
    let folder = folder();
    let path = list.write(folder.path());
    let error = Detector::open(&options(path.clone()))
        .err()
        .expect("repeated");
    for part in [
        "50 boxes are of 4 objects",
        "write 'overlaps: true' into kind.yml",
    ] {
        assert!(error.message.contains(part), "{error}");
    }
    let said = folder.path().join("kind.yml");
    std::fs::write(&said, "overlaps: true\n").expect("written");
    let detector = Detector::open(&options(path.clone())).unwrap_or_else(|error| panic!("{error}"));
    assert!(detector.model().format.overlaps);
    std::fs::write(&said, "overlaps: false\n").expect("written");
    let detector = Detector::open(&options(path)).unwrap_or_else(|error| panic!("{error}"));
    assert!(!detector.model().format.overlaps);
}

/// A fixed batch is tried as a whole, whatever its size.
#[test]
fn a_fixed_batch_of_five_is_tried_as_a_whole() {
    let rows = |frame: usize| {
        (0..PLACES).flat_map(move |place| {
            let [left, top, right, bottom] = edges(place);
            let class = ((place + frame) % 3) as f32;
            [left, top, right, bottom, score(place), class]
        })
    };
    let all: Vec<f32> = (0..5).flat_map(rows).collect();
    let mut net = net(vec![("output", vec![5, PLACES as i64, 6], all)]);
    net.input.1[0] = 5;
    let folder = folder();
    let path = net.write(folder.path());
    let mut detector = Detector::open(&options(path)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(detector.batching(), Batching::Fixed(5));
    assert_eq!(detector.description().family, Family::DeepstreamYolo);
    // Seven frames are two batches, of which the second is filled up.
    detector.input(7).fill(0.0);
    let mut heads = Vec::new();
    let run = detector.run(7, |_, head| heads.push(head.to_vec()));
    run.unwrap_or_else(|error| panic!("{error}"));
    let expected = (0..7).map(|frame| rows(frame % 5).collect::<Vec<f32>>());
    assert_eq!(heads, expected.collect::<Vec<_>>());
}

/// A dynamic batch is tried with as many frames as it may have: here all of them come out.
#[test]
fn a_dynamic_batch_of_five_is_run_as_one() {
    let mut net = net(Vec::new());
    let rows: Vec<f32> = (0..30)
        .flat_map(|place| {
            let [left, top, right, bottom] = edges(place);
            [left, top, right, bottom, score(place), (place % 3) as f32]
        })
        .collect();
    net.outputs.push(("each", vec![1, 30, 6], rows.clone()));
    net.input.1[0] = 0;
    net.metadata.push(("names", "['a', 'b', 'c']"));
    let folder = folder();
    let path = net.write(folder.path());
    let mut model = ModelProto::decode(&*std::fs::read(&path).expect("read")).expect("a model");
    let graph = model.graph.as_mut().expect("a graph");
    graph.initializer.push(integers("first", &[1], &[0]));
    graph.initializer.push(integers("axis", &[1], &[0]));
    graph.initializer.push(integers("rest", &[2], &[1, 1]));
    let mut concat = node("Concat", &["frames", "rest"], "repeats");
    concat.attribute.push(AttributeProto {
        name: "axis".to_owned(),
        i: 0,
        r#type: 2,
        ..AttributeProto::default()
    });
    graph.node.extend([
        node("Shape", &["images"], "shape"),
        node("Slice", &["shape", "first", "one", "axis"], "frames"),
        concat,
        node("Tile", &["each", "repeats"], "output0"),
    ]);
    graph.output = vec![value("output0", data_type::FLOAT, &[0, 30, 6])];
    std::fs::write(&path, model.encode_to_vec()).expect("written");
    let options = DetectorOptions {
        max_batch: 5,
        ..options(path)
    };
    let mut detector = Detector::open(&options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(detector.batching(), Batching::Dynamic);
    detector.input(5).fill(0.0);
    let mut heads = Vec::new();
    let run = detector.run(5, |_, head| heads.push(head.to_vec()));
    run.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(heads, vec![rows; 5]);
}
