//! Engines that have been built, in a folder.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tracing::{info, warn};

use crate::builder::Built;
use crate::error::Error;
use crate::lock::lock;
use crate::sidecar::{EngineSpec, ModelFacts, Sidecar, hex_digest, sidecar_path};

/// Names the folder.
const FOLDER_VARIABLE: &str = "CAMWEAVE_ENGINE_CACHE";

/// A folder of `<key>.plan` and `<key>.plan.json`, shared by all processes of a user.
///
/// The key stands for everything that decides the plan ([`EngineSpec`]), so that another model,
/// TensorRT or GPU is another file. A plan that is not what its sidecar says is rebuilt.
#[derive(Debug, Clone)]
pub struct EngineCache {
    folder: PathBuf,
}

/// An engine of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The plan's file.
    pub path: PathBuf,
    /// The serialized engine.
    pub plan: Vec<u8>,
    /// What is known of it.
    pub sidecar: Sidecar,
    /// Why it was built just now; `None` if it was there.
    pub built_because: Option<String>,
}

impl EngineCache {
    /// The cache in a folder, which is made when it is first needed.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The cache in `CAMWEAVE_ENGINE_CACHE`, else `camweave/engines` in the user's cache.
    ///
    /// # Errors
    /// Neither that variable nor `XDG_CACHE_HOME` nor `HOME` is set.
    pub fn of_user() -> Result<Self, Error> {
        let path = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(folder) = path(FOLDER_VARIABLE) {
            return Ok(Self::in_folder(folder.into()));
        }
        let cache = path("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| path("HOME").map(|home| Path::new(&home).join(".cache")));
        let cache = cache.ok_or_else(|| {
            Error::resource(format!(
                "no folder for engines: none of {FOLDER_VARIABLE}, XDG_CACHE_HOME and HOME is set"
            ))
        })?;
        Ok(Self::in_folder(cache.join("camweave/engines")))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the engine of a specification is, or would be.
    #[must_use]
    pub fn plan_path(&self, spec: &EngineSpec) -> PathBuf {
        self.folder.join(format!("{}.plan", spec.key()))
    }

    /// Gives the engine of a specification; `build` makes it if it is not there or damaged, and gets
    /// what earlier builds for the same TensorRT and GPU measured. Of several processes one builds,
    /// and the others wait for it.
    ///
    /// # Errors
    /// That of `build`; the folder cannot be used.
    pub fn get_or_build(
        &self,
        spec: &EngineSpec,
        model: &ModelFacts,
        build: impl FnOnce(&[u8]) -> Result<Built, Error>,
    ) -> Result<Found, Error> {
        fs::create_dir_all(&self.folder).map_err(|error| {
            Error::resource(format!(
                "cannot create the folder '{}': {error}",
                self.folder.display()
            ))
        })?;
        let path = self.plan_path(spec);
        let _lock = lock(&path.with_extension("lock"))?;
        let why = match read(&path, spec) {
            Ok((plan, sidecar)) => {
                return Ok(Found {
                    path,
                    plan,
                    sidecar,
                    built_because: None,
                });
            }
            Err(Absent::NotThere) => {
                info!(model = %model.id, plan = %path.display(), "no such engine yet: building it");
                "it was not in the cache".to_owned()
            }
            Err(Absent::Unusable(why)) => {
                warn!(model = %model.id, plan = %path.display(), "the engine is rebuilt: {why}");
                why
            }
        };
        let timing = self.folder.join(timing_name(spec));
        let built = build(&fs::read(&timing).unwrap_or_default())?;
        let sidecar = Sidecar::new(spec.clone(), model.clone(), &built.plan);
        write_engine(&path, &built.plan, &sidecar)?;
        if !built.timing_cache.is_empty() {
            // Another build may have written one meanwhile: the later wins, both are right.
            write(&timing, &built.timing_cache)?;
        }
        Ok(Found {
            path,
            plan: built.plan,
            sidecar,
            built_because: Some(why),
        })
    }
}

enum Absent {
    NotThere,
    Unusable(String),
}

/// A plan that is what its sidecar and the specification say.
fn read(path: &Path, spec: &EngineSpec) -> Result<(Vec<u8>, Sidecar), Absent> {
    let sidecar = match Sidecar::read(&sidecar_path(path)) {
        Ok(Some(sidecar)) => sidecar,
        Ok(None) if !path.exists() => return Err(Absent::NotThere),
        // A build was cut off between the two.
        Ok(None) => return Err(Absent::Unusable("the plan has no sidecar".to_owned())),
        Err(error) => return Err(Absent::Unusable(error.to_string())),
    };
    if sidecar.spec != *spec {
        let why = "its sidecar is of another model, TensorRT, GPU or profile";
        return Err(Absent::Unusable(why.to_owned()));
    }
    let plan = fs::read(path)
        .map_err(|error| Absent::Unusable(format!("the plan cannot be read: {error}")))?;
    sidecar
        .check_plan(&plan)
        .map_err(|what| Absent::Unusable(format!("the plan {what}")))?;
    Ok((plan, sidecar))
}

/// Writes a plan and its sidecar, the sidecar last: a plan without one counts as not there.
///
/// # Errors
/// The files cannot be written.
pub fn write_engine(path: &Path, plan: &[u8], sidecar: &Sidecar) -> Result<(), Error> {
    let json = sidecar_path(path);
    match fs::remove_file(&json) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::resource(format!(
                "cannot replace '{}': {error}",
                json.display()
            )));
        }
        _ => {}
    }
    write(path, plan)?;
    write(&json, sidecar.to_json().as_bytes())
}

/// Writes a file as a whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let store = || {
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    };
    store().map(drop).map_err(|error| {
        Error::resource(format!(
            "cannot write {} bytes to '{}': {error}",
            bytes.len(),
            path.display()
        ))
    })
}

fn timing_name(spec: &EngineSpec) -> String {
    let EngineSpec { tensorrt, gpu, .. } = spec;
    let digest = hex_digest(format!("{tensorrt} {gpu:?}").as_bytes());
    format!("timing-{}.cache", digest.get(..16).unwrap_or_default())
}
