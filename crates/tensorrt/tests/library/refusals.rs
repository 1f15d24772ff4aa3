//! What becomes of TensorRT's refusals. A shim of this test's own stands in for TensorRT and says
//! the lines that TensorRT 8.6 says, and a driver of its own says that there is a device: the words
//! and kinds of our errors are those that a user gets. Whether TensorRT still says these lines, the
//! tests of `trt-infer` show on a GPU.

use std::path::{Path, PathBuf};
use std::process::Command;

use camweave_tensorrt::{
    BatchProfile, BuildOptions, Engine, Error, ErrorKind, Places, Precision, TensorRt, build,
};

use crate::assert_says;

/// Names the folder with the libraries, in the process whose loader looks into it.
const FOLDER: &str = "CAMWEAVE_TEST_LIBRARIES";

/// `cuInit` and so on: one device.
const DRIVER: &str = "extern \"C\" int cuInit(unsigned flags) { return 0; }
extern \"C\" int cuDeviceGetCount(int* count) { *count = 1; return 0; }";

const TENSORRT: &str = "extern \"C\" int getInferLibVersion() { return 8600; }
extern \"C\" void* createInferRuntime_INTERNAL(void* logger, int version) { return nullptr; }
extern \"C\" void* createInferBuilder_INTERNAL(void* logger, int version) { return nullptr; }";

const PARSER: &str =
    "extern \"C\" void* createNvOnnxParser_INTERNAL(void* a, void* b, int c) { return nullptr; }";

/// What is refused stands in the plan's byte 32, and in the ONNX file's name.
const SHIM: &str = r#"
#include "shim.h"
#include <cstring>
namespace {
camweave_log say;
void* sink;
void error(char const* text) { say(sink, 1, text); }
}
extern "C" {
int32_t camweave_shim_abi() { return CAMWEAVE_SHIM_ABI; }
int32_t camweave_header_version() { return 8600; }
int32_t camweave_strongly_typed() { return 0; }
void* camweave_runtime_create(void*, camweave_log log, void* user)
{
    say = log;
    sink = user;
    return &say;
}
void camweave_runtime_free(void*) {}
void* camweave_engine_create(void*, void const* plan, size_t)
{
    switch (static_cast<char const*>(plan)[32]) {
    case 'v':
        error("6: The engine plan file is not compatible with this version of TensorRT,\n"
              "expecting library version 8.6.0.12 got 8.5.3.1, please rebuild.");
        break;
    case 'g':
        error("6: The engine plan file is generated on an incompatible device, expecting compute 9.0 "
              "got compute 8.6, please rebuild.");
        break;
    case 'm':
        error("1: [defaultAllocator.cpp::allocate::20] Error Code 1: Cuda Runtime (out of memory)");
        error("2: [engine.cpp::deserialize] Error Code 2: OutOfMemory (no further information)");
        break;
    case 'c': return &say;
    }
    return nullptr;
}
void camweave_engine_free(void*) {}
int32_t camweave_engine_tensors(void*) { return 0; }
int32_t camweave_engine_tensor(void*, int32_t, camweave_tensor*) { return 0; }
int32_t camweave_engine_profile(void*, int32_t, char const*, int32_t, camweave_shape*) { return 0; }
uint64_t camweave_engine_context_bytes(void*) { return 123456789; }
void* camweave_context_create(void*)
{
    error("2: [executionContext.cpp] Error Code 2: OutOfMemory (no further information)");
    return nullptr;
}
void camweave_context_free(void*) {}
int32_t camweave_context_profile(void*) { return -1; }
int32_t camweave_context_set_shape(void*, char const*, camweave_shape const*) { return 0; }
int32_t camweave_context_shape(void*, char const*, camweave_shape*) { return 0; }
int32_t camweave_context_set_address(void*, char const*, uint64_t) { return 0; }
int32_t camweave_context_enqueue(void*, void*) { return 0; }
int32_t camweave_build_engine(void*, void*, camweave_build const* options, camweave_log log, camweave_progress,
    void* user, camweave_built*)
{
    say = log;
    sink = user;
    if (std::strstr(options->onnx_path, "large") != nullptr) {
        error("2: [virtualMemoryBuffer.cpp::resizePhysical::140] Error Code 2: OutOfMemory (no further information)");
    } else {
        error("3: getPluginCreator could not find plugin: Frobnicate version: 1");
        error("ONNX node 7: Plugin not found, are the plugin name, version, and namespace correct?");
    }
    return 0;
}
void const* camweave_buffer_data(void*) { return nullptr; }
size_t camweave_buffer_bytes(void*) { return 0; }
void camweave_buffer_free(void*) {}
}
"#;

fn library(folder: &Path, name: &str, code: &str) -> PathBuf {
    let (source, path) = (folder.join(format!("{name}.cpp")), folder.join(name));
    std::fs::write(&source, code).expect("writable");
    let status = Command::new("g++")
        .args(["-shared", "-fPIC", "-I"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("shim"))
        .arg("-o")
        .args([&path, &source])
        .status()
        .expect("g++ runs: scripts/setup.sh installs it");
    assert!(status.success());
    path
}

fn plan(what: u8) -> Vec<u8> {
    let mut plan = b"ftrt\0\0\0\0\x01\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\x08\x05\x03\x01".to_vec();
    plan.resize(64, 0);
    plan[32] = what;
    plan
}

#[test]
fn what_tensorrt_refuses_is_said_in_one_line_of_the_fitting_kind() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return refuse(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (name, code) in [
        ("libcuda.so.1", DRIVER),
        ("libnvinfer.so.8", TENSORRT),
        ("libnvonnxparser.so.8", PARSER),
        ("shim.so", SHIM),
    ] {
        library(folder.path(), name, code);
    }
    // The loader reads the variable when a process begins.
    let name = "refusals::what_tensorrt_refuses_is_said_in_one_line_of_the_fitting_kind";
    let status = Command::new(std::env::current_exe().expect("this test program"))
        .args([name, "--exact", "--nocapture"])
        .env("LD_LIBRARY_PATH", folder.path())
        .env(FOLDER, folder.path())
        .status()
        .expect("this test program again");
    assert!(status.success());
}

fn refuse(folder: &Path) {
    let places = Places {
        library: Some(folder.join("libnvinfer.so.8")),
        shim: Some(folder.join("shim.so")),
        folders: Vec::new(),
    };
    let tensorrt = TensorRt::find(&places).expect("it fits");
    let load = |what| Engine::load(&tensorrt, "m.plan", &plan(what));
    let refused = |what| load(what).err().expect("it is refused");
    assert_says(
        &refused(b'v'),
        ErrorKind::Input,
        &[
            "plan 'm.plan', built by TensorRT 8.5.3.1",
            "does not run here with TensorRT 8.6.0",
            "expecting library version 8.6.0.12 got 8.5.3.1",
            "camweave engine build",
        ],
    );
    assert_says(
        &refused(b'g'),
        ErrorKind::Input,
        &[
            "'m.plan'",
            "expecting compute 9.0 got compute 8.6",
            "camweave engine build",
        ],
    );
    assert_says(
        &refused(b'm'),
        ErrorKind::Resource,
        &[
            "no device memory for the engine of plan 'm.plan', 64 bytes and more",
            "out of memory",
        ],
    );
    assert_says(&refused(b'?'), ErrorKind::Input, &["it does not say why"]);
    let engine = load(b'c').expect("an engine");
    assert_says(
        &engine.context().err().expect("no room"),
        ErrorKind::Resource,
        &["no device memory for an execution context of plan 'm.plan': 123456789 bytes wanted"],
    );

    let build = |onnx: &str| -> Error {
        let options = BuildOptions {
            onnx: Path::new(onnx),
            batch: BatchProfile::new(1, 2).expect("a profile"),
            size: (64, 64),
            precision: Precision::Fp32,
            level: None,
            version_compatible: false,
            timing_cache: &[],
        };
        build(&tensorrt, &options, &|_| true).expect_err("it is refused")
    };
    assert_says(
        &build("odd.onnx"),
        ErrorKind::Input,
        &[
            "TensorRT 8.6.0 cannot build an engine of 'odd.onnx'",
            "Frobnicate",
            "ONNX node 7",
        ],
    );
    assert_says(
        &build("large.onnx"),
        ErrorKind::Resource,
        &["no device memory to build an engine of 'large.onnx' with TensorRT 8.6.0"],
    );
}
