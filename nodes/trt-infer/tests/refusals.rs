//! What is said without a GPU: wrong settings, files that are no models, and what is missing.

use std::path::{Path, PathBuf};

use camweave_engine::TrtInferSettings;
use camweave_stage::{Context, Declared, Exit, Settings, Stage, StageError};
use camweave_tensorrt::{
    BatchProfile, EngineSpec, Gpu, ModelFacts, Precision, Sidecar, write_engine,
};
use camweave_trt_infer::TrtInfer;

/// Why the stage does not open.
fn refused(model: &Path, values: &[(&str, &str)]) -> StageError {
    let folder = tempfile::tempdir().expect("a folder");
    let context = Context::for_tests("detector", folder.path());
    let model = model.display().to_string();
    let mut all = vec![("MODEL", model.as_str())];
    all.extend(values);
    match TrtInfer::open_declared(&Declared::of(all), &context) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[track_caller]
fn assert_says(error: &StageError, exit: Exit, parts: &[&str]) {
    assert_eq!(error.exit, exit, "{error}");
    for part in parts {
        assert!(
            error.message.contains(part),
            "'{error}' does not say '{part}'"
        );
    }
    assert!(!error.message.contains('\n'), "{error}");
}

/// A file that begins as a plan of TensorRT 8.6.0 does.
fn plan(bytes: u64) -> Vec<u8> {
    let mut plan = b"ftrt\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
    plan.extend(bytes.to_le_bytes());
    plan.extend([8, 6, 0, 12, 0, 0, 0, 0]);
    plan.resize(64, 7);
    plan
}

fn write(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("writable");
    path
}

#[test]
fn files_that_are_no_models_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none.plan");
    assert_says(
        &refused(&missing, &[]),
        Exit::Input,
        &["none.plan", "No such file", "plan"],
    );
    let text = write(&folder, "text.plan", b"some text");
    assert_says(
        &refused(&text, &[]),
        Exit::Input,
        &["text.plan", "9 bytes that are no plan"],
    );
    let text = write(&folder, "text.onnx", b"some text");
    assert_says(
        &refused(&text, &[]),
        Exit::Input,
        &["text.onnx", "not an ONNX model"],
    );
    let cut = write(&folder, "cut.plan", &plan(65));
    assert_says(
        &refused(&cut, &[]),
        Exit::Input,
        &["cut.plan", "64 bytes, its header says 65"],
    );
    let pointer = b"version https://git-lfs.github.com/spec/v1\n";
    let pointer = write(&folder, "lfs.plan", pointer);
    assert_says(&refused(&pointer, &[]), Exit::Input, &["Git LFS pointer"]);
}

fn spec() -> EngineSpec {
    EngineSpec {
        model_sha256: "ab".repeat(32),
        tensorrt: "TensorRT 8.6.0".to_owned(),
        gpu: Gpu {
            name: "NVIDIA H200".to_owned(),
            compute_capability: (9, 0),
        },
        precision: Precision::Fp16,
        batch: BatchProfile::new(4, 16).expect("a possible profile"),
        width: 640,
        height: 640,
        level: None,
        version_compatible: false,
    }
}

fn plan_with_sidecar(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("good.plan");
    let facts = ModelFacts {
        id: "m.onnx@abababababab".to_owned(),
        class_names: None,
        file: Default::default(),
    };
    let sidecar = Sidecar::new(spec(), facts, &plan(64));
    write_engine(&path, &plan(64), &sidecar).expect("writable");
    path
}

#[test]
fn a_batch_that_is_larger_than_the_profile() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = plan_with_sidecar(&folder);
    assert_says(
        &refused(&path, &[("MAX_BATCH", "17")]),
        Exit::Configuration,
        &["MAX_BATCH='17'", "at most 16", "good.plan"],
    );
}

#[test]
fn a_plan_that_is_not_its_sidecars() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = plan_with_sidecar(&folder);
    let mut other = plan(64);
    other[60] = 8;
    std::fs::write(&path, other).expect("writable");
    assert_says(
        &refused(&path, &[("MAX_BATCH", "8")]),
        Exit::Input,
        &["good.plan", "not the one that its sidecar was written for"],
    );
}

#[test]
fn sizes_that_the_model_does_not_have() {
    let model = camweave_tensorrt::testing::model("camweave-street-320.onnx");
    assert_says(
        &refused(&model, &[("SIZE", "333")]),
        Exit::Configuration,
        &["env SIZE='333'", "stride"],
    );
}

#[test]
fn without_cuda_one_line_says_what_is_missing_and_what_does_the_same() {
    if camweave_cuda::missing().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let onnx = camweave_tensorrt::testing::model("camweave-street-320.onnx");
    for model in [plan_with_sidecar(&folder), onnx] {
        assert_says(
            &refused(&model, &[("MAX_BATCH", "8")]),
            Exit::Missing,
            &["CUDA", "dataflows/cpu-batched.yml"],
        );
    }
}

#[test]
fn wrong_settings_are_named() {
    for (name, value, parts) in [
        ("MAX_BATCH", "0", ["1 to 256", "MAX_BATCH='0'"]),
        ("OPT_BATCH", "33", ["OPT_BATCH='33'", "MAX_BATCH (32)"]),
        ("HEAD_SLOTS", "8", ["HEAD_SLOTS='8'", "MAX_BATCH (32)"]),
        ("PRECISION", "int8", ["'int8'", "fp16, fp32"]),
        ("LEVEL", "6", ["LEVEL='6'", "0 to 5"]),
        ("RING", "0", ["RING='0'", "1 to 8"]),
    ] {
        let error = TrtInferSettings::read(&Declared::of([("MODEL", "m.onnx"), (name, value)]));
        assert_says(
            &error.expect_err("out of range"),
            Exit::Configuration,
            &parts,
        );
    }
}

#[test]
fn slots_of_heads_go_by_the_memory_of_the_device() {
    let slots = |value: &str, device_bytes: usize, head_bytes: usize| {
        let declared = Declared::of([("MODEL", "m.onnx"), ("HEAD_SLOTS", value)]);
        let settings = TrtInferSettings::read(&declared).expect("a possible number");
        settings.head_slots_on(device_bytes, head_bytes)
    };
    // 84 x 8400 and 8 x 8400 values; 8 and 143 GB.
    let (many_classes, few_classes) = (84 * 8400 * 4, 8 * 8400 * 4);
    assert_eq!(slots("0", 8_000_000_000, many_classes), 96);
    assert_eq!(slots("0", 80_000_000_000, many_classes), 566);
    assert_eq!(slots("0", 143_000_000_000, many_classes), 1013);
    assert_eq!(slots("0", 143_000_000_000, few_classes), 1024);
    assert_eq!(slots("200", 8_000_000_000, many_classes), 200);
}
