//! NVTX ranges reach a profiler: here a library that is loaded as NVIDIA's are.

use std::path::{Path, PathBuf};
use std::process::Command;

use camweave_telemetry::{FrameKey, SpanSettings, Spans, span_names};

fn witness(folder: &Path) -> PathBuf {
    let library = folder.join("witness.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/witness.c");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .status()
        .expect("the C compiler with which Rust links");
    assert!(status.success(), "'{}' does not compile", source.display());
    library
}

/// Runs in a process of its own: NVTX looks for a profiler once.
#[test]
#[ignore = "started by the tests below"]
fn emit() {
    let settings = SpanSettings::from_env().expect("valid variables");
    let spans = Spans::open("node", "cpu-infer", &settings, Path::new("unused"));
    let frame = FrameKey {
        camera: "cam1",
        session_unix_nanos: 1,
        sequence: 42,
    };
    let outer = spans.batch(&span_names::INFER, 3);
    drop(spans.frame(&span_names::ACQUIRE, frame));
    drop(outer);
    drop(spans.frame(&span_names::ACQUIRE, frame));
    spans.finish();
}

/// What the witness saw of `emit` with these variables; `None` where it was not even loaded.
fn seen(variables: &[(&str, &str)]) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("seen");
    let this = std::env::current_exe().expect("this test");
    let output = Command::new(this)
        .args(["emit", "--exact", "--ignored"])
        .env("NVTX_INJECTION64_PATH", witness(folder.path()))
        .env("WITNESS_FILE", &file)
        .envs(variables.iter().copied())
        .output()
        .expect("this test runs");
    assert!(output.status.success(), "{output:?}");
    std::fs::read_to_string(&file).ok()
}

const EXPECTED: &str = "\
domain camweave
category 1 cpu-infer
registered infer
push infer category 1 payload 3 of type 1 in camweave
registered acquire
push acquire category 1 payload 42 of type 1 in camweave
pop
pop
push acquire category 1 payload 42 of type 1 in camweave
pop
";

#[test]
fn a_profiler_sees_the_ranges() {
    // A profiler that announces itself is enough, with or without spans of our own.
    assert_eq!(seen(&[]).as_deref(), Some(EXPECTED));
    assert_eq!(
        seen(&[("CAMWEAVE_SPANS", "stats")]).as_deref(),
        Some(EXPECTED)
    );
}

#[test]
fn off_is_off_for_profilers_too() {
    assert_eq!(seen(&[("CAMWEAVE_NVTX", "off")]), None);
}
