//! The engine of an ONNX file: found, or built, when the node starts or ahead of it.

use camweave_cuda::Context;
use camweave_model::ModelFile;
use camweave_stage::{Declared, Settings, StageError};
use camweave_tensorrt::{
    Built, EngineCache, EngineSpec, Error, Found, Gpu, ModelFacts, Progress, TensorRt, Wishes,
};

use crate::error::{of_cuda, of_tensorrt};
use crate::settings::TrtInferSettings;
use crate::source::Source;

/// The device, as sidecars name it.
#[must_use]
pub fn gpu(context: &Context) -> Gpu {
    Gpu {
        name: context.name().to_owned(),
        compute_capability: context.compute_capability(),
    }
}

/// Builds an engine; its argument hears how far the build is.
pub type Build<'a> = dyn Fn(&(dyn Fn(Progress<'_>) -> bool + Sync)) -> Result<Built, Error> + 'a;

/// The engine of a file for the device whose context is the thread's current one: from the
/// cache, or else what `make` builds.
///
/// # Errors
/// It cannot be built, or the cache cannot be used.
pub fn engine(
    file: &ModelFile,
    wishes: &Wishes,
    tensorrt: &TensorRt,
    gpu: &Gpu,
    make: impl FnOnce(&Build<'_>) -> Result<Built, Error>,
) -> Result<Found, StageError> {
    let found = (|| {
        let spec = EngineSpec::of_file(file, wishes, tensorrt, gpu)?;
        let cache = EngineCache::of_user()?;
        cache.get_or_build(&spec, &ModelFacts::of_file(file), |timing| {
            make(&|progress| spec.build(tensorrt, &file.path, timing, progress))
        })
    })();
    found.map_err(|error| of_tensorrt(&error))
}

/// Sees to it that the engine of a node with these variables is in the cache, so that the node
/// starts at once. Where it is not, `make` is told the model's name, and builds it, which takes
/// minutes. A plan needs nothing.
///
/// # Errors
/// Those that the node would end with.
pub fn prepare(
    declared: &Declared,
    make: impl FnOnce(&str, &Build<'_>) -> Result<Built, Error>,
) -> Result<(), StageError> {
    let settings = TrtInferSettings::read(declared)?;
    let Source::Onnx { file, wishes } = Source::read(&settings)? else {
        return Ok(());
    };
    let context = Context::open(settings.device).map_err(|error| of_cuda(&error))?;
    context.bind().map_err(|error| of_cuda(&error))?;
    let tensorrt = TensorRt::load().map_err(|error| of_tensorrt(&error))?;
    let gpu = gpu(&context);
    engine(&file, &wishes, &tensorrt, &gpu, |build| {
        make(&file.id, build)
    })?;
    Ok(())
}
