//! Weights in files beside a model belong to what the model is.

use std::path::Path;

use camweave_model::ModelFile;
use camweave_model::onnx::{
    DimensionProto, GraphProto, ModelProto, StringStringEntryProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use prost::Message;

fn value(name: &str, sizes: &[i64]) -> ValueInfoProto {
    let dim = sizes.iter().map(|&size| DimensionProto {
        dim_value: Some(size),
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

/// A model with two weights in a file of this name.
fn write(folder: &Path, location: &str) {
    let weights = |name: &str| TensorProto {
        name: name.to_owned(),
        dims: vec![4],
        data_type: data_type::FLOAT,
        data_location: TensorProto::EXTERNAL,
        external_data: vec![StringStringEntryProto {
            key: "location".to_owned(),
            value: location.to_owned(),
        }],
        ..TensorProto::default()
    };
    let model = ModelProto {
        graph: Some(GraphProto {
            input: vec![value("images", &[1, 3, 64, 64])],
            output: vec![value("output0", &[1, 6, 84])],
            initializer: vec![weights("a"), weights("b")],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    };
    std::fs::write(folder.join("net.onnx"), model.encode_to_vec()).expect("written");
}

#[test]
fn other_weights_make_another_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, data) = (
        folder.path().join("net.onnx"),
        folder.path().join("net.onnx.data"),
    );
    write(folder.path(), "net.onnx.data");
    let known = |content: &[u8]| {
        std::fs::write(&data, content).expect("written");
        let file = ModelFile::read(&model).expect("a model");
        assert!(file.id.ends_with(&file.sha256[..12]), "{}", file.id);
        file.sha256
    };
    let first = known(&[0; 32]);
    // As long as before, so that neither size nor the file itself shows it.
    let mut other = [0; 32];
    other[31] = 1;
    assert_ne!(known(&other), first);
    assert_eq!(known(&[0; 32]), first);
}

#[test]
fn weights_that_are_not_there_or_elsewhere_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (location, parts) in [
        ("none.data", ["none.data", "No such file"]),
        ("../other.data", ["other.data", "leaves the model's folder"]),
        ("/etc/hostname", ["hostname", "leaves the model's folder"]),
        (".", ["'.'", "no regular file"]),
    ] {
        write(folder.path(), location);
        let error = ModelFile::read(&folder.path().join("net.onnx"));
        let error = error.expect_err(location).to_string();
        assert!(error.contains("expected that file beside it"), "{error}");
        for part in parts {
            assert!(error.contains(part), "{error}");
        }
    }
}
