//! A detector network, which several threads may run at once.

use std::sync::Arc;

use camweave_detect::infer::{ModelInfo, class_names, model_error};
use camweave_model::{ModelFile, head_layout, input_size};
use camweave_stage::StageError;
use camweave_vision::{HeadFormat, InputFormat, PAD_VALUE};
use tracing::warn;

use crate::engine::{self, Engine, EngineChoice, EngineError, OpenEngine, Opening, Threads};
use crate::options::DetectorOptions;
use crate::trial;

/// How many frames one inference takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batching {
    /// Any number.
    Dynamic,
    /// This number; a shorter list is filled up, and what comes of the filling is thrown away.
    Fixed(usize),
}

/// A detector network that is ready to run.
pub struct Network {
    engine: Box<dyn Engine>,
    reason: String,
    model: ModelInfo,
    threads: usize,
    batching: Batching,
}

impl Network {
    /// Opens a model, and runs it once to see what comes out.
    ///
    /// # Errors
    /// The file or its output is not a detector's, the engine is missing or refuses it, or the
    /// options contradict the file.
    pub fn open(options: &DetectorOptions) -> Result<Self, StageError> {
        Self::load(options).map_err(|error| engine::advised(options.engine, error))
    }

    /// As [`Network::open`], with errors as the engines report them.
    pub(crate) fn load(options: &DetectorOptions) -> Result<Self, StageError> {
        let file = ModelFile::read(&options.model).map_err(|error| model_error(&error))?;
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let size =
            input_size(&file, options.side, "env SIZE").map_err(|error| model_error(&error))?;
        let attempt = |kind| {
            let engine = EngineChoice::Only(kind);
            let options = DetectorOptions {
                engine,
                ..options.clone()
            };
            trial::check(&options, &file, size)
        };
        let opening = Opening {
            model: &file,
            size,
            threads,
            is_sequential: options.max_batch == 1,
            libraries: &options.libraries,
        };
        let OpenEngine { engine, reason } = engine::open(options.engine, opening, attempt)?;
        let batching = file.input.batch.map_or(Batching::Dynamic, Batching::Fixed);
        let mut network = Self {
            engine,
            reason,
            model: ModelInfo {
                id: Arc::clone(&file.id),
                size,
                input: InputFormat::default(),
                // Known after the first run.
                class_names: Vec::new(),
                format: HeadFormat::end_to_end(0),
            },
            threads,
            batching,
        };
        let first = match batching {
            Batching::Dynamic => 1,
            Batching::Fixed(batch) => batch,
        };
        let refuse = |message: String| {
            StageError::input(format!("model '{}': {message}", file.path.display()))
        };
        let shape = network
            .trial(first)
            .map_err(|error| refuse(error.to_string()))?;
        let names = file.metadata.class_names.clone();
        let format = head_layout(&shape, first, names.as_deref()).map_err(refuse)?;
        let nameless = format!("model '{}' has no metadata 'names'", file.path.display());
        network.model.format = format;
        network.model.class_names = class_names(names, format, &nameless);
        network.check_flag(&file);
        if batching == Batching::Dynamic && options.max_batch > 1 {
            network.check_batching(&file);
        }
        Ok(network)
    }

    /// Runs a grey batch; returns the output's shape.
    fn trial(&self, batch: usize) -> Result<Vec<usize>, EngineError> {
        let input = vec![PAD_VALUE; batch * self.frame_len()];
        let mut found = Vec::new();
        self.engine
            .run(Threads::All, &input, self.shape(batch), &mut |shape, _| {
                found = shape.to_vec();
            })?;
        Ok(found)
    }

    /// Some exporters declare a dynamic batch around a network that takes one frame.
    fn check_batching(&mut self, file: &ModelFile) {
        let trial = match self.trial(2) {
            Ok(shape) => head_layout(&shape, 2, None).map(drop),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = trial {
            warn!(
                "model '{}' declares a dynamic batch but cannot run two frames, so they run unbatched: {error}",
                file.path.display()
            );
            self.batching = Batching::Fixed(1);
        }
    }

    fn check_flag(&self, file: &ModelFile) {
        let shown = self.model.is_end_to_end();
        if file.metadata.end_to_end.is_some_and(|flag| flag != shown) {
            warn!(
                "model '{}': its metadata says end2end={}, its output is that of end2end={shown}: the output decides",
                file.path.display(),
                !shown
            );
        }
    }

    fn shape(&self, batch: usize) -> [usize; 4] {
        let (width, height) = self.model.size;
        [batch, 3, height as usize, width as usize]
    }

    /// Values of one frame's input: 3 x height x width.
    #[must_use]
    pub fn frame_len(&self) -> usize {
        let (width, height) = self.model.size;
        3 * width as usize * height as usize
    }

    /// Values of the input of `frames` frames: a multiple of [`Network::frame_len`]. A network of a
    /// fixed batch reads whole batches.
    #[must_use]
    pub fn input_len(&self, frames: usize) -> usize {
        frames.next_multiple_of(self.step(frames)) * self.frame_len()
    }

    fn step(&self, frames: usize) -> usize {
        match self.batching {
            Batching::Dynamic => frames.max(1),
            Batching::Fixed(batch) => batch,
        }
    }

    /// How many inferences run side by side, each on one thread; 1: none beside another.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.engine.lanes()
    }

    /// Frames of each inference where a list is shared among the lanes: one, or as many as a fixed
    /// batch has. One at a time is quicker than several, because its memory stays near the core.
    /// `None` where a list is run as a whole, because too many lanes would have nothing to do.
    #[must_use]
    pub fn unit(&self, frames: usize) -> Option<usize> {
        let unit = match self.batching {
            Batching::Dynamic => 1,
            Batching::Fixed(batch) => batch,
        };
        let (lanes, units) = (self.lanes(), frames.div_ceil(unit));
        let places = units.next_multiple_of(lanes);
        (lanes > 1 && units > 0 && 4 * units >= 3 * places).then_some(unit)
    }

    /// Does `work` on the thread of a lane, which is free meanwhile for no other.
    pub fn in_lane(&self, lane: usize, work: &mut (dyn FnMut() + Send)) {
        self.engine.in_lane(lane, work);
    }

    /// Runs `frames` frames. `input` has [`Network::input_len`] values: frame after frame, each
    /// three planes (red, green, blue) of height x width values from 0 to 1. `read` gets each
    /// frame's position and head in ascending order: [`HeadFormat::len`] values.
    ///
    /// # Errors
    /// The engine failed, or gave another shape than at first, or the input is too short; `read` has
    /// then seen fewer frames.
    pub fn run(
        &self,
        threads: Threads,
        input: &[f32],
        frames: usize,
        mut read: impl FnMut(usize, &[f32]),
    ) -> Result<(), EngineError> {
        let (frame_len, head_len, step) =
            (self.frame_len(), self.model.format.len(), self.step(frames));
        let (engine, shape) = (self.engine.kind(), self.shape(step));
        let fail = |message| EngineError {
            engine,
            shape,
            message,
        };
        for start in (0..frames).step_by(step) {
            let input = input
                .get(start * frame_len..(start + step) * frame_len)
                .ok_or_else(|| {
                    fail(format!(
                        "an input of {} values, expected {} for {frames} frames",
                        input.len(),
                        self.input_len(frames)
                    ))
                })?;
            let wanted = step.min(frames - start);
            let mut mismatch = None;
            self.engine
                .run(threads, input, shape, &mut |found, values| {
                    if found.first() != Some(&step) || values.len() != step * head_len {
                        mismatch = Some(format!(
                            "an output of {found:?}, expected {step} x {head_len} values"
                        ));
                        return;
                    }
                    for (index, head) in values.chunks_exact(head_len).take(wanted).enumerate() {
                        read(start + index, head);
                    }
                })?;
            if let Some(message) = mismatch {
                return Err(fail(message));
            }
        }
        Ok(())
    }

    /// The engine's name, and why it is this one.
    #[must_use]
    pub fn engine_choice(&self) -> (&'static str, &str) {
        (self.engine.kind().as_str(), &self.reason)
    }

    /// What is known of the model.
    #[must_use]
    pub fn model(&self) -> &ModelInfo {
        &self.model
    }

    /// Threads of all lanes together.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How many frames one inference takes.
    #[must_use]
    pub fn batching(&self) -> Batching {
        self.batching
    }
}
