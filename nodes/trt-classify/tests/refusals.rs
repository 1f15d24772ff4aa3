//! What is wrong with the model or the settings is said with or without a GPU.

use std::path::Path;

use camweave_stage::{Context, Declared, Exit, Settings as _, Stage};
use camweave_trt_classify::{TrtClassify, TrtClassifySettings};

fn model(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    folder.join(name).display().to_string()
}

#[test]
fn a_detector_is_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let context = Context::for_tests("color", folder.path());
    let detector = model("camweave-street-320.onnx");
    let declared = Declared::of([("MODEL", detector.as_str())]);
    let error = TrtClassify::open_declared(&declared, &context).err();
    let error = error.expect("no classifier");
    assert_eq!(error.exit, Exit::Input);
    assert!(
        error
            .message
            .contains("its task is 'detect', expected 'classify'"),
        "{error}"
    );
}

#[test]
fn the_shipped_classifier_passes_the_check_of_files() {
    let color = model("camweave-car-color.onnx");
    let declared = Declared::of([("MODEL", color.as_str()), ("NAME", "color")]);
    let settings = TrtClassifySettings::read(&declared).expect("valid");
    settings.check_files().expect("a classifier");
    let declared = Declared::of([("MODEL", color.as_str()), ("MAX_BATCH", "0")]);
    assert!(TrtClassifySettings::read(&declared).is_err());
    let missing = Declared::of([("MODEL", "none.onnx")]);
    let settings = TrtClassifySettings::read(&missing).expect("valid");
    let error = settings.check_files().expect_err("no such file");
    assert!(error.message.contains("none.onnx"), "{error}");
}

/// With a GPU the engine is built and the stage opens; without one a line says so.
#[test]
fn without_a_gpu_it_is_missing() {
    if camweave_cuda::missing().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let context = Context::for_tests("color", folder.path());
    let color = model("camweave-car-color.onnx");
    let declared = Declared::of([("MODEL", color.as_str())]);
    let error = TrtClassify::open_declared(&declared, &context).err();
    assert_eq!(error.expect("no GPU").exit, Exit::Missing);
}
