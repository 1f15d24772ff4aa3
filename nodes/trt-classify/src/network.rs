//! An engine that looks at crops.

use std::sync::Arc;

use camweave_cuda::letterbox::{self, FrameDescriptor, Kernel};
use camweave_cuda::{Context, Stream};
use camweave_detect::infer::model_error;
use camweave_engine::{engine, gpu, of_cuda, of_tensorrt};
use camweave_model::{Classifier, ClassifierTrial, scenes};
use camweave_stage::StageError;
use camweave_tensorrt::{ElementType, Engine, Found, Shape, TensorInfo, TensorRt};
use camweave_vision::{Element, InputFormat};
use tracing::{debug, info, warn};

use crate::session::{Session, SessionSpec, floats};
use crate::settings::{Source, TrtClassifySettings};

/// An engine that looks at crops, ready to run; one batch at a time.
pub(crate) struct Network {
    // Dropped in this order: the session waits for all work.
    session: Session,
    kernel: Kernel,
    pub classifier: Classifier,
    pub id: Arc<str>,
    pub size: (u32, u32),
    /// Crops of one inference: any number up to this, or exactly this.
    pub max_batch: usize,
    pub is_batch_fixed: bool,
    /// Where the engine comes from, in words.
    pub origin: String,
}

impl Network {
    /// Finds or builds the engine on a device, which is the thread's current one, and runs it on
    /// pictures made for it to see what comes out.
    pub fn open(
        settings: &TrtClassifySettings,
        source: Source,
        tensorrt: &TensorRt,
        device: &Context,
    ) -> Result<Self, StageError> {
        let Source { file, size, draft } = source;
        let wishes = settings.wishes(size);
        let found = engine(&file, &wishes, tensorrt, &gpu(device), |build| {
            info!(model = %file.id, "building an engine, which takes a minute");
            build(&|_| true)
        })?;
        let Found {
            path,
            plan,
            built_because,
            ..
        } = found;
        let name = path.display().to_string();
        let engine = Engine::load(tensorrt, &name, &plan).map_err(|error| of_tensorrt(&error))?;
        let refuse = |what: String| StageError::input(format!("plan '{name}': {what}"));
        let mut inputs = engine.tensors().iter().filter(|it| it.is_input);
        let input = inputs.find(|it| it.name == file.input.name);
        let input = input.ok_or_else(|| {
            refuse(format!(
                "no input '{}', as its ONNX file has",
                file.input.name
            ))
        })?;
        let element = element(input).map_err(refuse)?;
        let [min, _, max] = engine
            .profile(&input.name)
            .map_err(|error| of_tensorrt(&error))?;
        let (max_batch, is_batch_fixed) =
            batches(&min, &max, settings.asking.max_batch).map_err(refuse)?;
        let format = InputFormat {
            element,
            ..draft.input
        };
        let spec = SessionSpec {
            input: &input.name,
            output: &file.outputs[draft.output].name,
            layout: format.layout,
            element,
            size,
            batches: [if is_batch_fixed { max_batch } else { 1 }, max_batch],
        };
        let mut session = Session::new(device, &engine, &spec)?;
        let mut failure = None;
        let fixed = is_batch_fixed.then_some(max_batch);
        let pictures = scenes(size, &format);
        let trial = ClassifierTrial::of(&pictures, fixed, max_batch, |batch, input| {
            session.try_on(batch, input).map_err(|error| {
                let line = error.to_string();
                failure = Some(error);
                line
            })
        });
        // An engine that fails on the device is not one of another batch.
        if let Some(failure) = failure {
            return Err(failure);
        }
        let trial = trial.map_err(refuse)?;
        let classifier = draft.decide(&file, &trial.shape, &trial.pictures);
        let classifier = classifier.map_err(|error| model_error(&error))?;
        let path = file.path.display();
        for warning in &classifier.warnings {
            warn!("model '{path}': {warning}");
        }
        info!("model '{path}': {}", classifier.reasons.join("; "));
        if let Some(why) = &trial.unbatched {
            warn!(
                "model '{path}' declares a dynamic batch but cannot run {max_batch}, so crops run one at a time: {why}"
            );
        }
        let is_unbatched = trial.unbatched.is_some();
        let kernel = Kernel::load(device, &format).map_err(|error| of_cuda(&error))?;
        Ok(Self {
            session,
            kernel,
            classifier,
            id: Arc::clone(&file.id),
            size,
            max_batch: if is_unbatched { 1 } else { max_batch },
            is_batch_fixed: is_batch_fixed || is_unbatched,
            origin: match built_because {
                None => "from the cache".to_owned(),
                Some(why) => format!("built: {why}"),
            },
        })
    }

    /// What the work is put into.
    pub fn stream(&self) -> &Stream {
        self.session.stream()
    }

    /// Looks at some crops, at most a batch: each one's values, in their order. The frames are not
    /// read any more when it returns.
    ///
    /// # Errors
    /// The device's: it does not recover.
    pub fn run(
        &mut self,
        crops: &[FrameDescriptor<'_>],
        read: impl FnMut(&Classifier, &[f32]),
    ) -> Result<(), StageError> {
        let done = self.infer(crops, read);
        if done.is_err()
            && let Err(error) = self.stream().synchronize()
        {
            debug!("work that cannot be waited for: {error}");
        }
        done
    }

    fn infer(
        &mut self,
        crops: &[FrameDescriptor<'_>],
        mut read: impl FnMut(&Classifier, &[f32]),
    ) -> Result<(), StageError> {
        let Self {
            session, kernel, ..
        } = self;
        let input = session.input(crops.len())?;
        letterbox::launch(kernel, session.stream(), crops, input, self.size)
            .map_err(|error| of_cuda(&error))?;
        let batch = if self.is_batch_fixed {
            self.max_batch
        } else {
            crops.len()
        };
        session.enqueue(batch)?;
        let bytes = self.classifier.values() * size_of::<f32>();
        let found = session.output(crops.len() * bytes)?;
        for values in found.chunks_exact(bytes) {
            read(&self.classifier, &floats(values));
        }
        Ok(())
    }
}

/// How many crops an engine takes at once whose profile is of these shapes, and whether it is always so
/// many, where `wanted` are to be looked at.
fn batches(min: &Shape, max: &Shape, wanted: usize) -> Result<(usize, bool), String> {
    let first = |shape: &Shape| shape.sizes().first().copied().unwrap_or_default();
    let is_fixed = first(min) == first(max);
    match usize::try_from(first(max)).unwrap_or(0) {
        most if most > 0 && (is_fixed || most >= wanted) => Ok((most, is_fixed)),
        _ => Err(format!(
            "its profile is of {max} at most, expected a batch of MAX_BATCH ({wanted})"
        )),
    }
}

/// The type of the input's values.
fn element(input: &TensorInfo) -> Result<Element, String> {
    match input.element_type {
        ElementType::Float32 => Ok(Element::Float32),
        ElementType::Float16 => Ok(Element::Float16),
        ElementType::Uint8 => Ok(Element::Uint8),
        ElementType::Other(_) => Err(format!(
            "input '{}' is {}, expected float16, float32 or uint8",
            input.name, input.element_type
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(batch: i64) -> Shape {
        Shape::new(&[batch, 3, 64, 64]).expect("four sizes")
    }

    #[test]
    fn an_engine_takes_any_number_up_to_its_profiles_or_exactly_that() {
        assert_eq!(batches(&shape(1), &shape(8), 8), Ok((8, false)));
        assert_eq!(batches(&shape(1), &shape(16), 8), Ok((16, false)));
        // A fixed batch is filled up, or asked several times.
        assert_eq!(batches(&shape(4), &shape(4), 8), Ok((4, true)));
        assert_eq!(batches(&shape(1), &shape(1), 8), Ok((1, true)));
        let error = batches(&shape(1), &shape(4), 8).expect_err("too few");
        assert!(error.contains("MAX_BATCH (8)"), "{error}");
        assert!(batches(&shape(0), &shape(0), 1).is_err());
    }

    #[test]
    fn an_input_that_is_no_picture_is_refused() {
        let input = |element_type| TensorInfo {
            name: "images".to_owned(),
            is_input: true,
            element_type,
            shape: shape(-1),
        };
        assert_eq!(element(&input(ElementType::Float16)), Ok(Element::Float16));
        assert_eq!(element(&input(ElementType::Uint8)), Ok(Element::Uint8));
        let error = element(&input(ElementType::Other(3))).expect_err("int32");
        assert!(error.contains("input 'images'"), "{error}");
    }
}
