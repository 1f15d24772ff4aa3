//! A network with memory for its input, outside of the stage.

use std::ops::Deref;

use camweave_infer::{EngineError, NetworkOptions, Threads};
use camweave_stage::StageError;
use camweave_vision::PAD_VALUE;

use crate::network::Network;

/// A network that runs a batch at a time, of an input of its own. Reads as its network.
pub struct Detector {
    network: Network,
    input: Vec<f32>,
}

impl Deref for Detector {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

impl Detector {
    /// Opens a model.
    ///
    /// # Errors
    /// Those of [`Network::open`].
    pub fn open(options: &NetworkOptions) -> Result<Self, StageError> {
        Ok(Self {
            network: Network::open(options)?,
            input: Vec::new(),
        })
    }

    /// The memory that the next [`Detector::run`] reads: `frames` inputs, one after the other, as
    /// [`ModelInfo::input`](camweave_detect::infer::ModelInfo::input) says. It holds older values.
    pub fn input(&mut self, frames: usize) -> &mut [f32] {
        let needed = self.network.input_len(frames);
        if self.input.len() < needed {
            self.input.resize(needed, PAD_VALUE);
        }
        &mut self.input[..frames * self.network.frame_len()]
    }

    /// Runs the first `frames` frames of [`Detector::input`], shared among the lanes where they can
    /// be. `read` gets each frame's position and head in ascending order.
    ///
    /// # Errors
    /// The engine failed, or gave another shape than at first; `read` has then seen fewer frames.
    pub fn run(
        &mut self,
        frames: usize,
        mut read: impl FnMut(usize, &[f32]),
    ) -> Result<(), EngineError> {
        self.input(frames);
        let Self { network, input } = self;
        let Some(unit) = network.unit(frames) else {
            return network.run(Threads::All, input, frames, read);
        };
        let (network, head_len) = (&*network, network.model().format.len());
        let (unit_len, units) = (unit * network.frame_len(), frames.div_ceil(unit));
        let share = units.div_ceil(network.lanes());
        let lane = |(lane, input): (usize, &[f32])| -> Result<Vec<f32>, EngineError> {
            let mut heads = Vec::with_capacity(share * unit * head_len);
            let threads = Threads::Lane(lane);
            for input in input.chunks(unit_len) {
                network.run(threads, input, unit, |_, head| {
                    heads.extend_from_slice(head);
                })?;
            }
            Ok(heads)
        };
        let shares = input[..units * unit_len].chunks(share * unit_len);
        let mut jobs = shares.enumerate();
        let own = jobs.next();
        let heads: Vec<_> = std::thread::scope(|scope| {
            let others: Vec<_> = jobs.map(|job| scope.spawn(move || lane(job))).collect();
            let first = own.map(lane);
            let others = others.into_iter().map(|other| match other.join() {
                Ok(heads) => heads,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            first.into_iter().chain(others).collect::<Result<_, _>>()
        })?;
        let heads = heads.iter().flat_map(|heads| heads.chunks_exact(head_len));
        for (index, head) in heads.take(frames).enumerate() {
            read(index, head);
        }
        Ok(())
    }
}
