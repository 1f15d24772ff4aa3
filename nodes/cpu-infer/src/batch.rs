//! From frames in pools to the network's input.

use camweave_detect::infer::{ModelInfo, View, malformed};
use camweave_message::Frame;
use camweave_pool::{Attachments, ReadSlot};
use camweave_stage::Refusal;
use camweave_vision::{InputFormat, LetterboxPlans, Picture};

/// A frame whose pixels are held.
pub struct HeldFrame {
    pub frame: Frame,
    pub slot: ReadSlot,
    pub view: View,
}

/// Holds a frame's pixels, and checks that they are what the frame says.
pub fn hold(
    attachments: &Attachments,
    frame: &Frame,
    model: &ModelInfo,
) -> Result<(ReadSlot, View), Refusal> {
    let slot = attachments
        .acquire(&frame.picture.slot)
        .map_err(|error| Refusal::from(&error))?;
    let view = View::of(frame, model)?;
    Picture::new(&view.layout, &slot).map_err(malformed)?;
    Ok((slot, view))
}

/// A frame whose pixels have been released, and whether its place in the input is filled.
pub type Letterboxed = (Frame, Result<(), String>);

impl HeldFrame {
    /// Fills `out` with the network's input, and releases the pixels.
    fn letterbox(self, plans: &mut LetterboxPlans, out: &mut [f32]) -> Letterboxed {
        let Self { frame, slot, view } = self;
        let result = Picture::new(&view.layout, &slot)
            .map_err(|error| error.to_string())
            .and_then(|picture| {
                plans
                    .letterbox_into(&picture, &view.letterbox, out)
                    .map_err(|error| error.to_string())
            });
        (frame, result)
    }
}

/// Letterboxes lists of frames, on as many threads as there are tables.
pub struct Letterboxer {
    /// One per thread: tables hold row buffers.
    plans: Vec<LetterboxPlans>,
}

impl Letterboxer {
    /// For inputs of this format.
    pub fn new(threads: usize, format: InputFormat) -> Self {
        Self {
            plans: vec![LetterboxPlans::with_format(format); threads.max(1)],
        }
    }

    /// Fills `input` with one network input per frame, in order, on at most `threads` threads. A
    /// frame that fails leaves its place in the input as it was.
    pub fn fill(
        &mut self,
        frames: Vec<HeldFrame>,
        input: &mut [f32],
        threads: usize,
    ) -> Vec<Letterboxed> {
        let count = frames.len();
        if count == 0 {
            return Vec::new();
        }
        let frame_len = input.len() / count;
        let share = count.div_ceil(threads.clamp(1, self.plans.len()));
        let mut shares: Vec<Vec<HeldFrame>> = Vec::new();
        for (index, frame) in frames.into_iter().enumerate() {
            if index % share == 0 {
                shares.push(Vec::with_capacity(share));
            }
            if let Some(last) = shares.last_mut() {
                last.push(frame);
            }
        }
        let mut jobs = self
            .plans
            .iter_mut()
            .zip(shares.into_iter().zip(input.chunks_mut(share * frame_len)));
        let first = jobs.next();
        std::thread::scope(|scope| {
            let others: Vec<_> = jobs
                .map(|job| scope.spawn(move || fill_share(job)))
                .collect();
            let mut done = first.map(fill_share).unwrap_or_default();
            for other in others {
                match other.join() {
                    Ok(frames) => done.extend(frames),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            done
        })
    }
}

type Job<'a> = (&'a mut LetterboxPlans, (Vec<HeldFrame>, &'a mut [f32]));

fn fill_share((plans, (frames, input)): Job<'_>) -> Vec<Letterboxed> {
    let frame_len = input.len() / frames.len().max(1);
    let places = input.chunks_mut(frame_len.max(1));
    frames
        .into_iter()
        .zip(places)
        .map(|(frame, out)| frame.letterbox(plans, out))
        .collect()
}
