//! What the GPU graphs use.

use std::fs;
use std::path::{Path, PathBuf};

use camweave_cuda::{Context, CudaMemory};
use camweave_nvdec::{Capability, capabilities};
use camweave_tensorrt::{LIBRARY_VARIABLE, TensorRt};
use nvml_wrapper::Nvml;

use super::library::{self, Search};
use super::report::{Decodes, Need, Row, State};

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
    let driver = driver();
    let decoder = decoder(driver.state == State::Ok);
    vec![card(), driver, decoder, tensorrt(), runtime(), mps()]
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
        decodes: Vec::new(),
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
                Some(version) => shared(format!("{name} for CUDA {}", cuda(version))),
            }
        }
    };
    row("CUDA driver", Need::Gpu, found)
}

/// A driver that is there, with how processes share the first device's memory.
fn shared(driver: String) -> (State, String) {
    let Ok(context) = Context::open(0) else {
        return (State::Ok, driver);
    };
    match CudaMemory::sharing_on(&context) {
        Ok(sharing) => (State::Ok, format!("{driver}; pools are {sharing}")),
        Err(error) => (State::Broken, format!("{driver}; {error}")),
    }
}

/// `12080` is 12.8.
fn cuda(version: i32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

/// `has_driver`: CUDA can be asked.
fn decoder(has_driver: bool) -> Row {
    let found = match library::search(&["libnvcuvid.so.1", "libnvcuvid.so"]) {
        Search::Missing(why) => (State::Missing, why),
        Search::Broken(why) => (State::Broken, why),
        Search::Loaded(name, library) if !library::has(&library, "cuvidGetDecoderCaps") => (
            State::Broken,
            format!("{name} has no cuvidGetDecoderCaps, expected NVIDIA's decoder library"),
        ),
        Search::Loaded(name, _) if has_driver => return engines(name),
        Search::Loaded(name, _) => (
            State::Ok,
            format!("{name}; what it decodes is unknown without the CUDA driver"),
        ),
    };
    row("NVDEC", Need::Gpu, found)
}

/// What the engines of the first device decode.
fn engines(library: &str) -> Row {
    let asked = Context::open(0).map_err(|error| error.to_string());
    let asked = asked.and_then(|context| {
        let decodes = capabilities(&context).map_err(|error| error.to_string())?;
        Ok((context.name().to_owned(), decodes))
    });
    let (state, found, decodes) = match asked {
        Err(why) => (State::Broken, format!("{library}: {why}"), Vec::new()),
        Ok((device, list)) if list.is_empty() => (
            State::Broken,
            format!("{library}: the {device} has no decoding engine that this driver knows"),
            Vec::new(),
        ),
        Ok((device, list)) => (
            State::Ok,
            format!("{library}: the {device} decodes {}", decoded(&list)),
            list.iter().map(Decodes::of).collect(),
        ),
    };
    let row = row("NVDEC", Need::Gpu, (state, found));
    Row { decodes, ..row }
}

/// `H.264 of 8 bits up to 4096x4096, ...; 7 engines`.
fn decoded(list: &[Capability]) -> String {
    let sorts = list.chunk_by(|a, b| {
        let what = |it: &Capability| (it.codec, it.max_width, it.max_height);
        what(a) == what(b)
    });
    let sorts = sorts.filter_map(|sort| {
        let first = sort.first()?;
        let bits: Vec<_> = sort.iter().map(|it| it.bit_depth.to_string()).collect();
        Some(format!(
            "{} of {} bits up to {}x{}",
            first.codec.as_str(),
            bits.join(" and "),
            first.max_width,
            first.max_height
        ))
    });
    let sorts: Vec<String> = sorts.collect();
    let engines = list.iter().map(|it| it.engines).max().unwrap_or(0);
    let plural = if engines == 1 { "" } else { "s" };
    format!("{}; {engines} engine{plural}", sorts.join(", "))
}

fn tensorrt() -> Row {
    let found = match TensorRt::load() {
        Ok(found) => {
            let can = if found.has_builder() {
                "builds and runs engines"
            } else {
                "runs engines, cannot build them"
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

/// The process of MPS's control daemon, if it runs, and the file that says so.
fn mps_daemon() -> (Option<String>, PathBuf) {
    let pipes = std::env::var("CUDA_MPS_PIPE_DIRECTORY");
    let pipes = pipes.unwrap_or_else(|_| "/tmp/nvidia-mps".to_owned());
    let file = Path::new(&pipes).join("nvidia-cuda-mps-control.pid");
    let daemon = fs::read_to_string(&file).unwrap_or_default();
    let daemon = daemon.trim();
    let runs = !daemon.is_empty() && Path::new("/proc").join(daemon).is_dir();
    (runs.then(|| daemon.to_owned()), file)
}

/// Whether processes share a GPU under MPS.
pub fn mps_runs() -> bool {
    mps_daemon().0.is_some()
}

fn mps() -> Row {
    let (daemon, file) = mps_daemon();
    let found = if let Some(daemon) = daemon {
        (
            State::Ok,
            format!("the control daemon runs (process {daemon})"),
        )
    } else if camweave_runner::places::on_path("nvidia-cuda-mps-control").is_some() {
        (
            State::Missing,
            format!("the control daemon is not running ('{}')", file.display()),
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
    fn what_is_decoded_reads_as_a_sentence() {
        use camweave_nvdec::Codec::{H264, H265};
        let capability = |codec, bit_depth, max_width, engines| Capability {
            codec,
            bit_depth,
            max_width,
            max_height: max_width,
            engines,
        };
        let list = [
            capability(H264, 8, 4096, 7),
            capability(H265, 8, 8192, 7),
            capability(H265, 10, 8192, 7),
        ];
        assert_eq!(
            decoded(&list),
            "H.264 of 8 bits up to 4096x4096, H.265 of 8 and 10 bits up to 8192x8192; 7 engines"
        );
        assert_eq!(
            decoded(&[capability(H264, 8, 2048, 1)]),
            "H.264 of 8 bits up to 2048x2048; 1 engine"
        );
    }

    #[test]
    fn versions_are_read_as_the_vendor_counts() {
        assert_eq!(tensorrt_version(8600), "8.6.0");
        assert_eq!(tensorrt_version(10701), "1.7.1");
        assert_eq!(tensorrt_version(100_001), "10.0.1");
        assert_eq!(tensorrt_version(110_400), "11.4.0");
        assert_eq!((cuda(12_080), cuda(13_000)), ("12.8".into(), "13.0".into()));
    }
}
