//! What the doctor says of this machine, and of libraries that are none.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn doctor(libraries: Option<&Path>, arguments: &[&str], dora: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camweave"));
    command.arg("doctor").args(arguments);
    if let Some(folder) = libraries {
        command.env("LD_LIBRARY_PATH", folder);
    }
    if let Some(dora) = dora {
        command.env("CAMWEAVE_DORA", dora);
    }
    command.output().expect("camweave can be started")
}

/// A command that says it is dora.
fn dora(folder: &Path, says: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;

    let path = folder.join("dora");
    fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).expect("writable");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("own file");
    path
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    let rows = report["rows"].as_array().expect("a list of rows");
    let found = rows.iter().find(|row| row["name"] == name);
    found.unwrap_or_else(|| panic!("no row '{name}' in {report}"))
}

#[test]
fn every_row_says_what_it_is_for_and_how_to_get_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let dora = dora(folder.path(), "dora-cli 1.1.0");
    let output = doctor(None, &["--json"], Some(&dora));
    let report = report(&output);
    for name in [
        "GPU",
        "CUDA driver",
        "NVDEC",
        "TensorRT",
        "CUDA runtime",
        "MPS",
        "FFmpeg",
        "dora",
        "ONNX Runtime",
        "RTSP port",
        "cores",
        "shared memory",
        "memory",
    ] {
        let row = row(&report, name);
        for field in ["found", "used_for", "without", "get"] {
            let text = row[field].as_str().unwrap_or_default();
            assert!(!text.is_empty() && !text.contains('\n'), "{field}: {row}");
        }
    }
    assert_eq!(row(&report, "FFmpeg")["state"], "ok", "{report}");
    assert_eq!(row(&report, "dora")["found"], "dora-cli 1.1.0");
    // The tests themselves run the CPU graphs.
    assert_eq!(report["cpu"], true, "{report}");
    assert_eq!(output.status.code(), Some(0));
    // A driver is there or not; what is said of the parts does not contradict itself.
    let card = row(&report, "GPU")["state"] == "ok";
    assert_eq!(
        card,
        Path::new("/proc/driver/nvidia/version").exists(),
        "{report}"
    );
    if !card {
        assert_eq!(report["gpu"], false);
    }
    // What NVDEC decodes is known where it serves, and only there.
    let decoder = row(&report, "NVDEC");
    let decodes = decoder["decodes"].as_array().map_or(0, Vec::len);
    let serves = decoder["state"] == "ok" && row(&report, "CUDA driver")["state"] == "ok";
    assert_eq!(decodes > 0, serves, "{decoder}");
}

#[test]
fn without_dora_no_graph_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = doctor(None, &["--json"], Some(&folder.path().join("nowhere")));
    let found = report(&output);
    assert_eq!(row(&found, "dora")["state"], "missing");
    assert_eq!(
        (&found["cpu"], &found["gpu"]),
        (&false.into(), &false.into())
    );
    assert_eq!(output.status.code(), Some(4));

    let old = dora(folder.path(), "dora-cli 0.3.9");
    let found = report(&doctor(None, &["--json"], Some(&old)));
    let row = row(&found, "dora");
    assert_eq!(row["state"], "broken");
    let text = row["found"].as_str().unwrap_or_default();
    assert!(
        text.contains("'dora-cli 0.3.9'") && text.contains("1.1."),
        "{text}"
    );
}

#[test]
fn a_library_that_is_none_is_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    for (row_name, file) in [
        ("TensorRT", "libnvinfer.so.10"),
        ("NVDEC", "libnvcuvid.so.1"),
        ("CUDA driver", "libcuda.so.1"),
        ("GPU", "libnvidia-ml.so.1"),
        ("ONNX Runtime", "libonnxruntime.so"),
    ] {
        let path = folder.path().join(file);
        fs::write(&path, "This is a text and no library. ".repeat(100)).expect("writable");
        let found = report(&doctor(Some(folder.path()), &["--json"], None));
        let row = row(&found, row_name);
        assert_eq!(row["state"], "broken", "{row}");
        let text = row["found"].as_str().unwrap_or_default();
        assert!(
            text.contains(file) && text.contains("invalid ELF header"),
            "{text}"
        );
        assert_eq!(found["gpu"], false);
        fs::remove_file(path).expect("own file");
    }
}

#[test]
fn another_library_under_that_name_is_told_from_it() {
    let maps = fs::read_to_string("/proc/self/maps").expect("Linux");
    let other = maps
        .split_ascii_whitespace()
        .find(|word| word.contains("/libm.so") || word.contains("/libgcc_s.so"))
        .expect("a library that this test uses");
    let folder = tempfile::tempdir().expect("a folder");
    for (row_name, file, function) in [
        ("TensorRT", "libnvinfer.so.10", "getInferLibVersion"),
        ("NVDEC", "libnvcuvid.so.1", "cuvidGetDecoderCaps"),
        ("CUDA driver", "libcuda.so.1", "cuDriverGetVersion"),
        ("ONNX Runtime", "libonnxruntime.so", "OrtGetApiBase"),
    ] {
        let path = folder.path().join(file);
        fs::copy(other, &path).expect("a readable library");
        let found = report(&doctor(Some(folder.path()), &["--json"], None));
        let row = row(&found, row_name);
        assert_eq!(row["state"], "broken", "{row}");
        let text = row["found"].as_str().unwrap_or_default();
        assert!(text.contains(file) && text.contains(function), "{text}");
        fs::remove_file(path).expect("own file");
    }
}

#[test]
fn an_openvino_that_is_none_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let maps = fs::read_to_string("/proc/self/maps").expect("Linux");
    let other = maps
        .split_ascii_whitespace()
        .find(|word| word.contains("/libm.so") || word.contains("/libgcc_s.so"))
        .expect("a library that this test uses");
    let text = folder.path().join("text.so");
    fs::write(&text, "This is a text and no library. ".repeat(100)).expect("writable");
    for (path, part) in [
        (text.as_path(), "invalid ELF header"),
        (Path::new(other), "ov_get_openvino_version"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_camweave"));
        command.args(["doctor", "--json"]);
        command.env("OPENVINO_DYLIB_PATH", path);
        let found = report(&command.output().expect("camweave can be started"));
        let row = row(&found, "OpenVINO");
        assert_eq!(row["state"], "broken", "{row}");
        let text = row["found"].as_str().unwrap_or_default();
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn the_table_has_a_line_for_each_part_and_a_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("nowhere");
    let output = doctor(None, &[], Some(&missing));
    let text = String::from_utf8_lossy(&output.stdout);
    for part in [
        "missing  dora",
        "get it: scripts/setup.sh",
        "ok       FFmpeg",
        "CPU graphs cannot run",
    ] {
        assert!(text.contains(part), "'{part}' is not in\n{text}");
    }
}
