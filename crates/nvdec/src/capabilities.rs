//! What a device's decoding engines can do.

use camweave_cuda::{Context, CudaError};

use crate::library::{CallError, Library, LoadError};
use crate::stream::Codec;
use crate::sys;

/// A sort of stream that a device decodes. All are 4:2:0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// The codec.
    pub codec: Codec,
    /// Bits per sample: 8 or 10.
    pub bit_depth: u32,
    /// The widest picture, in coded pixels.
    pub max_width: u32,
    /// The highest picture, in coded pixels.
    pub max_height: u32,
    /// Engines that decode it.
    pub engines: u32,
}

/// Why a device's engines do not tell what they can do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CapabilityError {
    /// The library is missing.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The library refused.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The driver refused.
    #[error(transparent)]
    Cuda(#[from] CudaError),
}

/// What a [`Decoder`](crate::Decoder) can decode on this device: of each codec 8 and 10 bits,
/// where the device has them. Empty: the device has no engine.
///
/// # Errors
/// libnvcuvid is missing, or does not answer.
pub fn capabilities(context: &Context) -> Result<Vec<Capability>, CapabilityError> {
    let library = Library::get()?;
    context.bind()?;
    Ok(of_library(library)?)
}

/// What a library says of the device whose context is the thread's current one.
fn of_library(library: &Library) -> Result<Vec<Capability>, CallError> {
    // What drivers say of a codec that is newer than they are.
    const UNKNOWN: [u32; 2] = [1, 801];
    let mut found = Vec::new();
    for codec in [Codec::H264, Codec::H265, Codec::Vp9, Codec::Av1] {
        for bit_depth in [8, 10] {
            let mut caps = sys::CUVIDDECODECAPS {
                eCodecType: codec.raw(),
                eChromaFormat: sys::cudaVideoChromaFormat_420,
                nBitDepthMinus8: bit_depth - 8,
                ..sys::CUVIDDECODECAPS::default()
            };
            match library.caps(&mut caps) {
                Err(error) if UNKNOWN.contains(&error.code) => continue,
                result => result?,
            }
            if caps.bIsSupported != 0 {
                found.push(Capability {
                    codec,
                    bit_depth,
                    max_width: caps.nMaxWidth,
                    max_height: caps.nMaxHeight,
                    engines: caps.nNumNVDECs.into(),
                });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Codes that the header lacks, as `cuda.h` has them.
    const CODES: &str =
        "enum { INVALID_VALUE = 1, INVALID_CONTEXT = 201, INVALID_HANDLE = 400 };\n";

    /// A library that answers as `answer` says, in C; it has the request in `caps`.
    fn library(answer: &str) -> (Library, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let (source, target) = (folder.path().join("it.c"), folder.path().join("it.so"));
        let others = [
            "CreateVideoParser",
            "ParseVideoData",
            "DestroyVideoParser",
            "CreateDecoder",
            "ReconfigureDecoder",
            "DestroyDecoder",
            "DecodePicture",
            "GetDecodeStatus",
            "MapVideoFrame64",
            "UnmapVideoFrame64",
        ];
        let others: String = others
            .iter()
            .map(|name| format!("int cuvid{name}(void) {{ return 801; }}\n"))
            .collect();
        let text = format!(
            "#include \"dynlink_cuda.h\"\n#include \"dynlink_cuviddec.h\"\n{CODES}{others}\
             CUresult cuvidGetDecoderCaps(CUVIDDECODECAPS *caps) {{ {answer} return CUDA_SUCCESS; }}\n"
        );
        std::fs::write(&source, text).expect("room for a file");
        let made = Command::new("cc")
            .arg(concat!("-I", env!("CARGO_MANIFEST_DIR"), "/headers"))
            .args(["-shared", "-fPIC", "-o"])
            .args([&target, &source])
            .status()
            .expect("the C compiler is installed");
        assert!(made.success());
        let name = target.to_str().expect("plain text");
        (Library::open(&[name]).expect("a whole library"), folder)
    }

    #[test]
    fn each_codec_and_depth_is_asked_for_and_what_is_there_is_listed() {
        let (library, _folder) = library(
            "if (caps->eChromaFormat != cudaVideoChromaFormat_420) return INVALID_HANDLE;
             if (caps->eCodecType == cudaVideoCodec_AV1) return INVALID_VALUE;
             if (caps->eCodecType == cudaVideoCodec_VP9) return CUDA_SUCCESS;
             if (caps->eCodecType == cudaVideoCodec_H264 && caps->nBitDepthMinus8) return CUDA_SUCCESS;
             caps->bIsSupported = 1;
             caps->nNumNVDECs = 7;
             caps->nMaxWidth = caps->eCodecType == cudaVideoCodec_HEVC ? 8192 : 4096;
             caps->nMaxHeight = 4096 + caps->nBitDepthMinus8;",
        );
        let capability = |codec, bit_depth, max_width, max_height| Capability {
            codec,
            bit_depth,
            max_width,
            max_height,
            engines: 7,
        };
        assert_eq!(
            of_library(&library),
            Ok(vec![
                capability(Codec::H264, 8, 4096, 4096),
                capability(Codec::H265, 8, 8192, 4096),
                capability(Codec::H265, 10, 8192, 4098),
            ])
        );
    }

    #[test]
    fn a_library_that_does_not_answer_is_an_error() {
        let (library, _folder) = library("return INVALID_CONTEXT;");
        let error = of_library(&library).expect_err("no answer").to_string();
        for part in ["cuvidGetDecoderCaps", "invalid context"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_device_says_what_it_decodes() {
        let Some(context) = camweave_cuda::testing::device() else {
            return;
        };
        let found = capabilities(&context).expect("a driver that answers");
        println!("{found:#?}");
        let h264 = found.iter().find(|it| it.codec == Codec::H264);
        let h264 = h264.expect("every chip with engines decodes H.264");
        assert!(h264.max_width >= 4096 && h264.engines > 0, "{h264:?}");
    }
}
