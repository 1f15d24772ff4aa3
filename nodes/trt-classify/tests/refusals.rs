//! What is wrong with the model or the settings is said with or without a GPU.

use camweave_stage::{Context, Declared, Exit, Settings as _, Stage};
use camweave_tensorrt::testing::{has_builder, model};
use camweave_trt_classify::{TrtClassify, TrtClassifySettings};

#[test]
fn a_detector_is_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let context = Context::for_tests("color", folder.path());
    let detector = model("camweave-street-320.onnx").display().to_string();
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
    let color = model("camweave-car-color.onnx").display().to_string();
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

/// Without a GPU a line says so; with one the engine is built, and gives the same in a batch as alone.
#[test]
fn the_stage_opens_where_there_is_a_gpu() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let context = Context::for_tests("color", folder.path());
    let color = model("camweave-car-color.onnx").display().to_string();
    let declared = Declared::of([("MODEL", color.as_str()), ("MAX_BATCH", "4")]);
    if camweave_cuda::testing::device().is_none() {
        let error = TrtClassify::open_declared(&declared, &context).err();
        assert_eq!(error.expect("no GPU").exit, Exit::Missing);
        return;
    }
    if !has_builder() {
        return;
    }
    let stage = TrtClassify::open_declared(&declared, &context);
    stage.unwrap_or_else(|error| panic!("TensorRT, its shim and a model that it can run: {error}"));
    let facts = context.counters.report().facts;
    assert_eq!(facts["batch"], "1 to 4", "{facts:?}");
    assert!(
        facts["output"].starts_with("probabilities of "),
        "{facts:?}"
    );
}
