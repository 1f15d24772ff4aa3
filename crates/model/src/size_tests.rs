use prost::Message;

use super::*;
use crate::onnx::{
    AttributeProto, DimensionProto, ModelProto, TensorShapeProto, TensorTypeProto, TypeProto,
};
use crate::{ModelFile, Task};

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
            let read = ModelFile::read(&path);
            read.or_else(|_| ModelFile::read_for(&path, Task::Classify))
                .unwrap_or_else(|error| panic!("{error}"));
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

fn refused_as(case: &str, part: &str, graph: GraphProto) {
    let error = read(graph).expect_err(case);
    assert!(
        error.contains(part) && error.contains("expected"),
        "{case}: {error}"
    );
}

#[test]
fn sizes_that_other_operators_compute() {
    let huge = || ints("huge", &[1 << 38, 1]);
    let (start, end) = (ints("start", &[0]), ints("end", &[1]));
    let sliced = [
        node("Slice", &["huge", "start", "end"], "size"),
        node("ConstantOfShape", &["size"], "x"),
    ];
    refused("Slice", detector(&[huge(), start, end], &sliced));
    let most = [
        node("ReduceMax", &["huge"], "size"),
        node("ConstantOfShape", &["size"], "x"),
    ];
    refused("ReduceMax", detector(&[huge()], &most));
    let chosen = [
        node("Equal", &["huge", "huge"], "same"),
        node("Where", &["same", "huge", "one"], "size"),
        node("ConstantOfShape", &["size"], "x"),
    ];
    refused("Where", detector(&[huge(), ints("one", &[1])], &chosen));
    let mut inner = detector(&[huge()], &most);
    inner.input.clear();
    let branch = AttributeProto {
        name: "then_branch".to_owned(),
        g: Some(Box::new(inner)),
        ..AttributeProto::default()
    };
    let within = detector(&[], &[set(node("If", &["images"], "y"), branch)]);
    refused("within If", within);
    let scales = AttributeProto {
        name: "scales".to_owned(),
        floats: vec![1.0, 1.0, 1e5, 1e5],
        ..AttributeProto::default()
    };
    let upsample = set(node("Upsample", &["images"], "x"), scales);
    refused("Upsample", detector(&[], &[upsample]));
}

/// A constant of `1 x count` or `count x 1` zeros, of which the file has every byte.
fn line(name: &str, sizes: [i64; 2]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: sizes.to_vec(),
        data_type: data_type::INT32,
        raw_data: vec![0; 4 * (sizes[0] * sizes[1]) as usize].into(),
        ..TensorProto::default()
    }
}

#[test]
fn products_of_small_constants() {
    let many = || line("column", [1 << 18, 1]);
    let gather = [node("Gather", &["row", "many"], "x")];
    let mut places = many();
    (places.name, places.dims) = ("many".to_owned(), vec![1 << 18]);
    let mut row = line("row", [1, 1 << 18]);
    row.data_type = data_type::FLOAT;
    refused("Gather", detector(&[row, places], &gather));
    let turned = AttributeProto {
        name: "transB".to_owned(),
        i: 1,
        ..AttributeProto::default()
    };
    let gemm = set(node("Gemm", &["column", "column"], "x"), turned);
    refused("Gemm", detector(&[many()], &[gemm]));
    let einsum = node("Einsum", &["column", "column"], "x");
    refused_as("Einsum", "Einsum 'x'", detector(&[many()], &[einsum]));
}

#[test]
fn networks_that_may_never_end() {
    for op in ["Loop", "Scan"] {
        let mut body = detector(&[], &[node("Identity", &["a"], "b")]);
        body.input.clear();
        let body = AttributeProto {
            name: "body".to_owned(),
            g: Some(Box::new(body)),
            ..AttributeProto::default()
        };
        let count = ints("count", &[1 << 62]);
        let mut node = set(node(op, &["count", "", "images"], "y"), body);
        node.name = "endless".to_owned();
        let graph = detector(&[count], &[node]);
        refused_as(op, &format!("{op} 'endless'"), graph);
    }
}

#[test]
fn what_is_made_is_bounded_by_what_the_file_holds() {
    let made = |values: i64| {
        let size = ints("size", &[values]);
        read(detector(
            &[size],
            &[node("ConstantOfShape", &["size"], "x")],
        ))
    };
    assert!(made(1 << 24).is_ok(), "64 MiB");
    let error = made((1 << 24) + 1).expect_err("more");
    assert!(error.contains("expected at most 67108864"), "{error}");
    // A double has eight bytes.
    let cast = AttributeProto {
        name: "to".to_owned(),
        i: 11,
        ..AttributeProto::default()
    };
    let nodes = [
        node("ConstantOfShape", &["size"], "x"),
        set(node("Cast", &["x"], "y"), cast),
    ];
    refused("doubles", detector(&[ints("size", &[6 << 20])], &nodes));
    // Large weights may be turned.
    let weights = line("weights", [5 << 10, 1 << 12]);
    let turn = [node("Transpose", &["weights"], "turned")];
    assert!(read(detector(&[weights], &turn)).is_ok());
}

#[test]
fn inputs_and_heads_are_bounded() {
    let mut graph = detector(&[], &[]);
    graph.input = vec![value("images", &[42, 3, 2048, 2048])];
    refused("input", graph);
    let mut graph = detector(&[], &[]);
    graph.output = vec![value("output0", &[1, 6, 1 << 25])];
    refused("head", graph);
}

#[test]
fn metadata_asks_for_no_more_than_the_file_may() {
    let (process, thread) = (std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(format!("camweave-imgsz-{process}-{thread:?}.onnx"));
    let size = |imgsz: &str, side: u32| {
        let mut graph = detector(&[], &[]);
        graph.input = vec![value("images", &[1, 3, -1, -1])];
        let model = ModelProto {
            ir_version: 8,
            graph: Some(graph),
            metadata_props: vec![crate::onnx::StringStringEntryProto {
                key: "imgsz".to_owned(),
                value: imgsz.to_owned(),
            }],
            ..ModelProto::default()
        };
        std::fs::write(&path, model.encode_to_vec()).expect("a writable folder");
        let file = ModelFile::read(&path).expect("a dynamic model");
        std::fs::remove_file(&path).expect("our own file");
        crate::input_size(&file, side, "env SIZE").map_err(|error| error.to_string())
    };
    assert_eq!(size("[384, 640]", 0), Ok((640, 384)));
    for side in ["4000000000", "100000", "20000", "8192"] {
        let error = size(&format!("[{side}, {side}]"), 0).expect_err(side);
        let shown = format!("{side}x{side}");
        for part in ["'imgsz'", &shown, "at most"] {
            assert!(error.contains(part), "{error}");
        }
    }
    let error = size("640", 8192).expect_err("an option");
    assert!(error.starts_with("env SIZE='8192', expected"), "{error}");
}

#[test]
fn many_names_are_read_in_no_time() {
    let graph = |count: usize| {
        let names: Vec<String> = (0..count).map(|it| format!("w{it}")).collect();
        let one = |name: &String| {
            let mut one = ints(name, &[1]);
            one.dims = vec![1];
            one
        };
        let constants: Vec<TensorProto> = names.iter().map(one).collect();
        let mut graph = detector(&constants, &[]);
        graph.value_info = names.iter().map(|name| value(name, &[1])).collect();
        graph.input.extend(graph.value_info.clone());
        graph
    };
    let begin = std::time::Instant::now();
    assert!(read(graph(60_000)).is_ok());
    let took = begin.elapsed();
    assert!(took < std::time::Duration::from_secs(3), "{took:?}");
    refused("more", graph(70_000));
}

#[test]
fn what_is_not_walked_is_refused() {
    let bytes = || vec![prost::bytes::Bytes::from_static(b"\x0a\x01x")];
    let mut graph = detector(&[], &[]);
    graph.sparse_initializer = bytes();
    refused_as("sparse weights", "sparse", graph);
    let attribute = |graphs, sparse_tensors| AttributeProto {
        name: "odd".to_owned(),
        graphs,
        sparse_tensors,
        ..AttributeProto::default()
    };
    for odd in [attribute(bytes(), vec![]), attribute(vec![], bytes())] {
        let odd = set(node("Identity", &["images"], "y"), odd);
        refused_as("attribute", "'odd'", detector(&[], &[odd]));
    }
    let model = ModelProto {
        graph: Some(detector(&[], &[])),
        functions: bytes(),
        ..ModelProto::default()
    };
    let path = std::env::temp_dir().join(format!("camweave-functions-{}", std::process::id()));
    std::fs::write(&path, model.encode_to_vec()).expect("a writable folder");
    let error = ModelFile::read(&path)
        .map(drop)
        .map_err(|it| it.to_string());
    std::fs::remove_file(&path).expect("our own file");
    assert!(error.is_err_and(|it| it.contains("functions")));
}
