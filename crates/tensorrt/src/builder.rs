//! Building plans from ONNX files.
#![expect(unsafe_code, reason = "calls the shim")]

use std::ffi::{CString, c_void};
use std::path::Path;
use std::{fmt, ptr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::library::TensorRt;
use crate::log::{self, LogSink, Progress};
use crate::runtime::reasons;
use crate::sys;

/// What the network computes in. Its words, `fp16` and `fp32`, are the variants' names wherever they
/// are read or written. The variants are a part of an engine's key (`EngineSpec::key`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 16-bit float where that is faster; the input is float16.
    Fp16,
    /// 32-bit float.
    Fp32,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Frames of one inference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchProfile {
    /// At least.
    pub min: u32,
    /// What the engine is tuned for.
    pub opt: u32,
    /// At most.
    pub max: u32,
}

impl BatchProfile {
    /// Batches of 1 to `max`, tuned for `opt`.
    ///
    /// # Errors
    /// Not 1 <= `opt` <= `max` <= 256.
    pub fn new(opt: u32, max: u32) -> Result<Self, Error> {
        if opt == 0 || opt > max || max > 256 {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "a profile of at best {opt} and at most {max} frames, expected 1 <= best <= most <= 256"
                ),
            ));
        }
        Ok(Self { min: 1, opt, max })
    }
}

/// How to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildOptions<'a> {
    /// The ONNX file; weights in other files are found beside it.
    pub onnx: &'a Path,
    /// Frames of one inference. A model with a fixed batch has `min == opt == max`.
    pub batch: BatchProfile,
    /// Width and height of the input where the file leaves them open, in pixels.
    pub size: (u32, u32),
    /// Up to TensorRT 10 a choice; later it is the ONNX file's, and this must agree.
    pub precision: Precision,
    /// TensorRT's builder optimization level, 0 (quick to build) to 5; `None`: its default, 3.
    pub level: Option<u8>,
    /// Whether lean runtimes of later versions can run the plan.
    pub version_compatible: bool,
    /// What an earlier build measured; empty for none.
    pub timing_cache: &'a [u8],
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The serialized engine.
    pub plan: Vec<u8>,
    /// What was measured, for the next build; empty where TensorRT gives none.
    pub timing_cache: Vec<u8>,
}

/// Builds an engine for the current CUDA context's device. Takes minutes; `progress` hears of it
/// (from TensorRT 10 on) and cancels by `false`.
///
/// # Errors
/// There is no builder; the file has operators that TensorRT cannot run (they are named), or no
/// input that the profile fits; the device's memory is short; it was cancelled.
pub fn build(
    tensorrt: &TensorRt,
    options: &BuildOptions<'_>,
    progress: &(dyn Fn(Progress<'_>) -> bool + Sync),
) -> Result<Built, Error> {
    let (create_builder, create_parser) = tensorrt.builder()?;
    tensorrt.check_device()?;
    let name = options.onnx.display();
    let path = options
        .onnx
        .to_str()
        .and_then(|path| CString::new(path).ok());
    let path = path.ok_or_else(|| {
        Error::input(format!(
            "the path '{name}' is not UTF-8, which TensorRT needs"
        ))
    })?;
    let sink = LogSink::with_progress(progress);
    let timing_cache = options.timing_cache;
    let raw = sys::Build {
        onnx_path: path.as_ptr(),
        min_batch: options.batch.min.cast_signed(),
        opt_batch: options.batch.opt.cast_signed(),
        max_batch: options.batch.max.cast_signed(),
        height: options.size.1.cast_signed(),
        width: options.size.0.cast_signed(),
        fp16: i32::from(options.precision == Precision::Fp16),
        level: options.level.map_or(-1, i32::from),
        version_compatible: i32::from(options.version_compatible),
        workspace_bytes: 0,
        timing_cache: timing_cache.as_ptr().cast(),
        timing_cache_bytes: timing_cache.len(),
    };
    let mut built = sys::Built {
        plan: ptr::null_mut(),
        timing_cache: ptr::null_mut(),
    };
    // SAFETY: the two functions are the library's own for this; everything else is valid for the
    // call, after which TensorRT keeps nothing of it.
    let done = unsafe {
        (tensorrt.shim.build_engine)(
            create_builder.pointer(),
            create_parser.pointer(),
            &raw const raw,
            log::receive,
            log::progressed,
            sink.user(),
            &raw mut built,
        )
    };
    if done == 0 {
        return Err(failure(&name.to_string(), tensorrt, &sink.take_errors()));
    }
    Ok(Built {
        plan: take(tensorrt, built.plan),
        timing_cache: take(tensorrt, built.timing_cache),
    })
}

/// Copies a buffer and frees it; null is empty.
fn take(tensorrt: &TensorRt, buffer: *mut c_void) -> Vec<u8> {
    if buffer.is_null() {
        return Vec::new();
    }
    // SAFETY: a buffer of the shim's that has not been freed.
    let bytes = unsafe { (tensorrt.shim.buffer_bytes)(buffer) };
    // SAFETY: as above.
    let data = unsafe { (tensorrt.shim.buffer_data)(buffer) };
    let copy = if data.is_null() || bytes == 0 {
        Vec::new()
    } else {
        // SAFETY: the shim says that so many bytes are there.
        unsafe { std::slice::from_raw_parts(data.cast::<u8>(), bytes) }.to_vec()
    };
    // SAFETY: freed once, and not used after this.
    unsafe { (tensorrt.shim.buffer_free)(buffer) };
    copy
}

fn failure(name: &str, tensorrt: &TensorRt, lines: &[String]) -> Error {
    let why = reasons(lines);
    let version = tensorrt.version();
    if log::is_out_of_memory(lines) {
        return Error::resource(format!(
            "no device memory to build an engine of '{name}' with {version}: {why}"
        ));
    }
    if lines.iter().any(|line| line.contains("gives no builder")) {
        return Error::missing(format!("{version} gives no builder: {why}"));
    }
    Error::input(format!(
        "{version} cannot build an engine of '{name}': {why}"
    ))
}
