//! Finding TensorRT and its shim, against libraries that only tell a version, real shims and, where
//! one is named, a real TensorRT.
#![expect(
    clippy::print_stderr,
    reason = "tests say what they skip and what they saw"
)]

#[path = "library/refusals.rs"]
mod refusals;

use std::path::{Path, PathBuf};
use std::process::Command;

use camweave_model::ModelFile;
use camweave_tensorrt::{
    Engine, EngineSpec, Error, ErrorKind, Flavor, Gpu, Places, Precision, TensorRt, Wishes,
};

/// A shared library of C code.
fn library(folder: &Path, name: &str, code: &str) -> PathBuf {
    let source = folder.join(format!("{name}.c"));
    std::fs::write(&source, code).expect("writable");
    let path = folder.join(name);
    // Rust links with `cc`, so it is there.
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&path, &source])
        .status()
        .expect("cc runs");
    assert!(status.success());
    path
}

/// A library that says it is TensorRT of this version, and gives no runtime. Without a device it
/// is not even asked for one.
fn tensorrt(folder: &Path, number: u32) -> PathBuf {
    library(
        folder,
        "libnvinfer.so",
        &format!(
            "int getInferLibVersion(void) {{ return {number}; }}\n\
             void* createInferRuntime_INTERNAL(void* logger, int version) {{ return 0; }}\n"
        ),
    )
}

fn refused(library: &Path, shim: Option<&Path>) -> Error {
    let places = Places {
        library: Some(library.to_owned()),
        shim: shim.map(Path::to_owned),
        folders: Vec::new(),
    };
    TensorRt::find(&places).expect_err("must be refused")
}

#[track_caller]
fn assert_says(error: &Error, kind: ErrorKind, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "'{text}' does not say '{part}'");
    }
    assert!(!text.contains('\n'), "{text:?}");
}

#[test]
fn a_library_that_is_none_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("libnvinfer.so.10");
    assert_says(
        &refused(&missing, None),
        ErrorKind::Missing,
        &["CAMWEAVE_TENSORRT_LIB", "libnvinfer.so.10", "No such file"],
    );
    std::fs::write(&missing, "text").expect("writable");
    assert_says(
        &refused(&missing, None),
        ErrorKind::Missing,
        &["libnvinfer.so.10", "file too short"],
    );
    let other = library(folder.path(), "libother.so", "int nothing;");
    assert_says(
        &refused(&other, None),
        ErrorKind::Missing,
        &["no TensorRT", "getInferLibVersion"],
    );
}

#[test]
fn a_library_without_a_shim_says_how_to_get_one() {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, version, shim) in [
        (8600, "TensorRT 8.6.0", "libcamweave_tensorrt_8.so"),
        (100_301, "TensorRT 10.3.1", "libcamweave_tensorrt_10.so"),
        (
            10_701,
            "TensorRT-RTX 1.7.1",
            "libcamweave_tensorrt_rtx_1.so",
        ),
    ] {
        // Its own folder: a library that is loaded already is not read again.
        let folder = tempfile::tempdir_in(&folder).expect("a folder");
        let library = tensorrt(folder.path(), number);
        assert_says(
            &refused(&library, None),
            ErrorKind::Missing,
            &[version, shim, "scripts/tensorrt-shim.sh"],
        );
    }
}

#[test]
fn a_shim_that_is_none_or_old_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let library_path = tensorrt(folder.path(), 110_400);
    let none = library(folder.path(), "none.so", "int nothing;");
    assert_says(
        &refused(&library_path, Some(&none)),
        ErrorKind::Missing,
        &["none.so", "no shim"],
    );
    let old = library(
        folder.path(),
        "old.so",
        "int camweave_shim_abi(void) { return 0; }",
    );
    assert_says(
        &refused(&library_path, Some(&old)),
        ErrorKind::Missing,
        &["old.so", "interface 0, expected 2"],
    );
}

/// Folders with TensorRT's headers: those of the crate that carries some, where cargo has unpacked
/// it, and the one that the environment names.
fn headers() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    let registries = home.and_then(|home| std::fs::read_dir(home.join("registry/src")).ok());
    let carried = registries
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|registry| std::fs::read_dir(registry.path()).into_iter().flatten())
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("trtx-sys-0.9.1")
        })
        .flat_map(|entry| {
            ["TRT-Enterprise-11.4", "TRT-RTX-1.7"]
                .map(|folder| entry.path().join("TensorRT-Headers").join(folder))
        });
    let named = std::env::var_os("CAMWEAVE_TENSORRT_INCLUDE").map(PathBuf::from);
    carried.chain(named).collect()
}

/// The shims of all headers that are there, in folders of their own.
fn shims(folder: &Path) -> Vec<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/tensorrt-shim.sh");
    let compile = |(number, include): (usize, PathBuf)| {
        let out = folder.join(number.to_string());
        let run = Command::new(&script)
            .arg("--include")
            .arg(&include)
            .arg("--out")
            .arg(&out)
            .output()
            .expect("the script runs");
        let words = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success(), "{}: {words}", include.display());
        PathBuf::from(String::from_utf8_lossy(&run.stdout).trim())
    };
    headers().into_iter().enumerate().map(compile).collect()
}

fn skipped(what: &str) {
    eprintln!("skipped: {what}");
}

#[test]
fn a_shim_of_other_headers_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().expect("a folder");
    let shims = shims(folder.path());
    let of = |name: &str| shims.iter().find(|path| path.ends_with(name));
    let (Some(eleven), Some(rtx)) = (
        of("libcamweave_tensorrt_11.so"),
        of("libcamweave_tensorrt_rtx_1.so"),
    ) else {
        return skipped("no TensorRT headers; scripts/tensorrt-shim.sh --check fetches some");
    };
    let cases = [
        (100_300, eleven, "TensorRT 11.4.0", "TensorRT 10.3.0"),
        (110_000, eleven, "TensorRT 11.4.0", "TensorRT 11.0.0"),
        (110_400, rtx, "TensorRT-RTX 1.7.1", "TensorRT 11.4.0"),
        (10_701, eleven, "TensorRT 11.4.0", "TensorRT-RTX 1.7.1"),
    ];
    for (number, shim, headers, library) in cases {
        let folder = tempfile::tempdir_in(&folder).expect("a folder");
        let error = refused(&tensorrt(folder.path(), number), Some(shim));
        assert_says(
            &error,
            ErrorKind::Missing,
            &[&format!("headers of {headers}"), library, "does not fit"],
        );
    }
    // One that fits is found beside the program, and its library is asked for a runtime.
    let folder = tempfile::tempdir_in(&folder).expect("a folder");
    let places = Places {
        library: Some(tensorrt(folder.path(), 110_500)),
        shim: None,
        folders: shims
            .iter()
            .filter_map(|shim| shim.parent())
            .map(Path::to_owned)
            .collect(),
    };
    let found = TensorRt::find(&places).expect("it fits");
    assert_eq!((found.version().minor, found.headers().minor), (5, 4));
    assert!(found.is_strongly_typed() && !found.has_builder());
    let plan = b"ftrt\0\0\0\0\x01\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\x0b\x05\0\0\0\0\0\0";
    let error = Engine::load(&found, "m.plan", plan)
        .err()
        .expect("no runtime");
    assert_says(&error, ErrorKind::Missing, &["TensorRT 11.5.0"]);
}

#[test]
fn from_tensorrt_11_on_the_precision_is_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let shims = shims(folder.path());
    let Some(eleven) = shims
        .iter()
        .find(|path| path.ends_with("libcamweave_tensorrt_11.so"))
    else {
        return skipped("no TensorRT headers; scripts/tensorrt-shim.sh --check fetches some");
    };
    let code = "int getInferLibVersion(void) { return 110400; }\n\
                void* createInferRuntime_INTERNAL(void* logger, int version) { return 0; }\n\
                void* createInferBuilder_INTERNAL(void* logger, int version) { return 0; }\n";
    let places = Places {
        library: Some(library(folder.path(), "libnvinfer.so", code)),
        shim: Some(eleven.clone()),
        folders: Vec::new(),
    };
    let tensorrt = TensorRt::find(&places).expect("it fits");
    let spec = |name: &str, precision| {
        let file =
            ModelFile::read(&camweave_tensorrt::testing::model(name)).expect("a shipped model");
        let wishes = Wishes {
            max_batch: 8,
            opt_batch: 4,
            size: (320, 320),
            precision,
            level: None,
            version_compatible: false,
        };
        let gpu = Gpu {
            name: "NVIDIA H200".to_owned(),
            compute_capability: (9, 0),
        };
        EngineSpec::of_file(&file, &wishes, &tensorrt, &gpu)
    };
    let error = spec("camweave-street-320.onnx", Precision::Fp16).expect_err("it is float32");
    let parts = [
        "camweave-street-320.onnx",
        "float32",
        "TensorRT 11.4.0",
        "'fp16'",
    ];
    assert_says(&error, ErrorKind::Configuration, &parts);
    let good = spec("camweave-street-320-fp16.onnx", Precision::Fp16).expect("it is float16");
    assert_eq!((good.batch.min, good.batch.opt, good.batch.max), (1, 4, 8));
    // There is a builder, and no parser beside it.
    let onnx = camweave_tensorrt::testing::model("camweave-street-320-fp16.onnx");
    let error = good
        .build(&tensorrt, &onnx, &[], &|_| true)
        .expect_err("no parser");
    assert_says(&error, ErrorKind::Missing, &["libnvonnxparser.so.11"]);
}

/// `CAMWEAVE_TENSORRT_LIB` and `CAMWEAVE_TENSORRT_SHIM` name a real TensorRT: it is loaded, and
/// refuses what is no plan with one line.
#[test]
fn a_real_tensorrt_is_loaded_and_refuses_what_is_no_plan() {
    let places = Places::from_env();
    if places.library.is_none() {
        return skipped("CAMWEAVE_TENSORRT_LIB is not set");
    }
    let found = TensorRt::find(&places).expect("what the environment names is there");
    eprintln!("{} of headers {}", found.version(), found.headers());
    assert_ne!(found.version().flavor, Flavor::Rtx);
    let error = Engine::load(&found, "text.plan", b"some text")
        .err()
        .expect("text");
    assert_says(&error, ErrorKind::Input, &["text.plan", "no plan"]);
    let major = u8::try_from(found.version().major).expect("small");
    let mut plan = b"ftrt\0\0\0\0\x01\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0".to_vec();
    plan.extend([major, 0, 0, 0]);
    plan.resize(64, 7);
    let error = Engine::load(&found, "broken.plan", &plan)
        .err()
        .expect("garbage");
    eprintln!("{error}");
    let text = error.to_string();
    assert!(
        text.contains("broken.plan") || text.contains("needs a CUDA device: libcuda.so.1"),
        "{text}"
    );
    if !found.has_builder() {
        let folder = tempfile::tempdir().expect("a folder");
        let onnx = folder.path().join("m.onnx");
        let options = camweave_tensorrt::BuildOptions {
            onnx: &onnx,
            batch: camweave_tensorrt::BatchProfile::new(1, 2).expect("a profile"),
            size: (64, 64),
            precision: Precision::Fp32,
            level: None,
            version_compatible: false,
            timing_cache: &[],
        };
        let error = camweave_tensorrt::build(&found, &options, &|_| true).expect_err("lean");
        assert_says(&error, ErrorKind::Missing, &["lean runtime"]);
    }
}
