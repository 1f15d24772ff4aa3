//! What a lane does with its part of a list: frames in, heads out.

use std::sync::Arc;
use std::time::Instant;

use camweave_detect::infer::{Heads, malformed};
use camweave_infer::Threads;
use camweave_message::{Frame, Head};
use camweave_pool::Retained;
use camweave_stage::telemetry::span_names;
use camweave_stage::{Context, frame_key};
use camweave_vision::PAD_VALUE;
use tracing::{debug, error};

use crate::batch::{self, HeldFrame, Letterboxed, Letterboxer};
use crate::lanes::Part;
use crate::network::Network;

/// What all lanes share.
pub struct Common {
    pub context: Context,
    pub network: Network,
    pub heads: Heads,
}

/// The heads of a part, in the order of its frames.
#[derive(Default)]
pub struct Done {
    pub rows: Vec<Head>,
    /// While these are kept, the slots of the rows are not overwritten.
    pub kept: Vec<Retained>,
}

/// One lane's memory.
pub struct Worker {
    common: Arc<Common>,
    lane: usize,
    letterboxer: Letterboxer,
    input: Vec<f32>,
}

impl Worker {
    pub fn new(lane: usize, common: Arc<Common>) -> Self {
        let network = &common.network;
        let letterboxer = Letterboxer::new(network.threads(), network.model().input);
        Self {
            common,
            lane,
            letterboxer,
            input: Vec::new(),
        }
    }

    /// Does a part. Frames that give no head are counted.
    pub fn work(&mut self, part: Part<Vec<Frame>>) -> Done {
        let (frames, threads) = match part {
            Part::Share(frames) => (frames, Threads::Lane(self.lane)),
            Part::Whole(frames) => (frames, Threads::All),
        };
        let common = Arc::clone(&self.common);
        let _span = common.context.span_over(&span_names::WORKER, &frames);
        let began = Instant::now();
        let held = common.hold(frames);
        if held.is_empty() {
            return Done::default();
        }
        let frames = self.letterbox(held, threads);
        let letterboxed = began.elapsed();
        let count = frames.len();
        let heads = common.infer(frames, threads, &self.input);
        debug!(
            frames = count,
            ?threads,
            letterbox_ms = letterboxed.as_secs_f64() * 1e3,
            inference_ms = (began.elapsed() - letterboxed).as_secs_f64() * 1e3,
            "batch"
        );
        heads
    }

    /// Fills the network's input, and releases the pixels.
    fn letterbox(&mut self, held: Vec<HeldFrame>, threads: Threads) -> Vec<Letterboxed> {
        let Self {
            common,
            letterboxer,
            input,
            ..
        } = self;
        let needed = common.network.input_len(held.len());
        if input.len() < needed {
            input.resize(needed, PAD_VALUE);
        }
        let span = common.context.counters.spans();
        let span = span.batch(&span_names::LETTERBOX, held.len());
        held.iter()
            .for_each(|it| span.member(frame_key(&it.frame.id)));
        let threads = match threads {
            Threads::All => common.network.threads(),
            Threads::Lane(_) => 1,
        };
        let input = &mut input[..held.len() * common.network.frame_len()];
        letterboxer.fill(held, input, threads)
    }
}

impl Common {
    /// Holds the frames' pixels, as far as they are there.
    fn hold(&self, frames: Vec<Frame>) -> Vec<HeldFrame> {
        let mut held = Vec::with_capacity(frames.len());
        for frame in frames {
            let span = self.context.span(&span_names::ACQUIRE, &frame.id);
            let result = batch::hold(&self.context.attachments, &frame, self.network.model());
            drop(span);
            match result {
                Ok((slot, view)) => held.push(HeldFrame { frame, slot, view }),
                Err(refusal) => self.heads.refuse(&frame, &refusal),
            }
        }
        held
    }

    /// One inference, of frames that `input` begins with.
    fn infer(&self, frames: Vec<Letterboxed>, threads: Threads, input: &[f32]) -> Done {
        let (counters, count) = (&self.context.counters, frames.len());
        let span = counters.spans().batch(&span_names::INFER, count);
        for (frame, _) in &frames {
            span.member(frame_key(&frame.id));
        }
        let mut frames = frames.into_iter();
        let mut done = Done::default();
        let result = self.network.run(threads, input, count, |_, values| {
            if let Some((frame, filled)) = frames.next() {
                self.publish(frame, filled, values, &mut done);
            }
        });
        drop(span);
        self.heads.trace_usage();
        if let Err(error) = result {
            error!("inference failed: {error}");
            // Those that are left have not been run.
            self.heads
                .failed(frames.as_slice().iter().map(|(frame, _)| frame));
        }
        done
    }

    /// Puts a head into a slot of its own.
    fn publish(&self, frame: Frame, filled: Result<(), String>, values: &[f32], done: &mut Done) {
        if let Err(message) = filled {
            return self.heads.refuse(&frame, &malformed(message));
        }
        let _span = self.context.span(&span_names::PUBLISH, &frame.id);
        let mut slot = match self.heads.begin() {
            Ok(slot) => slot,
            Err(why) => return self.heads.unpublished(&frame, &why),
        };
        let bytes: &[u8] = bytemuck::cast_slice(values);
        slot[..bytes.len()].copy_from_slice(bytes);
        let (tensor, retained) = slot.publish_retained();
        done.kept.push(retained);
        done.rows.push(self.heads.row(frame, tensor));
    }
}
