//! A network's first runs, on pictures made for it: what comes out shows what it is.

use std::cell::RefCell;

use camweave_model::{Description, ModelError, ModelFile, decide, describe, scenes};
use camweave_vision::InputFormat;

/// A network that can be run before anything else is known of it.
pub trait Trial {
    /// Runs it once. `input` is row-major and of the given shape, in the order and range that an input
    /// format says, whatever type the network takes. `outputs` are places among the file's outputs;
    /// those come in this order.
    ///
    /// # Errors
    /// What the engine says, in one line.
    fn run(
        &self,
        input: &[f32],
        shape: [usize; 4],
        outputs: &[usize],
    ) -> Result<Vec<TrialOutput>, String>;
}

/// An output of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialOutput {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major, converted to `f32` where they are not.
    pub values: Vec<f32>,
}

impl TrialOutput {
    /// The values of a frame of a batch; none where the output has none for each.
    fn frame(&self, batch: usize, frame: usize) -> &[f32] {
        if self.shape.first() != Some(&batch) {
            return &[];
        }
        let each = self.values.len() / batch.max(1);
        &self.values[frame * each..(frame + 1) * each]
    }
}

/// Runs of one batch size.
pub struct FirstRuns<'a> {
    engine: &'a dyn Trial,
    file: &'a ModelFile,
    size: (u32, u32),
    batch: usize,
    /// Kinds of detectors expect frames of different formats, and share the runs of one.
    done: RefCell<Vec<(InputFormat, Run)>>,
}

/// The outputs of a street and of noise.
#[derive(Clone)]
struct Run {
    /// All of the file's outputs, with the batch; nothing of those that are not read.
    shapes: Vec<Vec<usize>>,
    /// Of each frame, all outputs.
    frames: Vec<Vec<Vec<f32>>>,
}

impl<'a> FirstRuns<'a> {
    /// Runs of `batch` frames of this width and height; none yet.
    #[must_use]
    pub fn new(engine: &'a dyn Trial, file: &'a ModelFile, size: (u32, u32), batch: usize) -> Self {
        Self {
            engine,
            file,
            size,
            batch,
            done: RefCell::default(),
        }
    }

    /// What the network is.
    ///
    /// # Errors
    /// The engine failed, or the outputs are none of one known detector.
    pub fn description(&self) -> Result<Description, ModelError> {
        let failed = |error: String| self.file.refusal(&error);
        let input = &self.file.input;
        let plain = InputFormat {
            layout: input.layout,
            element: input.element_type.element(),
            range: input.range,
            ..InputFormat::default()
        };
        let shapes = self.run(plain).map_err(failed)?.shapes;
        let descriptions = describe(self.file, self.size, self.batch, &shapes)?;
        let mut failure = None;
        let decided = decide(self.file, descriptions, self.size, |description| match self
            .run(description.input)
        {
            Ok(run) => run.heads(&description.outputs),
            Err(error) => {
                failure = Some(error);
                Vec::new()
            }
        });
        match failure {
            Some(error) => Err(failed(error)),
            None => decided,
        }
    }

    /// The heads of a batch of equal frames.
    ///
    /// # Errors
    /// In words: the engine failed, or gives no output for each.
    pub fn repeated(&self, description: &Description) -> Result<Vec<Vec<f32>>, String> {
        let [street, _] = scenes(self.size, &description.input);
        let input = street.repeat(self.batch);
        let outputs = (self.engine).run(&input, self.shape(), &description.outputs)?;
        let is_odd = |it: &&TrialOutput| it.shape.first() != Some(&self.batch);
        if let Some(odd) = outputs.iter().find(is_odd) {
            return Err(format!(
                "output of shape {:?} for {} frames",
                odd.shape, self.batch
            ));
        }
        let head = |frame| {
            let parts = outputs.iter().map(|it| it.frame(self.batch, frame));
            parts.collect::<Vec<_>>().concat()
        };
        Ok((0..self.batch).map(head).collect())
    }

    fn shape(&self) -> [usize; 4] {
        let size = (self.size.0 as usize, self.size.1 as usize);
        self.file.input.shape(self.batch, size)
    }

    fn run(&self, format: InputFormat) -> Result<Run, String> {
        let known = |done: &[(InputFormat, Run)]| {
            let mut done = done.iter();
            done.find(|(other, _)| *other == format)
                .map(|(_, run)| run.clone())
        };
        if let Some(run) = known(&self.done.borrow()) {
            return Ok(run);
        }
        let [street, noise] = scenes(self.size, &format);
        let mut run = Run {
            shapes: Vec::new(),
            frames: Vec::new(),
        };
        if self.batch == 1 {
            self.add(&street, &mut run)?;
            self.add(&noise, &mut run)?;
        } else {
            let both = [street, noise];
            let frames = both.iter().cycle().take(self.batch);
            self.add(&frames.flatten().copied().collect::<Vec<f32>>(), &mut run)?;
        }
        self.done.borrow_mut().push((format, run.clone()));
        Ok(run)
    }

    fn add(&self, input: &[f32], run: &mut Run) -> Result<(), String> {
        let files = &self.file.outputs;
        let read: Vec<usize> = (0..files.len()).filter(|&it| files[it].is_read).collect();
        let outputs = self.engine.run(input, self.shape(), &read)?;
        run.shapes = vec![Vec::new(); files.len()];
        for (&index, output) in read.iter().zip(&outputs) {
            run.shapes[index].clone_from(&output.shape);
        }
        for frame in 0..self.batch.min(2) {
            let mut parts = vec![Vec::new(); files.len()];
            for (&index, output) in read.iter().zip(&outputs) {
                parts[index] = output.frame(self.batch, frame).to_vec();
            }
            run.frames.push(parts);
        }
        Ok(())
    }
}

impl Run {
    /// Each frame's head.
    fn heads(&self, outputs: &[usize]) -> Vec<Vec<f32>> {
        let head = |parts: &Vec<Vec<f32>>| {
            outputs
                .iter()
                .map(|&it| parts[it].as_slice())
                .collect::<Vec<_>>()
                .concat()
        };
        self.frames.iter().map(head).collect()
    }
}
