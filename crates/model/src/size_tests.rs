use prost::Message;

use super::*;
use crate::ModelFile;
use crate::onnx::{DimensionProto, ModelProto, TensorShapeProto, TensorTypeProto, TypeProto};

fn value(name: &str, sizes: &[i64]) -> ValueInfoProto {
    let dim = sizes.iter().map(|&size| DimensionProto {
        dim_value: Some(size),
        dim_param: None,
    });
    let tensor = TensorTypeProto {
        elem_type: data_type::FLOAT,
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor),
        }),
    }
}

fn ints(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: vec![values.len() as i64],
        data_type: data_type::INT64,
        int64_data: values.to_vec(),
        ..TensorProto::default()
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

fn set(mut node: NodeProto, attribute: AttributeProto) -> NodeProto {
    node.attribute.push(attribute);
    node
}

fn axis(axis: i64) -> AttributeProto {
    AttributeProto {
        name: "axis".to_owned(),
        i: axis,
        ..AttributeProto::default()
    }
}

fn detector(constants: &[TensorProto], nodes: &[NodeProto]) -> GraphProto {
    GraphProto {
        node: nodes.to_vec(),
        initializer: constants.to_vec(),
        input: vec![value("images", &[1, 3, 64, 64])],
        output: vec![value("output0", &[1, 84, 84])],
        ..GraphProto::default()
    }
}

/// Writes the graph as a file and reads it, as a node does.
fn read(graph: GraphProto) -> Result<ModelFile, String> {
    let (process, thread) = (std::process::id(), std::thread::current().id());
    let folder = std::env::temp_dir().join(format!("camweave-size-{process}-{thread:?}"));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    let path = folder.join("model.onnx");
    let model = ModelProto {
        ir_version: 8,
        graph: Some(graph),
        ..ModelProto::default()
    };
    std::fs::write(&path, model.encode_to_vec()).expect("a writable folder");
    let read = ModelFile::read(&path).map_err(|error| error.to_string());
    std::fs::remove_dir_all(&folder).expect("our own folder");
    read
}

fn refused(case: &str, graph: GraphProto) {
    let error = read(graph).expect_err(case);
    assert!(
        error.contains("expected") && error.contains("at most"),
        "{case}: {error}"
    );
    assert!(
        error.len() < 600 && !error.contains('\n'),
        "{case}: {error}"
    );
}

#[test]
fn small_files_that_ask_for_terabytes() {
    let huge = ints("size", &[1 << 40]);
    refused(
        "ConstantOfShape",
        detector(&[huge], &[node("ConstantOfShape", &["size"], "x")]),
    );
    let side = ints("side", &[1 << 20]);
    let product = [
        node("Concat", &["side", "side"], "both"),
        node("ConstantOfShape", &["both"], "x"),
    ];
    refused(
        "a size put together",
        detector(std::slice::from_ref(&side), &product),
    );
    let computed = [
        node("Mul", &["side", "side"], "size"),
        node("Cast", &["size"], "cast"),
        node("ConstantOfShape", &["cast"], "x"),
    ];
    refused(
        "a computed size",
        detector(std::slice::from_ref(&side), &computed),
    );
    for op in ["Expand", "Tile"] {
        let nodes = [node(op, &["one", "size"], "x")];
        refused(
            op,
            detector(&[ints("one", &[1]), ints("size", &[1 << 40])], &nodes),
        );
    }
    let numbers = [
        ints("from", &[0]),
        ints("to", &[1 << 50]),
        ints("step", &[1]),
    ];
    refused(
        "Range",
        detector(&numbers, &[node("Range", &["from", "to", "step"], "x")]),
    );
    let shape = AttributeProto {
        name: "shape".to_owned(),
        ints: vec![1 << 20, 1 << 20],
        ..AttributeProto::default()
    };
    refused(
        "RandomNormal",
        detector(&[], &[set(node("RandomNormal", &[], "x"), shape)]),
    );
    let value = AttributeProto {
        name: "value".to_owned(),
        t: Some(ints("", &[1 << 40])),
        ..AttributeProto::default()
    };
    let nodes = [
        set(node("Constant", &[], "size"), value),
        node("ConstantOfShape", &["size"], "x"),
    ];
    refused("a size in a Constant", detector(&[], &nodes));
}

#[test]
fn chains_that_double() {
    let doubled = |op: &str| {
        let nodes: Vec<_> = (0..40)
            .map(|step| {
                let from = format!("x{step}");
                set(
                    node(op, &[&from, &from], &format!("x{}", step + 1)),
                    axis(0),
                )
            })
            .collect();
        detector(&[ints("x0", &[1, 2, 3])], &nodes)
    };
    refused("Concat", doubled("Concat"));
    // Many tensors, each within the limit.
    let size = ints("size", &[1 << 28]);
    let many: Vec<_> = (0..8)
        .map(|index| node("ConstantOfShape", &["size"], &format!("x{index}")))
        .collect();
    refused("many", detector(&[size], &many));
    assert!(
        read(doubled("Add")).is_ok(),
        "a sum is as large as its terms"
    );
}

#[test]
fn sizes_that_are_declared() {
    let mut graph = detector(&[], &[]);
    graph.input = vec![value("images", &[1, 3, 1 << 31, 1 << 31])];
    refused("input", graph);
    let mut graph = detector(&[], &[]);
    graph.input = vec![value("images", &[1 << 40, 3, 64, 64])];
    refused("batch", graph);
    let mut graph = detector(&[], &[]);
    graph.value_info = vec![value("between", &[1, 1 << 31, 1 << 31])];
    refused("value_info", graph);
    let mut lying = ints("weights", &[1]);
    lying.dims = vec![1 << 24];
    refused("initializer", detector(&[lying], &[]));
    let mut inner = detector(
        &[ints("size", &[1 << 40])],
        &[node("ConstantOfShape", &["size"], "x")],
    );
    inner.input.clear();
    let branch = AttributeProto {
        name: "then_branch".to_owned(),
        g: Some(Box::new(inner)),
        ..AttributeProto::default()
    };
    refused(
        "a graph within",
        detector(&[], &[set(node("If", &["images"], "y"), branch)]),
    );
}

#[test]
fn what_is_no_file_is_not_read() {
    for (path, part) in [("/dev/zero", "no regular file"), ("/", "directory")] {
        let error = ModelFile::read(std::path::Path::new(path))
            .expect_err(path)
            .to_string();
        assert!(error.contains(part) && error.contains(path), "{error}");
    }
}

#[test]
fn the_shipped_models_and_sizes_of_ordinary_ones_pass() {
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let mut count = 0;
    for entry in std::fs::read_dir(models)
        .expect("the folder of the models")
        .flatten()
    {
        let path = entry.path();
        if path.extension().is_some_and(|it| it == "onnx") {
            ModelFile::read(&path).unwrap_or_else(|error| panic!("{error}"));
            count += 1;
        }
    }
    assert!(count > 0);
    let sizes = [
        ints("size", &[1, 3, 640, 640]),
        ints("scales", &[1, 1, 2, 2]),
    ];
    let nodes = [
        node("ConstantOfShape", &["size"], "x"),
        node("Resize", &["x", "", "scales"], "y"),
        node("Reshape", &["y", "size"], "z"),
    ];
    assert!(read(detector(&sizes, &nodes)).is_ok());
}
