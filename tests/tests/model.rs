//! `camweave model show` and `init`, as people run them.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use camweave_model::onnx::{
    DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use camweave_tests::{binary, workspace};
use prost::Message;
use rustix::process::{Pid, Signal, kill_process};

fn camweave(arguments: &[&str], model: &Path) -> Output {
    Command::new(binary("camweave"))
        .arg("model")
        .args(arguments)
        .arg(model)
        .args(["--engine", "rten"])
        .output()
        .expect("camweave can be started")
}

/// Exit code, and what was printed where.
fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

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

/// Six values of each place, which may be two classes, or an objectness and a class.
fn ambiguous(folder: &Path) -> PathBuf {
    const PLACES: usize = 84;
    let rows = (0..PLACES).flat_map(|place| {
        let (column, row) = ((place % 8) as f32, (place / 8 % 5) as f32);
        let score = if place < 40 {
            0.9 - 0.01 * place as f32
        } else {
            0.001
        };
        [
            6.0 * column + 4.0,
            9.0 * row + 6.0,
            5.0,
            8.0,
            score,
            0.4 * score,
        ]
    });
    let node = |op: &str, inputs: &[&str], output: &str| NodeProto {
        op_type: op.to_owned(),
        input: inputs.iter().map(|&it| it.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    };
    let floats = |name: &str, dims: &[i64], values: Vec<f32>| TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        float_data: values,
        ..TensorProto::default()
    };
    let shape = [1, PLACES as i64, 6];
    let one = TensorProto {
        name: "one".to_owned(),
        dims: vec![1],
        data_type: data_type::INT64,
        int64_data: vec![1],
        ..TensorProto::default()
    };
    let model = ModelProto {
        ir_version: 8,
        graph: Some(GraphProto {
            name: "ambiguous".to_owned(),
            node: vec![
                node("ReduceMax", &["images"], "most"),
                node("Reshape", &["most", "one"], "scalar"),
                node("Mul", &["scalar", "zero"], "nothing"),
                node("Add", &["rows", "nothing"], "output"),
            ],
            initializer: vec![
                floats("zero", &[1], vec![0.0]),
                floats("rows", &shape, rows.collect()),
                one,
            ],
            input: vec![value("images", &[1, 3, 64, 64])],
            output: vec![value("output", &shape)],
            ..GraphProto::default()
        }),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
        ..ModelProto::default()
    };
    let path = folder.join("two.onnx");
    fs::write(&path, model.encode_to_vec()).expect("written");
    path
}

#[test]
fn what_a_shipped_model_is_can_be_seen_and_written() {
    let shipped = workspace().join("models/camweave-street-320.onnx");
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("street.onnx");
    fs::copy(shipped, &model).expect("a copy");
    let (code, shown, error) = told(&camweave(&["show"], &model));
    assert_eq!(code, Some(0), "{error}");
    for part in [
        "model: street.onnx@",
        "size: 320x320, batch: any",
        "engine: rten",
        "family: yolov8",
        "names: 4 for 4 classes (metadata)",
        "overlaps: to be suppressed",
        "warning: it was trained on rendered streets alone",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(!folder.path().join("street.yml").exists());
    let (code, written, error) = told(&camweave(&["init"], &model));
    assert_eq!(code, Some(0), "{error}");
    let path = folder.path().join("street.yml");
    assert_eq!(written.trim_end(), path.display().to_string());
    let text = fs::read_to_string(&path).expect("a description");
    for line in ["family: yolov8", "order: planes", "multi_label: false"] {
        assert!(text.lines().any(|it| it == line), "{text}");
    }
    // It is read, and what it says is what was so before.
    let (code, again, error) = told(&camweave(&["show"], &model));
    assert_eq!(code, Some(0), "{error}");
    assert!(again.contains("family: yolov8 (MODEL.yml)"), "{again}");
    let head = |shown: &str| {
        let mut lines = shown.lines();
        lines.find(|it| it.starts_with("head: ")).map(str::to_owned)
    };
    assert_eq!(head(&again), head(&shown));
    // It is not replaced unless that is wanted.
    fs::write(&path, "family: yolov8\n").expect("written");
    let (code, _, error) = told(&camweave(&["init"], &model));
    assert_eq!(code, Some(2), "{error}");
    assert!(
        error.contains("street.yml") && error.contains("--force"),
        "{error}"
    );
    assert_eq!(
        fs::read_to_string(&path).expect("there"),
        "family: yolov8\n"
    );
    let (code, _, error) = told(&camweave(&["init", "--force"], &model));
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(fs::read_to_string(&path).expect("there"), text);
}

#[test]
fn what_the_file_leaves_open_is_said_by_its_family() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = ambiguous(folder.path());
    let path = folder.path().join("two.yml");
    let (code, _, error) = told(&camweave(&["init"], &model));
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("yolov8 and yolox_decoded"), "{error}");
    // A family that it cannot be leaves nothing, or what there was.
    let (code, _, error) = told(&camweave(&["init", "--family", "rf_detr"], &model));
    assert_eq!(code, Some(3), "{error}");
    assert!(!path.exists());
    fs::write(&path, "names: [a, b]\n").expect("written");
    let written = || {
        fs::metadata(&path)
            .and_then(|it| it.modified())
            .expect("there")
    };
    let before = written();
    let wrong = ["init", "--force", "--family", "rf_detr"];
    let (code, _, error) = told(&camweave(&wrong, &model));
    assert_eq!(code, Some(3), "{error}");
    assert_eq!(fs::read_to_string(&path).expect("there"), "names: [a, b]\n");
    assert_eq!(written(), before, "it is not touched for the trial");
    assert!(
        error.contains(&*model.display().to_string()),
        "the user's path: {error}"
    );
    let left = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 2, "the model and its description");
    let (code, _, error) = told(&camweave(&["init", "--family", "yolo99"], &model));
    assert_eq!(code, Some(2), "{error}");
    assert!(
        error.contains("yolo99") && error.contains("yolov8"),
        "{error}"
    );
    let right = ["init", "--force", "--family", "yolov8"];
    let (code, _, error) = told(&camweave(&right, &model));
    assert_eq!(code, Some(0), "{error}");
    let text = fs::read_to_string(&path).expect("a description");
    assert!(
        text.contains("\nfamily: yolov8\n") && text.contains("\norder: rows\n"),
        "{text}"
    );
    let (code, shown, error) = told(&camweave(&["show"], &model));
    assert_eq!(code, Some(0), "{error}");
    assert!(shown.contains("family: yolov8 (MODEL.yml)"), "{shown}");
}

/// Logits of three classes, as timm exports them: the file says nothing of what it expects.
fn timm(folder: &Path) -> PathBuf {
    let node = |op: &str, inputs: &[&str], output: &str| NodeProto {
        op_type: op.to_owned(),
        input: inputs.iter().map(|&it| it.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    };
    let gain = TensorProto {
        name: "gain".to_owned(),
        data_type: data_type::FLOAT,
        float_data: vec![20.0],
        ..TensorProto::default()
    };
    let model = ModelProto {
        ir_version: 8,
        graph: Some(GraphProto {
            name: "timm".to_owned(),
            node: vec![
                node("GlobalAveragePool", &["input"], "means"),
                node("Flatten", &["means"], "flat"),
                node("Mul", &["flat", "gain"], "logits"),
            ],
            initializer: vec![gain],
            input: vec![value("input", &[1, 3, 32, 32])],
            output: vec![value("logits", &[1, 3])],
            ..GraphProto::default()
        }),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
        ..ModelProto::default()
    };
    let path = folder.join("kinds.onnx");
    fs::write(&path, model.encode_to_vec()).expect("written");
    path
}

#[test]
fn what_a_shipped_model_of_the_second_stage_is_can_be_seen_and_written() {
    let shipped = workspace().join("models/camweave-car-color.onnx");
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("color.onnx");
    fs::copy(shipped, &model).expect("a copy");
    let (code, shown, error) = told(&camweave(&["show"], &model));
    assert_eq!(code, Some(0), "{error}");
    for part in [
        "model: color.onnx@",
        "use: looks at objects",
        "engine: rten",
        "family: classify (metadata: task)",
        "white is 1 (as classify)",
        "(names: metadata)",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let (code, _, error) = told(&camweave(&["init"], &model));
    assert_eq!(code, Some(0), "{error}");
    let path = folder.path().join("color.yml");
    let (code, again, error) = told(&camweave(&["show"], &model));
    assert_eq!(code, Some(0), "{error}");
    // The same model, now by what was written.
    let of = |shown: &str, key: &str| {
        let mut lines = shown.lines();
        lines.find(|it| it.starts_with(key)).map(str::to_owned)
    };
    assert!(again.contains("family: classify (MODEL.yml)"), "{again}");
    assert_eq!(of(&again, "names: "), of(&shown, "names: "));
    // What is changed there decides.
    let text = fs::read_to_string(&path).expect("a description");
    let changed = text.replace(
        "fit: centre_crop, channels: rgb",
        "fit: stretch, channels: bgr",
    );
    assert_ne!(text, changed);
    fs::write(&path, changed).expect("written");
    let (code, other, error) = told(&camweave(&["show"], &model));
    assert_eq!(code, Some(0), "{error}");
    assert!(other.contains("bgr, stretch, white is 1"), "{other}");
}

#[test]
fn a_model_of_the_second_stage_that_says_nothing_is_described_by_its_family() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = timm(folder.path());
    let (code, _, error) = told(&camweave(&["show"], &model));
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("'family: timm'"), "{error}");
    let (code, _, error) = told(&camweave(&["init", "--family", "timm"], &model));
    assert_eq!(code, Some(0), "{error}");
    let text = fs::read_to_string(folder.path().join("kinds.yml")).expect("a description");
    for line in [
        "family: timm",
        "output: \"logits\"",
        "activation: softmax",
        "input: {fit: centre_crop, channels: rgb, range: 1, mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225]}",
    ] {
        assert!(text.lines().any(|it| it == line), "{text}");
    }
    let (code, shown, error) = told(&camweave(&["show"], &model));
    assert_eq!(code, Some(0), "{error}");
    for part in [
        "family: timm (MODEL.yml)",
        "activation: softmax (MODEL.yml)",
        "classes: 3 (without names)",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let vector = ["init", "--force", "--family", "embedding"];
    let (code, _, error) = told(&camweave(&vector, &model));
    assert_eq!(code, Some(0), "{error}");
    let (_, shown, _) = told(&camweave(&["show"], &model));
    assert!(shown.contains("values: 3"), "{shown}");
    // A detector's family is none of it.
    let detector = ["init", "--force", "--family", "yolov8"];
    let (code, _, error) = told(&camweave(&detector, &model));
    assert_eq!(code, Some(3), "{error}");
}

/// However it is ended, nothing is left beside the model, and the description is the one before.
#[test]
fn a_description_that_is_interrupted_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("street.onnx");
    let shipped = workspace().join("models/camweave-street-640.onnx");
    fs::copy(shipped, &model).expect("a copy");
    let description = folder.path().join("street.yml");
    fs::write(&description, "names: [a]\n").expect("written");
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let mut running = Command::new(binary("camweave"))
            .args([
                "model", "init", "--force", "--family", "yolov8", "--engine", "rten",
            ])
            .arg(&model)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("camweave can be started");
        let pid = i32::try_from(running.id()).expect("a process id");
        // While the model is looked at, which another program does.
        let children = format!("/proc/{pid}/task/{pid}/children");
        let is_asking = || fs::read_to_string(&children).is_ok_and(|it| !it.trim().is_empty());
        while !is_asking() {
            assert_eq!(
                running.try_wait().expect("a child"),
                None,
                "it ended before"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        kill_process(Pid::from_raw(pid).expect("not 0"), signal).expect("a running process");
        let ended = running.wait().expect("a child");
        assert_eq!(ended.signal(), Some(signal.as_raw()), "{ended}");
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["street.onnx", "street.yml"]);
        let text = fs::read_to_string(&description).expect("there");
        assert_eq!(text, "names: [a]\n");
    }
}
