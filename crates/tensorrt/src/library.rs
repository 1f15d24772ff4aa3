//! Finding TensorRT and the shim that fits it, and what is said when there is none.

use std::ffi::c_void;
use std::path::{Path, PathBuf};

use tracing::debug;

use crate::error::Error;
use crate::sys::{NvLibrary, Shim};
use crate::version::{Flavor, Version};

/// Names the library of TensorRT's runtime.
pub const LIBRARY_VARIABLE: &str = "CAMWEAVE_TENSORRT_LIB";
/// Names the shim.
pub const SHIM_VARIABLE: &str = "CAMWEAVE_TENSORRT_SHIM";

/// Asked of the system's loader in this order: whole ones before lean ones, newer before older.
const NAMES: [&str; 7] = [
    "libnvinfer.so.11",
    "libnvinfer.so.10",
    "libnvinfer.so.8",
    "libnvinfer_lean.so.11",
    "libnvinfer_lean.so.10",
    "libnvinfer_lean.so.8",
    "libtensorrt_rtx.so.1",
];

/// TensorRT and its shim, loaded.
#[derive(Debug, Clone)]
pub struct TensorRt {
    pub(crate) shim: Shim,
    pub(crate) create_runtime: Function,
    create_builder: Option<Function>,
    version: Version,
    headers: Version,
    strongly_typed: bool,
    library: PathBuf,
}

/// The address of a function of a library that stays loaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function(pub usize);

impl Function {
    pub fn pointer(self) -> *mut c_void {
        self.0 as *mut c_void
    }
}

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// TensorRT's library, a path or a name; else the system's loader is asked for known names.
    pub library: Option<PathBuf>,
    /// The shim, a file; else it is looked for in `folders`.
    pub shim: Option<PathBuf>,
    /// Folders that may hold shims.
    pub folders: Vec<PathBuf>,
}

impl Places {
    /// What the environment names, and the folder of this program and the one above it.
    #[must_use]
    pub fn from_env() -> Self {
        let path = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let program = std::env::current_exe().ok();
        let folders = program.iter().flat_map(|program| program.ancestors());
        Self {
            library: path(LIBRARY_VARIABLE).map(PathBuf::from),
            shim: path(SHIM_VARIABLE).map(PathBuf::from),
            folders: folders.skip(1).take(2).map(Path::to_owned).collect(),
        }
    }
}

impl TensorRt {
    /// Finds TensorRT by [`Places::from_env`].
    ///
    /// # Errors
    /// As for [`TensorRt::find`].
    pub fn load() -> Result<Self, Error> {
        Self::find(&Places::from_env())
    }

    /// Finds the first TensorRT that a shim fits.
    ///
    /// # Errors
    /// There is no library or no shim, or they do not fit: both versions are said.
    pub fn find(places: &Places) -> Result<Self, Error> {
        if let Some(path) = &places.library {
            let (library, version) = open(path).map_err(|error| {
                Error::missing(format!(
                    "{LIBRARY_VARIABLE}='{}' cannot be used: {error}",
                    path.display()
                ))
            })?;
            return Self::with_library(places, path, library, version);
        }
        let mut without_shim = None;
        for name in NAMES.map(Path::new) {
            match open(name) {
                Err(error) => debug!("{}: {error}", name.display()),
                Ok((library, version)) => {
                    match Self::with_library(places, name, library, version) {
                        Ok(found) => return Ok(found),
                        Err(error) => {
                            without_shim.get_or_insert(error);
                        }
                    }
                }
            }
        }
        Err(without_shim.unwrap_or_else(|| {
            Error::missing(format!(
                "TensorRT not found: the dynamic loader finds none of {}; install it, or name its library in {LIBRARY_VARIABLE}; the stage 'cpu-infer' does the same on the CPU",
                NAMES.join(", ")
            ))
        }))
    }

    fn with_library(
        places: &Places,
        path: &Path,
        library: NvLibrary,
        version: Version,
    ) -> Result<Self, Error> {
        let name = path.display();
        let (shim, headers) = shim(places, &format!("'{name}' ({version})"), version)?;
        let refuse = |error: String| Error::missing(format!("'{name}' ({version}): {error}"));
        let create_runtime = library
            .function(b"createInferRuntime_INTERNAL\0")
            .map_err(refuse)?;
        // A lean library has no builder.
        let create_builder = library.function(b"createInferBuilder_INTERNAL\0").ok();
        library.stay();
        Ok(Self {
            strongly_typed: shim.is_strongly_typed(),
            shim,
            create_runtime: Function(create_runtime as usize),
            create_builder: create_builder.map(|it| Function(it as usize)),
            version,
            headers,
            library: path.to_owned(),
        })
    }

    /// The library's version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The version of the headers that the shim was compiled with.
    #[must_use]
    pub fn headers(&self) -> Version {
        self.headers
    }

    /// The library's path or name, as it was loaded.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Whether the precision comes from the ONNX file alone (from TensorRT 11 on, and RTX).
    #[must_use]
    pub fn is_strongly_typed(&self) -> bool {
        self.strongly_typed
    }

    /// Whether it can build plans, or only run them (lean).
    #[must_use]
    pub fn has_builder(&self) -> bool {
        self.create_builder.is_some()
    }

    /// TensorRT must not be asked for anything where there is no device: it crashes.
    pub(crate) fn check_device(&self) -> Result<(), Error> {
        crate::sys::cuda_device()
            .map_err(|what| Error::missing(format!("{} needs a CUDA device: {what}", self.version)))
    }

    /// The functions that make a builder and an ONNX parser.
    pub(crate) fn builder(&self) -> Result<(Function, Function), Error> {
        let name = self.library.display();
        let builder = self.create_builder.ok_or_else(|| {
            Error::missing(format!(
                "'{name}' ({}) is a lean runtime, which runs plans but cannot build them, expected libnvinfer.so.{}",
                self.version, self.version.major
            ))
        })?;
        let parser = match self.version.flavor {
            Flavor::TensorRt => format!("libnvonnxparser.so.{}", self.version.major),
            Flavor::Rtx => format!("libtensorrt_onnxparser_rtx.so.{}", self.version.major),
        };
        let beside = self.library.with_file_name(&parser);
        let path = if beside.is_file() {
            beside
        } else {
            PathBuf::from(&parser)
        };
        let refuse = |error: String| {
            Error::missing(format!(
                "TensorRT's ONNX parser '{parser}' cannot be loaded: {error}"
            ))
        };
        let library = NvLibrary::load(&path).map_err(refuse)?;
        let create = library
            .function(b"createNvOnnxParser_INTERNAL\0")
            .map_err(refuse)?;
        library.stay();
        Ok((builder, Function(create as usize)))
    }
}

fn open(path: &Path) -> Result<(NvLibrary, Version), String> {
    let library = NvLibrary::load(path)?;
    let number = library.infer_version()?;
    Ok((library, Version::from_number(number)))
}

/// The shim for a library, `what`.
fn shim(places: &Places, what: &str, version: Version) -> Result<(Shim, Version), Error> {
    let file = format!("libcamweave_tensorrt_{}.so", version.shim_suffix());
    let found = places
        .folders
        .iter()
        .map(|folder| folder.join(&file))
        .find(|path| path.is_file());
    let path = places.shim.clone().or(found).ok_or_else(|| {
        Error::missing(format!(
            "{what} was found, but not its shim '{file}': compile it once with scripts/tensorrt-shim.sh, which needs g++ and TensorRT's headers, or name it in {SHIM_VARIABLE}"
        ))
    })?;
    let shim = Shim::load(&path).map_err(|error| {
        Error::missing(format!(
            "the shim '{}' cannot be used: {error}; recompile it with scripts/tensorrt-shim.sh",
            path.display()
        ))
    })?;
    let headers = Version::from_number(shim.headers());
    if !headers.fits(version) {
        return Err(Error::missing(format!(
            "the shim '{}' was compiled with the headers of {headers} and does not fit {what}, expected headers of the same major version, and not of a later minor one: recompile it with scripts/tensorrt-shim.sh",
            path.display()
        )));
    }
    Ok((shim, headers))
}
