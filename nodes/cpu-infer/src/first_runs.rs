//! A network's first runs, on pictures made for it: what comes out shows what it is.

use std::cell::RefCell;

use camweave_infer::{Engine, EngineError, OutputView, Threads, head_of};
use camweave_model::{Description, ModelError, ModelFile, decide, describe, scenes};
use camweave_vision::InputFormat;

/// Runs of one batch size.
pub struct FirstRuns<'a> {
    engine: &'a dyn Engine,
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
    pub fn new(
        engine: &'a dyn Engine,
        file: &'a ModelFile,
        size: (u32, u32),
        batch: usize,
    ) -> Self {
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
        let failed = |error: EngineError| self.file.refusal(&error.to_string());
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
        let mut heads = vec![Vec::new(); self.batch];
        let mut odd = None;
        let shape = self.shape();
        self.engine
            .run(
                Threads::All,
                &street.repeat(self.batch),
                shape,
                &description.outputs,
                &mut |outputs| {
                    let bad = outputs
                        .iter()
                        .find(|it| it.shape.first() != Some(&self.batch));
                    if let Some(bad) = bad {
                        odd = Some(format!(
                            "output of shape {:?} for {} frames",
                            bad.shape, self.batch
                        ));
                        return;
                    }
                    for (frame, head) in heads.iter_mut().enumerate() {
                        head_of(outputs, self.batch, frame, head);
                    }
                },
            )
            .map_err(|error| error.to_string())?;
        odd.map_or(Ok(heads), Err)
    }

    fn shape(&self) -> [usize; 4] {
        let size = (self.size.0 as usize, self.size.1 as usize);
        self.file.input.shape(self.batch, size)
    }

    fn run(&self, format: InputFormat) -> Result<Run, EngineError> {
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

    fn add(&self, input: &[f32], run: &mut Run) -> Result<(), EngineError> {
        let files = &self.file.outputs;
        let read: Vec<usize> = (0..files.len()).filter(|&it| files[it].is_read).collect();
        self.engine
            .run(Threads::All, input, self.shape(), &read, &mut |outputs| {
                run.shapes = vec![Vec::new(); files.len()];
                for (&index, output) in read.iter().zip(outputs) {
                    run.shapes[index] = output.shape.to_vec();
                }
                for frame in 0..self.batch.min(2) {
                    let mut parts = vec![Vec::new(); files.len()];
                    for (&index, output) in read.iter().zip(outputs) {
                        parts[index] = self.part(output, frame);
                    }
                    run.frames.push(parts);
                }
            })
    }

    /// A frame's part of an output; nothing of one that has none for each frame.
    fn part(&self, output: &OutputView<'_>, frame: usize) -> Vec<f32> {
        let mut part = Vec::new();
        if output.shape.first() == Some(&self.batch) {
            head_of(std::slice::from_ref(output), self.batch, frame, &mut part);
        }
        part
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
