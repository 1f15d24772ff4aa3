//! What the GPU graphs use.

use std::fs;
use std::path::Path;

use camweave_tensorrt::{LIBRARY_VARIABLE, TensorRt};
use nvml_wrapper::Nvml;

use super::library::{self, Search};
use super::{Need, Row, State};

const ON_THE_CPU: &str = "the CPU graphs (dataflows/cpu-*.yml)";

/// TensorRT's runtimes, by preference.
const TENSORRT: [&str; 7] = [
    "libnvinfer.so.11",
    "libnvinfer.so.10",
    "libnvinfer.so.8",
    "libnvinfer_lean.so.11",
    "libnvinfer_lean.so.10",
    "libnvinfer_lean.so.8",
    "libtensorrt_rtx.so.1",
];

pub fn rows() -> Vec<Row> {
    vec![card(), driver(), decoder(), tensorrt(), runtime(), mps()]
}

fn row(name: &'static str, need: Need, (state, found): (State, String)) -> Row {
    let (used_for, without, get) = match name {
        "GPU" => (
            "decoding, inference and NMS on the GPU",
            ON_THE_CPU,
            "an NVIDIA GPU; NVML comes with its driver (Debian: nvidia-driver, Ubuntu: nvidia-driver-580 or newer)",
        ),
        "CUDA driver" => (
            "all nodes of the GPU graphs",
            ON_THE_CPU,
            "the driver's packages: libcuda1 (Debian), libnvidia-compute-<version> (Ubuntu)",
        ),
        "NVDEC" => (
            "the node nvdec",
            "sw-decode: decoding on the CPU, also in front of a GPU's inference",
            "the driver's packages: libnvcuvid1 (Debian), libnvidia-decode-<version> (Ubuntu)",
        ),
        "TensorRT" => (
            "the node trt-infer",
            "cpu-infer: rten or ONNX Runtime on the CPU",
            "libnvinfer10 or libnvinfer-lean10 of NVIDIA's apt repository; PyPI: tensorrt-lean, with its library named by CAMWEAVE_TENSORRT_LIB; the shim by scripts/tensorrt-shim.sh",
        ),
        "CUDA runtime" => (
            "what some builds of TensorRT load; camweave itself needs only the driver",
            "everything, unless TensorRT does not load",
            "libcudart12 (Debian, Ubuntu); PyPI: nvidia-cuda-runtime-cu12",
        ),
        _ => (
            "several GPU nodes at once on one GPU, at full speed",
            "everything; separate GPU nodes take turns, and gpu-fused.yml needs no MPS",
            "scripts/mps.sh start; the command is in nvidia-cuda-mps (Debian), nvidia-compute-utils-<version> (Ubuntu)",
        ),
    };
    Row {
        name,
        state,
        found,
        need,
        used_for,
        without,
        get,
    }
}

fn card() -> Row {
    let name = "libnvidia-ml.so.1";
    // First by itself: NVML's wrapper does not tell a missing file from one that does not load.
    let found = match library::search(&[name]) {
        Search::Missing(why) => (State::Missing, why),
        Search::Broken(why) => (State::Broken, why),
        Search::Loaded(..) => match cards(name) {
            Ok(text) => (State::Ok, text),
            Err(why) => (State::Broken, format!("{name}: {why}")),
        },
    };
    row("GPU", Need::Gpu, found)
}

fn cards(name: &str) -> Result<String, String> {
    let text = |error: nvml_wrapper::error::NvmlError| error.to_string();
    let nvml = Nvml::builder()
        .lib_path(name.as_ref())
        .init()
        .map_err(text)?;
    let driver = nvml.sys_driver_version().map_err(text)?;
    let count = nvml.device_count().map_err(text)?;
    if count == 0 {
        return Err(format!("driver {driver}, and no GPU that it knows"));
    }
    let mut cards = Vec::new();
    for index in 0..count {
        let device = nvml.device_by_index(index).map_err(text)?;
        let memory = device.memory_info().map_err(text)?.total >> 20;
        let capability = device.cuda_compute_capability().map_err(text)?;
        cards.push(format!(
            "{} ({memory} MiB, compute capability {}.{})",
            device.name().map_err(text)?,
            capability.major,
            capability.minor
        ));
    }
    Ok(format!("{}; driver {driver}", cards.join(", ")))
}

fn driver() -> Row {
    // What the shipped kernels need, as cuDriverGetVersion counts.
    const LEAST: i32 = 12_080;
    let found = match library::search(&["libcuda.so.1", "libcuda.so"]) {
        Search::Missing(why) => (State::Missing, why),
        Search::Broken(why) => (State::Broken, why),
        Search::Loaded(name, library) => {
            match library::written_number(&library, "cuDriverGetVersion") {
                None => (
                    State::Broken,
                    format!("{name} does not answer cuDriverGetVersion, expected NVIDIA's driver"),
                ),
                Some(version) if version < LEAST => (
                    State::Broken,
                    format!(
                        "{name} for CUDA {}, expected {} or newer",
                        cuda(version),
                        cuda(LEAST)
                    ),
                ),
                Some(version) => (State::Ok, format!("{name} for CUDA {}", cuda(version))),
            }
        }
    };
    row("CUDA driver", Need::Gpu, found)
}

/// `12080` is 12.8.
fn cuda(version: i32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

fn decoder() -> Row {
    let found = match library::search(&["libnvcuvid.so.1", "libnvcuvid.so"]) {
        Search::Missing(why) => (State::Missing, why),
        Search::Broken(why) => (State::Broken, why),
        Search::Loaded(name, library) if library::has(&library, "cuvidGetDecoderCaps") => (
            State::Ok,
            format!("{name}; nvdec says which codecs the GPU decodes"),
        ),
        Search::Loaded(name, _) => (
            State::Broken,
            format!("{name} has no cuvidGetDecoderCaps, expected NVIDIA's decoder library"),
        ),
    };
    row("NVDEC", Need::Gpu, found)
}

fn tensorrt() -> Row {
    let found = match TensorRt::load() {
        Ok(found) => {
            let can = if found.has_builder() {
                "builds and runs engines"
            } else {
                "runs engines and builds none"
            };
            let library = found.library().display();
            let (version, headers) = (found.version(), found.headers());
            (
                State::Ok,
                format!("'{library}' {version} with a shim for {headers}, {can}"),
            )
        }
        Err(error) if std::env::var_os(LIBRARY_VARIABLE).is_some() => {
            (State::Broken, error.to_string())
        }
        Err(error) => without_tensorrt(&error.to_string()),
    };
    row("TensorRT", Need::Gpu, found)
}

/// Why there is none that serves: a library that does not load, or one that no shim fits.
fn without_tensorrt(error: &str) -> (State, String) {
    let mut usable = Vec::new();
    let mut broken = Vec::new();
    for name in TENSORRT {
        match library::search(&[name]) {
            Search::Missing(_) => {}
            Search::Broken(why) => broken.push(why),
            Search::Loaded(_, library) => match library::number(&library, "getInferLibVersion") {
                Some(number) => usable.push(format!("{name} {}", tensorrt_version(number))),
                None => broken.push(format!(
                    "{name} has no getInferLibVersion, expected NVIDIA's TensorRT"
                )),
            },
        }
    }
    if !usable.is_empty() {
        (State::Broken, format!("{}: {error}", usable.join(", ")))
    } else if !broken.is_empty() {
        (State::Broken, broken.join("; "))
    } else {
        let names = TENSORRT.join(", ");
        let searched = library::searched();
        (State::Missing, format!("{names} not found; {searched}"))
    }
}

/// As `NV_TENSORRT_VERSION` counts: 8600 is 8.6.0, 10701 is RTX 1.7.1, 101600 is 10.16.0.
fn tensorrt_version(number: i32) -> String {
    let (major, rest) = match number {
        ..10_000 => (number / 1000, number % 1000),
        _ => (number / 10_000, number % 10_000),
    };
    format!("{major}.{}.{}", rest / 100, rest % 100)
}

fn runtime() -> Row {
    let names = ["libcudart.so.13", "libcudart.so.12", "libcudart.so"];
    let found = match library::search(&names) {
        Search::Missing(why) => (State::Missing, why),
        Search::Broken(why) => (State::Broken, why),
        Search::Loaded(name, library) => {
            match library::written_number(&library, "cudaRuntimeGetVersion") {
                Some(version) => (State::Ok, format!("{name}, CUDA {}", cuda(version))),
                None => (
                    State::Broken,
                    format!("{name} does not answer cudaRuntimeGetVersion"),
                ),
            }
        }
    };
    row("CUDA runtime", Need::Optional, found)
}

fn mps() -> Row {
    let pipes = std::env::var("CUDA_MPS_PIPE_DIRECTORY");
    let pipes = pipes.unwrap_or_else(|_| "/tmp/nvidia-mps".to_owned());
    let file = Path::new(&pipes).join("nvidia-cuda-mps-control.pid");
    let daemon = fs::read_to_string(&file).unwrap_or_default();
    let daemon = daemon.trim();
    let runs = !daemon.is_empty() && Path::new("/proc").join(daemon).is_dir();
    let found = if runs {
        (
            State::Ok,
            format!("the control daemon runs (process {daemon})"),
        )
    } else if super::cpu::on_path("nvidia-cuda-mps-control").is_some() {
        (
            State::Missing,
            format!("the control daemon does not run ('{}')", file.display()),
        )
    } else {
        (
            State::Missing,
            "nvidia-cuda-mps-control is not in PATH".to_owned(),
        )
    };
    row("MPS", Need::Optional, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_vendor_counts() {
        assert_eq!(tensorrt_version(8600), "8.6.0");
        assert_eq!(tensorrt_version(10701), "1.7.1");
        assert_eq!(tensorrt_version(100_001), "10.0.1");
        assert_eq!(tensorrt_version(110_400), "11.4.0");
        assert_eq!((cuda(12_080), cuda(13_000)), ("12.8".into(), "13.0".into()));
    }
}
