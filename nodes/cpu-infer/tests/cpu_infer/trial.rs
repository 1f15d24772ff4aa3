//! Models whose memory or time shows only when they run.

use std::path::{Path, PathBuf};
use std::time::Instant;

use camweave_cpu_infer::onnx::{ModelProto, NodeProto, TensorProto, data_type};
use camweave_cpu_infer::{Detector, DetectorOptions, use_program};
use camweave_stage::Exit;
use prost::Message;

use crate::support::{folder, options, untried, yolov8};

/// The network of the other tests, with a tensor in it that has as many values as its input, squared
/// and multiplied by `factor`.
fn squared(folder: &Path, factor: i64) -> PathBuf {
    let mut model = ModelProto::decode(&*yolov8().bytes()).expect("a model");
    let graph = model.graph.as_mut().expect("a graph");
    graph.initializer.push(TensorProto {
        name: "many".to_owned(),
        dims: vec![1],
        data_type: data_type::INT64,
        int64_data: vec![factor],
        ..TensorProto::default()
    });
    let node = |op: &str, inputs: &[&str], output: &str| NodeProto {
        op_type: op.to_owned(),
        input: inputs.iter().map(|&it| it.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    };
    let nodes = [
        node("Shape", &["images"], "shape_of"),
        node("ReduceProd", &["shape_of"], "values"),
        node("Mul", &["values", "values"], "square"),
        node("Mul", &["square", "many"], "size"),
        node("ConstantOfShape", &["size"], "made"),
        node("ReduceMax", &["made"], "most"),
        node("Add", &["images", "most"], "more"),
    ];
    let scale = &mut graph.node[0];
    scale.input[0] = "more".to_owned();
    graph.node.splice(0..0, nodes);
    let path = folder.join(format!("squared-{factor}.onnx"));
    std::fs::write(&path, model.encode_to_vec()).expect("a writable folder");
    untried(&path);
    path
}

#[test]
fn a_model_that_needs_too_much_kills_no_node() {
    use_program(PathBuf::from(env!("CARGO_BIN_EXE_cpu-infer")));
    let folder = folder();
    // Memory that grows with the square of the batch: of two frames there is enough.
    let two = |model: PathBuf| DetectorOptions {
        max_batch: 2,
        ..options(model)
    };
    let small = Detector::open(&two(squared(folder.path(), 1)));
    assert!(small.is_ok(), "{:?}", small.err());
    let error = Detector::open(&two(squared(folder.path(), 100)))
        .err()
        .expect("4 GB");
    assert_eq!(error.exit, Exit::Input);
    for part in ["squared-100.onnx", "MiB", "expected"] {
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn what_else_is_wrong_is_said_as_ever_and_costs_little_time() {
    let folder = folder();
    let good = yolov8().write(&folder);
    let began = Instant::now();
    Detector::open(&options(good.clone())).expect("a good model");
    let before = began.elapsed();
    let broken = yolov8().with("task", Some("segment")).write(&folder);
    let plain = Detector::open(&options(broken.clone())).err();
    use_program(PathBuf::from(env!("CARGO_BIN_EXE_cpu-infer")));
    assert_eq!(Detector::open(&options(broken)).err(), plain);
    assert!(plain.is_some_and(|error| error.exit == Exit::Input));
    let shipped = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../models/camweave-street-448x256.onnx"
    );
    let began = Instant::now();
    Detector::open(&options(PathBuf::from(shipped))).expect("a shipped model");
    println!(
        "small {before:?}, shipped with a trial {:?}",
        began.elapsed()
    );
}
