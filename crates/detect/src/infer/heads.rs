//! The pool of heads, and what becomes of frames.

use std::fmt::Display;
use std::sync::Arc;

use camweave_message::{Frame, Head};
use camweave_pool::{
    HostMemory, Memory, PoolError, PoolErrorKind, PoolSpec, Producer, Reference, WriteSlot,
};
use camweave_stage::telemetry::span_names;
use camweave_stage::{Context, Fact, Refusal, StageError};
use camweave_vision::{Fit, HeadFormat};
use tracing::{debug, error, info};

use super::ModelInfo;
use super::drops::{HEADS_EXHAUSTED, INFERENCE_FAILED};
use super::facts::{CLASSES, HEAD, INPUT_SIZE, MODEL};
use crate::refusals::{self, Refusals};

/// The heads of a stage: a pool with a slot for each, and what their rows say of the network.
pub struct Heads<M: Memory = HostMemory> {
    pool: Producer<M>,
    context: Context,
    model: Arc<str>,
    class_names: Arc<str>,
    model_size: (u32, u32),
    fit: Fit,
    format: HeadFormat,
    refusals: Refusals,
}

/// Why a head has not been published.
pub enum Unpublished {
    /// The stages after this one hold all slots.
    Exhausted,
    /// What went wrong.
    Failed(String),
}

impl Unpublished {
    /// Something else went wrong than the pool.
    pub fn failed(error: impl Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<PoolError> for Unpublished {
    fn from(error: PoolError) -> Self {
        match error.kind() {
            PoolErrorKind::Exhausted => Self::Exhausted,
            _ => Self::failed(error),
        }
    }
}

/// Of a frame that is not what its row says.
pub fn malformed(error: impl Display) -> Refusal {
    refusals::malformed("malformed_picture", error.to_string())
}

impl<M: Memory> Heads<M> {
    /// Makes the pool in a place, for heads of this model.
    ///
    /// # Errors
    /// The format of a head contradicts itself, or there is no memory for so many.
    pub fn create(
        place: &M::Place,
        slots: u32,
        model: &ModelInfo,
        context: &Context,
    ) -> Result<Self, StageError> {
        model
            .format
            .validate()
            .map_err(|error| StageError::input(error.to_string()))?;
        let name = format!("{}-heads", context.stage);
        let spec = PoolSpec {
            name: name.chars().take(64).collect(),
            slots,
            slot_bytes: model.format.bytes(),
        };
        let pool = Producer::create_in(place, &spec)
            .map_err(|error| StageError::resource(format!("{error}; HEAD_SLOTS is {slots}")))?;
        Ok(Self {
            pool,
            context: context.clone(),
            model: Arc::clone(&model.id),
            class_names: Arc::from(model.class_names.join("\n")),
            model_size: model.size,
            fit: model.input.fit,
            format: model.format,
            refusals: Refusals::new("frame", context),
        })
    }

    /// Says once what runs: `more`, and what all networks have.
    pub fn note(&self, more: &[(Fact, String)]) {
        let (width, height) = self.model_size;
        let names = self.class_names.split('\n');
        let classes = names.filter(|_| !self.class_names.is_empty()).count();
        let facts = [
            (MODEL, self.model.to_string()),
            (INPUT_SIZE, format!("{width}x{height}")),
            (CLASSES, classes.to_string()),
            (HEAD, self.format.to_string()),
        ];
        let facts = || more.iter().chain(&facts);
        for (fact, value) in facts() {
            self.context.counters.fact(fact, value);
        }
        let line: Vec<_> = facts()
            .map(|(fact, value)| format!("{}={value}", fact.name))
            .collect();
        info!("model is open: {}", line.join(", "));
    }

    /// The memory of all slots.
    #[must_use]
    pub fn memory(&self) -> &M {
        self.pool.memory()
    }

    /// Number of slots.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.pool.slots()
    }

    /// A slot for the next head.
    ///
    /// # Errors
    /// The stages after this one hold all, or the pool cannot be used.
    pub fn begin(&self) -> Result<WriteSlot<M>, Unpublished> {
        Ok(self.pool.begin()?)
    }

    /// Traces how many slots are in use.
    pub fn trace_usage(&self) {
        let spans = self.context.counters.spans();
        if spans.are_traced() {
            let usage = self.pool.usage();
            let in_use = u64::from(usage.held + usage.writing);
            spans.gauge(&span_names::SLOTS_IN_USE, "heads", in_use);
        }
    }

    /// The row of a head that is in `tensor`.
    pub fn row(&self, frame: Frame, tensor: Reference) -> Head {
        Head {
            crop: frame.crop(),
            ignored: frame.areas.ignored,
            id: frame.id,
            trace: frame.trace,
            picture: frame.picture,
            model_size: self.model_size,
            fit: self.fit,
            model: Arc::clone(&self.model),
            class_names: Arc::clone(&self.class_names),
            format: self.format,
            tensor,
            row: 0,
        }
    }

    /// Counts a frame that cannot be worked on.
    pub fn refuse(&self, frame: &Frame, refusal: &Refusal) {
        self.refusals
            .refuse(&frame.id, &frame.picture.slot, refusal);
    }

    /// Counts frames that the network failed on.
    pub fn failed<'a>(&self, frames: impl IntoIterator<Item = &'a Frame>) {
        for frame in frames {
            let camera = &frame.id.camera;
            self.context.counters.dropped(camera, INFERENCE_FAILED, 1);
            self.context.counters.error(camera, "inference");
        }
    }

    /// Counts a frame whose head has not been published.
    pub fn unpublished(&self, frame: &Frame, why: &Unpublished) {
        let camera = &frame.id.camera;
        self.context.counters.dropped(camera, HEADS_EXHAUSTED, 1);
        match why {
            Unpublished::Exhausted => debug!(%camera, "head dropped: no free slot"),
            Unpublished::Failed(error) => {
                self.context.counters.error(camera, "heads_pool");
                error!(%camera, "output dropped: {error}");
            }
        }
    }
}
