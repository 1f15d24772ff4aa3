//! libnvcuvid, found at run time: the functions that are used, and their codes as errors.
#![expect(unsafe_code, reason = "loads a library and calls it")]

use std::ffi::{c_int, c_uint};
use std::sync::OnceLock;

use crate::sys;

/// Where the driver's decoding library is looked for, by the dynamic linker's rules.
pub const LIBRARY_NAMES: &[&str] = &["libnvcuvid.so.1", "libnvcuvid.so"];

/// The same without it.
const INSTEAD: &str = "dataflows/cpu-batched.yml does the same on the CPU, with sw-decode";

/// libnvcuvid cannot be used; one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// None of the names could be loaded.
    #[error(
        "NVIDIA's decoding library is missing: {tried}; it is part of the driver (in containers: the capability 'video'); {INSTEAD}"
    )]
    Missing {
        /// Each name with the linker's answer.
        tried: String,
    },
    /// The library lacks a function.
    #[error("{library} has no function {function}, expected driver 470 or newer; {INSTEAD}")]
    Function {
        /// The library.
        library: String,
        /// The function.
        function: &'static str,
    },
}

/// A call that the library refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call} failed{}: {} ({code})", within(.subject), code_name(*.code))]
pub struct CallError {
    /// The function.
    pub call: &'static str,
    /// What it was called for, such as the decoder's size; may be empty.
    pub subject: String,
    /// The CUDA code.
    pub code: u32,
}

fn within(subject: &str) -> String {
    if subject.is_empty() {
        String::new()
    } else {
        format!(" for {subject}")
    }
}

/// The codes that libnvcuvid's documentation and practice know (`CUresult` of cuda.h).
fn code_name(code: u32) -> &'static str {
    match code {
        1 => "invalid value",
        2 => "out of device memory",
        3 => "CUDA is not initialised",
        4 => "CUDA is shutting down",
        100 => "no device",
        101 => "invalid device",
        201 => "invalid context",
        205 => "mapping failed",
        206 => "unmapping failed",
        400 => "invalid handle",
        700 => "a kernel has destroyed the context",
        801 => "not supported",
        _ => "CUDA error",
    }
}

macro_rules! library {
    ($($(#[$meta:meta])* $field:ident = $symbol:ident: $type:ident;)+) => {
        /// The library's functions.
        pub struct Library {
            $($field: sys::$type,)+
            _library: libloading::Library,
        }

        impl Library {
            fn bind(library: libloading::Library, name: &str) -> Result<Self, LoadError> {
                $(
                    let symbol = concat!(stringify!($symbol), "\0");
                    // SAFETY: the type is the header's for this very function.
                    let found = unsafe { library.get::<sys::$type>(symbol.as_bytes()) };
                    let $field = found.ok().and_then(|it| *it).ok_or(LoadError::Function {
                        library: name.to_owned(),
                        function: stringify!($symbol),
                    })?;
                )+
                Ok(Self { $($field: Some($field),)+ _library: library })
            }
        }
    };
}

library! {
    create_parser = cuvidCreateVideoParser: tcuvidCreateVideoParser;
    parse = cuvidParseVideoData: tcuvidParseVideoData;
    destroy_parser = cuvidDestroyVideoParser: tcuvidDestroyVideoParser;
    caps = cuvidGetDecoderCaps: tcuvidGetDecoderCaps;
    create_decoder = cuvidCreateDecoder: tcuvidCreateDecoder;
    reconfigure = cuvidReconfigureDecoder: tcuvidReconfigureDecoder;
    destroy_decoder = cuvidDestroyDecoder: tcuvidDestroyDecoder;
    decode = cuvidDecodePicture: tcuvidDecodePicture;
    status = cuvidGetDecodeStatus: tcuvidGetDecodeStatus;
    map = cuvidMapVideoFrame64: tcuvidMapVideoFrame64;
    unmap = cuvidUnmapVideoFrame64: tcuvidUnmapVideoFrame64;
}

/// Calls a function of the library; any code but success is an error.
macro_rules! call {
    ($library:expr, $field:ident, $name:literal, $($argument:expr),+) => {{
        let code = match $library.$field {
            // SAFETY: the function is the library's own, and the caller of this method vouches
            // for the arguments.
            Some(function) => unsafe { function($($argument),+) },
            None => NOT_SUPPORTED,
        };
        match code {
            sys::CUDA_SUCCESS => Ok(()),
            code => Err(CallError { call: $name, subject: String::new(), code }),
        }
    }};
}

/// `CUDA_ERROR_NOT_SUPPORTED`.
const NOT_SUPPORTED: u32 = 801;

impl Library {
    /// The driver's library, loaded at the first call and kept.
    ///
    /// # Errors
    /// It is not there, or too old.
    pub fn get() -> Result<&'static Self, LoadError> {
        static LIBRARY: OnceLock<Result<Library, LoadError>> = OnceLock::new();
        let loaded = LIBRARY.get_or_init(|| Self::open(LIBRARY_NAMES));
        loaded.as_ref().map_err(LoadError::clone)
    }

    /// Loads the first of `names` that is there.
    ///
    /// # Errors
    /// None is there, or the first one lacks a function.
    pub fn open(names: &[&str]) -> Result<Self, LoadError> {
        let mut tried = Vec::new();
        for name in names {
            // SAFETY: the driver's library has no constructor with demands of its own.
            match unsafe { libloading::Library::new(*name) } {
                Ok(library) => return Self::bind(library, name),
                Err(error) => tried.push(one_line(name, &error)),
            }
        }
        Err(LoadError::Missing {
            tried: tried.join(", "),
        })
    }

    /// # Safety
    /// `params` must be filled in, and its callbacks and user data live as long as the parser.
    pub(crate) unsafe fn create_parser(
        &self,
        params: &mut sys::CUVIDPARSERPARAMS,
    ) -> Result<sys::CUvideoparser, CallError> {
        let mut parser = std::ptr::null_mut();
        call!(
            self,
            create_parser,
            "cuvidCreateVideoParser",
            &raw mut parser,
            params
        )?;
        Ok(parser)
    }

    /// # Safety
    /// `parser` must live; `packet` must describe memory that lives during the call.
    pub(crate) unsafe fn parse(
        &self,
        parser: sys::CUvideoparser,
        packet: &mut sys::CUVIDSOURCEDATAPACKET,
    ) -> Result<(), CallError> {
        call!(self, parse, "cuvidParseVideoData", parser, packet)
    }

    /// # Safety
    /// `parser` must live and is gone afterwards.
    pub(crate) unsafe fn destroy_parser(
        &self,
        parser: sys::CUvideoparser,
    ) -> Result<(), CallError> {
        call!(self, destroy_parser, "cuvidDestroyVideoParser", parser)
    }

    /// Fills in what the current context's device can decode.
    pub(crate) fn caps(&self, caps: &mut sys::CUVIDDECODECAPS) -> Result<(), CallError> {
        call!(self, caps, "cuvidGetDecoderCaps", caps)
    }

    /// Makes a decoder on the current context.
    pub(crate) fn create_decoder(
        &self,
        info: &mut sys::CUVIDDECODECREATEINFO,
    ) -> Result<sys::CUvideodecoder, CallError> {
        let mut decoder = std::ptr::null_mut();
        call!(
            self,
            create_decoder,
            "cuvidCreateDecoder",
            &raw mut decoder,
            info
        )?;
        Ok(decoder)
    }

    /// # Safety
    /// `decoder` must live, and this must be called within the parser's sequence callback.
    pub(crate) unsafe fn reconfigure(
        &self,
        decoder: sys::CUvideodecoder,
        info: &mut sys::CUVIDRECONFIGUREDECODERINFO,
    ) -> Result<(), CallError> {
        call!(self, reconfigure, "cuvidReconfigureDecoder", decoder, info)
    }

    /// # Safety
    /// `decoder` must live and is gone afterwards; no work may be left on a mapped picture of it.
    pub(crate) unsafe fn destroy_decoder(
        &self,
        decoder: sys::CUvideodecoder,
    ) -> Result<(), CallError> {
        call!(self, destroy_decoder, "cuvidDestroyDecoder", decoder)
    }

    /// # Safety
    /// `decoder` must live; `picture` must be what the parser passed to its decode callback.
    pub(crate) unsafe fn decode(
        &self,
        decoder: sys::CUvideodecoder,
        picture: *mut sys::CUVIDPICPARAMS,
    ) -> Result<(), CallError> {
        call!(self, decode, "cuvidDecodePicture", decoder, picture)
    }

    /// # Safety
    /// `decoder` must live.
    pub(crate) unsafe fn status(
        &self,
        decoder: sys::CUvideodecoder,
        index: c_int,
        status: &mut sys::CUVIDGETDECODESTATUS,
    ) -> Result<(), CallError> {
        call!(self, status, "cuvidGetDecodeStatus", decoder, index, status)
    }

    /// Address and pitch in bytes of a decoded picture.
    ///
    /// # Safety
    /// `decoder` must live, and have decoded into `index`.
    pub(crate) unsafe fn map(
        &self,
        decoder: sys::CUvideodecoder,
        index: c_int,
        params: &mut sys::CUVIDPROCPARAMS,
    ) -> Result<(u64, c_uint), CallError> {
        let (mut address, mut pitch) = (0, 0);
        call!(
            self,
            map,
            "cuvidMapVideoFrame64",
            decoder,
            index,
            &raw mut address,
            &raw mut pitch,
            params
        )?;
        Ok((address, pitch))
    }

    /// # Safety
    /// `decoder` must live, and `address` be one that [`Self::map`] gave and whose reads are done.
    pub(crate) unsafe fn unmap(
        &self,
        decoder: sys::CUvideodecoder,
        address: u64,
    ) -> Result<(), CallError> {
        call!(self, unmap, "cuvidUnmapVideoFrame64", decoder, address)
    }
}

/// The linker's answer, which begins with the file's name in most cases.
fn one_line(name: &str, error: &libloading::Error) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    let text = source.unwrap_or_else(|| error.to_string());
    let text = text.lines().next().unwrap_or_default().to_owned();
    if text.contains(name) {
        text
    } else {
        format!("{name}: {text}")
    }
}
