//! Crops of frames in host memory, looked at by the network.

use camweave_model::Answer;
use camweave_pool::{AcquireErrorKind, Attachments, HostMemory, Memory as _, ReadSlot, Reference};
use camweave_second_stage::{Ask, Backend, Outcome};
use camweave_stage::telemetry::{Spans, span_names};
use camweave_stage::{Context, StageError};
use camweave_vision::{InputFormat, LetterboxPlan, Picture};

use crate::network::Network;

/// Asks a network on the CPU.
pub(crate) struct CpuBackend {
    network: Network,
    attachments: Attachments,
    spans: Spans,
    /// The network's input; memory is used again.
    input: Vec<f32>,
}

impl CpuBackend {
    pub fn new(network: Network, context: &Context) -> Self {
        Self {
            network,
            attachments: context.attachments.clone(),
            spans: context.counters.spans().clone(),
            input: Vec::new(),
        }
    }
}

impl Backend for CpuBackend {
    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Outcome>, StageError> {
        let len = self.network.crop_len();
        self.input.resize(asks.len() * len, 0.0);
        let span = self.spans.batch(&span_names::LETTERBOX, asks.len());
        let mut frames = Frames {
            attachments: &self.attachments,
            held: None,
        };
        // An outcome for each that has none of the network.
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(asks.len());
        let mut filled = 0;
        let format = self.network.classifier().input;
        for ask in asks {
            let place = &mut self.input[filled * len..(filled + 1) * len];
            let failed = frames.fill(ask, &self.network, &format, place).err();
            filled += usize::from(failed.is_none());
            outcomes.push(failed);
        }
        drop(frames);
        drop(span);
        let _span = self.spans.batch(&span_names::INFER, filled);
        let mut answers: Vec<Option<Answer>> = Vec::with_capacity(filled);
        let Self { network, input, .. } = self;
        let classifier = network.classifier();
        let run = network.run(input, filled, |values| {
            answers.push(classifier.answer(values));
        });
        let failure = run.err().map(|error| error.to_string());
        let mut answers = answers.into_iter();
        let mut of_network = || match answers.next() {
            Some(Some(answer)) => Outcome::Answer(answer),
            Some(None) => Outcome::Failed("values that are no numbers".to_owned()),
            None => Outcome::Failed(failure.clone().unwrap_or_default()),
        };
        let all = outcomes.into_iter();
        Ok(all.map(|it| it.unwrap_or_else(&mut of_network)).collect())
    }
}

/// The frame that is held: crops of one follow one another.
struct Frames<'a> {
    attachments: &'a Attachments,
    held: Option<(Reference, ReadSlot)>,
}

impl Frames<'_> {
    fn hold(&mut self, slot: &Reference) -> Result<&ReadSlot, Outcome> {
        let memory = &*slot.pool.address().backend;
        if memory != HostMemory::BACKEND {
            return Err(Outcome::Failed(format!(
                "its frame is in memory of '{memory}', expected '{}'; trt-classify looks at frames in the memory of a GPU",
                HostMemory::BACKEND
            )));
        }
        let is_held = self.held.as_ref().is_some_and(|(held, _)| held == slot);
        if !is_held {
            // Released before another one is held.
            self.held = None;
        }
        match &mut self.held {
            Some((_, held)) => Ok(held),
            none => {
                let acquired =
                    self.attachments
                        .acquire(slot)
                        .map_err(|error| match error.kind() {
                            AcquireErrorKind::Expired | AcquireErrorKind::ProducerGone => {
                                Outcome::Expired
                            }
                            _ => Outcome::Failed(error.to_string()),
                        })?;
                Ok(&none.insert((slot.clone(), acquired)).1)
            }
        }
    }

    /// Writes the input of one crop.
    fn fill(
        &mut self,
        ask: &Ask,
        network: &Network,
        format: &InputFormat,
        out: &mut [f32],
    ) -> Result<(), Outcome> {
        let failed = |error: &dyn std::fmt::Display| Outcome::Failed(error.to_string());
        let slot = self.hold(&ask.picture.slot)?;
        let layout = ask
            .crop
            .layout(&ask.picture.layout)
            .map_err(|it| failed(&it))?;
        let picture = Picture::new(&layout, slot).map_err(|it| failed(&it))?;
        let fit = network.classifier().fit;
        let letterbox = ask
            .crop
            .letterbox(network.size(), fit)
            .map_err(|it| failed(&it))?;
        // Crops are of many sizes: tables are not kept.
        LetterboxPlan::with_format(&layout, &letterbox, format)
            .and_then(|mut plan| plan.run(&picture, out))
            .map_err(|it| failed(&it))
    }
}
