//! A network that looks at crops.

use std::sync::Arc;

use camweave_detect::infer::model_error;
use camweave_infer::{
    Engine, EngineChoice, EngineError, NetworkOptions, OpenEngine, Opening, Threads, Trial,
};
use camweave_model::{
    Classifier, ClassifierDraft, ClassifierTrial, ModelInput, Task, crop_size, scenes,
};
use camweave_stage::StageError;
use tracing::{info, warn};

use crate::settings::SIZE;

/// The trial in a process of its own.
pub(crate) const TRIAL: Trial = Trial {
    argument: "--try-classifier",
    load: |options| Network::load(options).map(drop),
};

/// A network that looks at crops, ready to run.
pub struct Network {
    engine: Box<dyn Engine>,
    reason: String,
    id: Arc<str>,
    classifier: Classifier,
    size: (u32, u32),
    input: ModelInput,
    /// Crops of one inference, of a network of a fixed batch; others take any number.
    batch: Option<usize>,
}

impl Network {
    /// Opens a model, and runs it on pictures made for it to see what comes out.
    ///
    /// # Errors
    /// The file or its output is none of a known kind, the engine is missing or refuses it, or the
    /// options contradict the file.
    pub fn open(options: &NetworkOptions) -> Result<Self, StageError> {
        Self::load(options).map_err(|error| camweave_infer::advised(options.engine, error))
    }

    /// As [`Network::open`], with errors as the engines report them.
    pub(crate) fn load(options: &NetworkOptions) -> Result<Self, StageError> {
        let file = options.read(Task::Classify);
        let file = file.map_err(|error| model_error(&error))?;
        let size = crop_size(&file, options.side, SIZE).map_err(|error| model_error(&error))?;
        let draft = ClassifierDraft::of(&file, size).map_err(|error| model_error(&error))?;
        let attempt = |kind| {
            let engine = EngineChoice::Only(kind);
            let options = NetworkOptions {
                engine,
                ..options.clone()
            };
            TRIAL.check(&options, &file, size)
        };
        let opening = Opening {
            model: &file,
            size,
            threads: options.threads(),
            is_sequential: options.max_batch == 1,
            libraries: &options.libraries,
        };
        let OpenEngine { engine, reason } = camweave_infer::open(options.engine, opening, attempt)?;
        let batch = file.input.batch;
        let pictures = scenes(size, &draft.input);
        let trial = ClassifierTrial::of(&pictures, batch, options.max_batch, |batch, input| {
            let shape = shape(&file.input, batch, size);
            whole_output(&*engine, input, shape, draft.output)
        });
        let trial = trial.map_err(|why| model_error(&file.refusal(&why)))?;
        let classifier = draft.decide(&file, &trial.shape, &trial.pictures);
        let classifier = classifier.map_err(|error| model_error(&error))?;
        let path = file.path.display();
        for warning in &classifier.warnings {
            warn!("model '{path}': {warning}");
        }
        info!("model '{path}': {}", classifier.reasons.join("; "));
        let batch = match trial.unbatched {
            Some(why) => {
                warn!(
                    "model '{path}' declares a dynamic batch but cannot run {}, so crops run one at a time: {why}",
                    options.max_batch
                );
                Some(1)
            }
            None => batch,
        };
        Ok(Self {
            id: Arc::clone(&file.id),
            input: file.input,
            engine,
            reason,
            classifier,
            size,
            batch,
        })
    }

    /// What the model is, and how that is known.
    #[must_use]
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// `<file name>@<first 12 hexadecimal digits of its SHA-256>`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Width and height of the input, in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// The engine's name, and why it is this one.
    #[must_use]
    pub fn engine_choice(&self) -> (&'static str, &str) {
        (self.engine.kind().as_str(), &self.reason)
    }

    /// Crops of one inference, of a network of a fixed batch; `None`: any number.
    #[must_use]
    pub fn fixed_batch(&self) -> Option<usize> {
        self.batch
    }

    /// Values of the input of one crop.
    #[must_use]
    pub fn crop_len(&self) -> usize {
        3 * self.size.0 as usize * self.size.1 as usize
    }

    /// Runs `crops` crops. `input` has their values, one after the other, and room for those that
    /// fill up a fixed batch. `read` gets each one's output in ascending order.
    ///
    /// # Errors
    /// The engine failed, or gave another shape than at first; `read` has then seen fewer crops.
    pub fn run(
        &self,
        input: &mut Vec<f32>,
        crops: usize,
        mut read: impl FnMut(&[f32]),
    ) -> Result<(), EngineError> {
        let step = self.batch.unwrap_or(crops).max(1);
        input.resize(crops.next_multiple_of(step) * self.crop_len(), 0.0);
        let each = self.classifier.values();
        for (index, part) in input.chunks_exact(step * self.crop_len()).enumerate() {
            let wanted = step.min(crops - index * step);
            let mut mismatch = None;
            let shape = shape(&self.input, step, self.size);
            self.engine.run(
                Threads::All,
                part,
                shape,
                &[self.classifier.output],
                &mut |outputs| {
                    let [output] = outputs else { return };
                    if output.shape.first() != Some(&step) || output.values.len() != step * each {
                        mismatch = Some(format!(
                            "an output of {:?}, expected {step} x {each} values",
                            output.shape
                        ));
                        return;
                    }
                    output
                        .values
                        .chunks_exact(each)
                        .take(wanted)
                        .for_each(&mut read);
                },
            )?;
            if let Some(message) = mismatch {
                return Err(EngineError {
                    engine: self.engine.kind(),
                    shape,
                    message,
                });
            }
        }
        Ok(())
    }
}

fn shape(input: &ModelInput, batch: usize, (width, height): (u32, u32)) -> [usize; 4] {
    input.shape(batch, (width as usize, height as usize))
}

/// The shape and values of an output.
fn whole_output(
    engine: &dyn Engine,
    input: &[f32],
    shape: [usize; 4],
    output: usize,
) -> Result<(Vec<usize>, Vec<f32>), String> {
    let mut found = Err("it has no output".to_owned());
    let run = engine.run(Threads::All, input, shape, &[output], &mut |outputs| {
        if let [output] = outputs {
            found = Ok((output.shape.to_vec(), output.values.to_vec()));
        }
    });
    run.map_err(|error| error.to_string())?;
    found
}
