use std::marker::PhantomData;
use std::time::Instant;

use camweave_message::Detections;
use camweave_stage::{Context, DropReason, Fact, Output, Settings, Stage, StageError};

use crate::asking::Asking;

/// What differs between stages of a second-stage model: their name, settings, and what computes.
pub trait Kind: Send {
    /// [`Stage::KIND`].
    const KIND: &'static str;
    /// [`Stage::ABOUT`].
    const ABOUT: &'static str;
    /// [`Stage::Settings`].
    type Settings: Settings;
    /// [`Stage::DROPS`].
    const DROPS: &'static [DropReason];
    /// [`Stage::FACTS`].
    const FACTS: &'static [Fact];

    /// Opens the model, and begins to ask it.
    ///
    /// # Errors
    /// Those of [`Stage::open`].
    fn start(settings: Self::Settings, context: &Context) -> Result<Asking, StageError>;
}

/// A stage that takes detections and gives them attributes or embeddings.
pub struct SecondStage<K> {
    asking: Asking,
    kind: PhantomData<K>,
}

impl<K: Kind> Stage for SecondStage<K> {
    const KIND: &'static str = K::KIND;
    const ABOUT: &'static str = K::ABOUT;
    type Settings = K::Settings;
    const DROPS: &'static [DropReason] = K::DROPS;
    const FACTS: &'static [Fact] = K::FACTS;
    type In = Detections;
    type Out = Detections;

    fn open(settings: K::Settings, context: &Context) -> Result<Self, StageError> {
        Ok(Self {
            asking: K::start(settings, context)?,
            kind: PhantomData,
        })
    }

    fn rows(
        &mut self,
        rows: Vec<Detections>,
        out: &mut Output<Detections>,
    ) -> Result<(), StageError> {
        self.asking.rows(rows, out)
    }

    fn tick(&mut self, out: &mut Output<Detections>) -> Result<(), StageError> {
        self.asking.tick(out)
    }

    fn deadline(&self) -> Option<Instant> {
        self.asking.deadline()
    }

    fn close(&mut self, out: &mut Output<Detections>) -> Result<(), StageError> {
        self.asking.close(out)
    }
}
