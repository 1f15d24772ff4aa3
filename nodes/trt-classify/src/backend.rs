//! Crops of frames in device memory, looked at by the network.

use std::time::{Duration, Instant};

use camweave_cuda::letterbox::FrameDescriptor;
use camweave_cuda::{Context, CudaMemory};
use camweave_engine::of_cuda;
use camweave_model::Answer;
use camweave_pool::{AcquireErrorKind, Attachments, Memory as _, ReadSlot, Reference};
use camweave_second_stage::{Ask, Backend, Outcome};
use camweave_stage::StageError;
use camweave_stage::telemetry::{Spans, span_names};
use camweave_vision::{Letterbox, PictureLayout};

use crate::network::Network;

/// How soon the device memory of a dead decoder goes back.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// Asks a network on a GPU.
pub(crate) struct GpuBackend {
    network: Network,
    pools: Attachments<CudaMemory>,
    device: Context,
    spans: Spans,
    swept: Instant,
}

/// A crop in a slot that is held.
struct Held {
    /// Which of the slots.
    slot: usize,
    layout: PictureLayout,
    letterbox: Letterbox,
}

impl GpuBackend {
    pub fn new(network: Network, device: &Context, spans: &Spans) -> Self {
        Self {
            network,
            pools: Attachments::new_in(device.clone()),
            device: device.clone(),
            spans: spans.clone(),
            swept: Instant::now(),
        }
    }

    /// Where a crop is; its slot is one of `slots`, or becomes one.
    fn hold(
        &self,
        ask: &Ask,
        slots: &mut Vec<(Reference, ReadSlot<CudaMemory>)>,
    ) -> Result<Held, Outcome> {
        let failed = |error: &dyn std::fmt::Display| Outcome::Failed(error.to_string());
        let reference = &ask.picture.slot;
        let memory = &*reference.pool.address().backend;
        if memory != CudaMemory::BACKEND {
            return Err(Outcome::Failed(format!(
                "its frame is in memory of '{memory}', expected '{}'; classify looks at frames in host memory",
                CudaMemory::BACKEND
            )));
        }
        let layout = ask
            .crop
            .layout(&ask.picture.layout)
            .map_err(|it| failed(&it))?;
        let fit = self.network.classifier.fit;
        let letterbox = ask
            .crop
            .letterbox(self.network.size, fit)
            .map_err(|it| failed(&it))?;
        let known = slots.iter().position(|(held, _)| held == reference);
        let slot = match known {
            Some(slot) => slot,
            None => {
                let acquired =
                    self.pools
                        .acquire(reference)
                        .map_err(|error| match error.kind() {
                            AcquireErrorKind::Expired | AcquireErrorKind::ProducerGone => {
                                Outcome::Expired
                            }
                            _ => failed(&error),
                        })?;
                acquired
                    .wait_on(self.network.stream())
                    .map_err(|error| failed(&error))?;
                slots.push((reference.clone(), acquired));
                slots.len() - 1
            }
        };
        FrameDescriptor::new(&layout, slots[slot].1.address(), &letterbox)
            .map_err(|it| failed(&it))?;
        Ok(Held {
            slot,
            layout,
            letterbox,
        })
    }
}

impl Backend for GpuBackend {
    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Outcome>, StageError> {
        self.device.bind().map_err(|error| of_cuda(&error))?;
        if self.swept.elapsed() >= SWEEP_EVERY {
            self.swept = Instant::now();
            self.pools.sweep();
        }
        let mut outcomes = Vec::with_capacity(asks.len());
        // Held until the network has been waited for, which it is even where it fails.
        let mut slots = Vec::new();
        for asks in asks.chunks(self.network.max_batch) {
            let mut held = Vec::with_capacity(asks.len());
            let mut failures = Vec::with_capacity(asks.len());
            for ask in asks {
                match self.hold(ask, &mut slots) {
                    Ok(crop) => {
                        held.push(crop);
                        failures.push(None);
                    }
                    Err(outcome) => failures.push(Some(outcome)),
                }
            }
            let mut answers: Vec<Option<Answer>> = Vec::with_capacity(held.len());
            if !held.is_empty() {
                let crops = held.iter().map(|crop| {
                    let memory = slots[crop.slot].1.address();
                    FrameDescriptor::new(&crop.layout, memory, &crop.letterbox)
                });
                let crops: Vec<_> = crops
                    .collect::<Result<_, _>>()
                    .map_err(|error| of_cuda(&error))?;
                let _span = self.spans.batch(&span_names::INFER, crops.len());
                self.network.run(&crops, |classifier, values| {
                    answers.push(classifier.answer(values));
                })?;
            }
            outcomes.extend(in_order(failures, answers));
        }
        Ok(outcomes)
    }
}

/// The outcome of each question, in their order: why the network was not asked, or else its next
/// answer.
fn in_order(
    failures: Vec<Option<Outcome>>,
    answers: Vec<Option<Answer>>,
) -> impl Iterator<Item = Outcome> {
    let mut answers = answers.into_iter();
    let mut of_network = move || match answers.next() {
        Some(Some(answer)) => Outcome::Answer(answer),
        _ => Outcome::Failed("values that are no numbers".to_owned()),
    };
    let all = failures.into_iter();
    all.map(move |it| it.unwrap_or_else(&mut of_network))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_has_its_own_outcome_whichever_were_not_asked() {
        let answer = |value: f32| Answer::Classes(vec![value, 1.0 - value]);
        let gone = || Some(Outcome::Expired);
        let unread = || Some(Outcome::Failed("8 planes".to_owned()));
        let answers = vec![Some(answer(0.25)), None, Some(answer(0.75))];
        let failures = vec![gone(), None, unread(), None, None, gone()];
        let no_numbers = Outcome::Failed("values that are no numbers".to_owned());
        assert_eq!(
            in_order(failures, answers).collect::<Vec<_>>(),
            [
                Outcome::Expired,
                Outcome::Answer(answer(0.25)),
                Outcome::Failed("8 planes".to_owned()),
                no_numbers,
                Outcome::Answer(answer(0.75)),
                Outcome::Expired,
            ]
        );
        let none: Vec<_> = in_order(vec![gone(), gone()], Vec::new()).collect();
        assert_eq!(none, [Outcome::Expired, Outcome::Expired]);
    }
}
