//! A detector network, which several threads may run at once.

use camweave_detect::infer::{FirstRuns, ModelInfo, TrialNetwork, TrialOutput, model_error};
use camweave_infer::{
    Engine, EngineChoice, EngineError, NetworkOptions, OpenEngine, Opening, OutputView, Threads,
    Trial, head_of,
};
use camweave_model::{Description, ModelFile, Task, input_size, resembles};
use camweave_stage::StageError;
use camweave_vision::InputLayout;
use tracing::warn;

/// How many frames one inference takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batching {
    /// Any number.
    Dynamic,
    /// This number; a shorter list is filled up, and what comes of the filling is thrown away.
    Fixed(usize),
}

/// A detector's trial in a process of its own.
pub(crate) const TRIAL: Trial = Trial {
    argument: "--try-model",
    load: |options| Network::load(options).map(drop),
};

/// A detector network that is ready to run.
pub struct Network {
    engine: Box<dyn Engine>,
    reason: String,
    model: ModelInfo,
    description: Description,
    threads: usize,
    batching: Batching,
}

impl Network {
    /// Opens a model, and runs it on pictures made for it to see what comes out.
    ///
    /// # Errors
    /// The file or its output is not a detector's, the engine is missing or refuses it, or the
    /// options contradict the file.
    pub fn open(options: &NetworkOptions) -> Result<Self, StageError> {
        Self::load(options).map_err(|error| camweave_infer::advised(options.engine, error))
    }

    /// As [`Network::open`], with errors as the engines report them.
    pub(crate) fn load(options: &NetworkOptions) -> Result<Self, StageError> {
        let file = options.read(Task::Detect);
        let file = file.map_err(|error| model_error(&error))?;
        let threads = options.threads();
        let size =
            input_size(&file, options.side, "env SIZE").map_err(|error| model_error(&error))?;
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
            threads,
            is_sequential: options.max_batch == 1,
            libraries: &options.libraries,
        };
        let OpenEngine { engine, reason } = camweave_infer::open(options.engine, opening, attempt)?;
        let batching = file.input.batch.map_or(Batching::Dynamic, Batching::Fixed);
        let first = match batching {
            Batching::Dynamic => 1,
            Batching::Fixed(batch) => batch,
        };
        let trial = OnAllThreads(&*engine);
        let runs = FirstRuns::new(&trial, &file, size, first);
        let description = runs.description().map_err(|error| model_error(&error))?;
        let mut network = Self {
            model: ModelInfo::of(&file, size, &description),
            engine,
            reason,
            description,
            threads,
            batching,
        };
        network.check_flag(&file);
        if batching == Batching::Dynamic && options.max_batch > 1 {
            network.check_batching(&file, options.max_batch);
        }
        Ok(network)
    }

    /// Some exporters declare a dynamic batch around a network that takes one frame, or that leaves
    /// all frames beyond the batch of the export empty.
    fn check_batching(&mut self, file: &ModelFile, batch: usize) {
        let (size, description) = (self.model.size, &self.description);
        let engine = OnAllThreads(&*self.engine);
        let runs = FirstRuns::new(&engine, file, size, batch);
        let trial = runs.repeated(description).and_then(|heads| {
            let (first, others) = heads.split_first().ok_or("no frame")?;
            for other in others {
                match resembles(description, size, first, other) {
                    Some(true) => {}
                    None if !file.signs.suppresses => {}
                    Some(false) => return Err("equal frames give different outputs".to_owned()),
                    None => return Err("it suppresses overlaps itself, and nothing shows that it does so in each frame".to_owned()),
                }
            }
            Ok(())
        });
        if let Err(error) = trial {
            warn!(
                "model '{}' declares a dynamic batch but cannot run {batch} frames, so they run unbatched: {error}",
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
        let (width, height) = (self.model.size.0 as usize, self.model.size.1 as usize);
        match self.model.input.layout {
            InputLayout::Nchw => [batch, 3, height, width],
            InputLayout::Nhwc => [batch, height, width, 3],
        }
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

    /// Runs `frames` frames. `input` has [`Network::input_len`] values: frame after frame, as
    /// [`ModelInfo::input`] says. `read` gets each frame's position and head in ascending order: [`HeadFormat::len`](camweave_vision::HeadFormat::len)
    /// values.
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
            let outputs = &self.description.outputs;
            self.engine
                .run(threads, input, shape, outputs, &mut |found| {
                    let values: usize = found.iter().map(|it| it.values.len()).sum();
                    let is_batch = |it: &OutputView<'_>| it.shape.first() == Some(&step);
                    if !found.iter().all(is_batch) || values != step * head_len {
                        let shapes: Vec<_> = found.iter().map(|it| it.shape).collect();
                        mismatch = Some(format!(
                            "outputs of {shapes:?}, expected {step} x {head_len} values"
                        ));
                        return;
                    }
                    if let [output] = found {
                        let heads = output.values.chunks_exact(head_len);
                        for (index, head) in heads.take(wanted).enumerate() {
                            read(start + index, head);
                        }
                        return;
                    }
                    let mut head = Vec::with_capacity(head_len);
                    for index in 0..wanted {
                        head.clear();
                        head_of(found, step, index, &mut head);
                        read(start + index, &head);
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

    /// What it is, and how that is known.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
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

/// An engine whose first runs are on all of its threads.
struct OnAllThreads<'a>(&'a dyn Engine);

impl TrialNetwork for OnAllThreads<'_> {
    fn run(
        &self,
        input: &[f32],
        shape: [usize; 4],
        outputs: &[usize],
    ) -> Result<Vec<TrialOutput>, String> {
        let mut found = Vec::new();
        let mut read = |views: &[OutputView<'_>]| {
            let owned = views.iter().map(|view| TrialOutput {
                shape: view.shape.to_vec(),
                values: view.values.to_vec(),
            });
            found = owned.collect();
        };
        (self.0)
            .run(Threads::All, input, shape, outputs, &mut read)
            .map_err(|error| error.to_string())?;
        Ok(found)
    }
}
