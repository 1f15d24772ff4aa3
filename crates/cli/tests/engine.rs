//! `camweave engine` as people run it, where there is no GPU.

use std::path::{Path, PathBuf};
use std::process::Command;

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../models")
        .join(name)
}

/// Exit code, standard output and standard error of `camweave engine`.
fn engine(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_camweave"))
        .arg("engine")
        .args(arguments)
        .output()
        .expect("camweave runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[track_caller]
fn assert_fails(arguments: &[&str], code: i32, parts: &[&str]) {
    let (found, _, error) = engine(arguments);
    assert_eq!(found, Some(code), "{error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    for part in parts {
        assert!(error.contains(part), "'{error}' does not say '{part}'");
    }
}

#[test]
fn info_shows_what_an_onnx_file_says_of_itself() {
    let path = model("camweave-street-640-fp16.onnx");
    let (code, out, error) = engine(&["info", &path.display().to_string()]);
    assert_eq!(code, Some(0), "{error}");
    for part in [
        "camweave-street-640-fp16.onnx@",
        "float16",
        "dynamic",
        "640x640",
        "person",
    ] {
        assert!(out.contains(part), "'{out}' does not say '{part}'");
    }
}

#[test]
fn files_that_are_none_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, "some text").expect("writable");
        path.display().to_string()
    };
    assert_fails(&["info", &text("a.plan")], 3, &["a.plan", "no plan"]);
    assert_fails(
        &["info", &text("a.onnx")],
        3,
        &["a.onnx", "not an ONNX model"],
    );
    assert_fails(
        &["build", &text("b.onnx")],
        3,
        &["b.onnx", "not an ONNX model"],
    );
    assert_fails(&["build", "none.onnx"], 3, &["none.onnx", "No such file"]);
    let mut plan = b"ftrt\0\0\0\0\x01\0\0\0\0\0\0\0\x41\0\0\0\0\0\0\0\x08\x06\0\x0c".to_vec();
    plan.resize(64, 0);
    let path = folder.path().join("cut.plan");
    std::fs::write(&path, &plan).expect("writable");
    let cut = path.display().to_string();
    assert_fails(
        &["info", &cut],
        3,
        &["cut.plan", "64 bytes, its header says 65"],
    );
    // A whole one without a sidecar tells its version.
    plan[16] = 64;
    std::fs::write(&path, &plan).expect("writable");
    let (code, out, _) = engine(&["info", &cut]);
    assert!(
        code == Some(0) && out.contains("TensorRT 8.6.0.12"),
        "{out}"
    );
}

#[test]
fn options_that_contradict_one_another_or_the_file() {
    let path = model("camweave-street-320.onnx").display().to_string();
    let build = |options: &[&'static str]| {
        let mut all = vec!["build", path.as_str()];
        all.extend(options);
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let arguments = build(&["--max-batch", "4", "--opt-batch", "8"]);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    assert_fails(&arguments, 2, &["--opt-batch is 8", "--max-batch (4)"]);
    let arguments = build(&["--size", "333"]);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    assert_fails(&arguments, 2, &["--size='333'", "stride"]);
}

#[test]
fn without_cuda_a_build_says_what_is_missing() {
    if camweave_cuda::missing().is_none() {
        return;
    }
    let path = model("camweave-street-320.onnx").display().to_string();
    assert_fails(&["build", &path], 4, &["CUDA", "dataflows/cpu-batched.yml"]);
}
