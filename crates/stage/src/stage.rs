//! What a stage is.

use std::num::NonZeroUsize;
use std::time::Instant;

use camweave_message::{Never, Row};
use camweave_telemetry::Fact;

use crate::{Context, Declared, DropReason, Output, QueuePolicy, Settings, StageError};

/// A stage: rows of one type in, rows of another out.
pub trait Stage: Sized {
    /// The kind of stage, which is also its binary's name.
    const KIND: &'static str;
    /// What it does, in a sentence.
    const ABOUT: &'static str;
    /// Whether the stage can do without its input.
    const OPTIONAL_INPUT: bool = false;
    /// What it takes from its graph.
    type Settings: Settings;
    /// Why it drops frames, beside the reasons that all stages have.
    const DROPS: &'static [DropReason] = &[];
    /// What it says of itself in its report, and nothing else.
    const FACTS: &'static [Fact] = &[];
    /// What comes in; [`Never`] for a source.
    type In: Row;
    /// What goes out; [`Never`] for a sink.
    type Out: Row;

    /// Opens the stage.
    ///
    /// # Errors
    /// What makes the stage impossible, in one line. A camera that cannot be
    /// reached is none of that: it is a state, and the others go on.
    fn open(settings: Self::Settings, context: &Context) -> Result<Self, StageError>;

    /// Opens the stage with what a graph declares.
    ///
    /// # Errors
    /// A wrong setting, and those of [`Stage::open`].
    fn open_declared(declared: &Declared, context: &Context) -> Result<Self, StageError> {
        Self::open(Self::Settings::read(declared)?, context)
    }

    /// Called once before the first [`Stage::tick`], when the stages behind are open: a source begins
    /// to read, or to connect. Never called where the run ends before that.
    ///
    /// # Errors
    /// Only what the stage cannot go on after.
    fn begin(&mut self) -> Result<(), StageError> {
        Ok(())
    }

    /// Which rows are dropped when the stage falls behind.
    fn queue(&self) -> QueuePolicy {
        QueuePolicy::Complete { limit: 4096 }
    }

    /// Rows that are taken at once at most. `Some`: as many of those that wait as this, whatever
    /// messages they came in; while more wait, each camera in turn. `None`: a message as it came.
    fn batch(&self) -> Option<NonZeroUsize> {
        None
    }

    /// Whether the rows of a [batch](Stage::batch) are those of the messages that came first, and not
    /// each camera's in turn. For a stage behind one that has been fair: what came first is ready
    /// first there, and what waits for longer than the others may be gone.
    fn is_in_order(&self) -> bool {
        false
    }

    /// Waits until work on further rows can begin, of which so many are `waiting`. Called before rows
    /// are taken from the queue: what comes meanwhile is taken along, and the queue's drop policy
    /// still applies to what waits.
    ///
    /// # Errors
    /// Only what the stage cannot go on after.
    fn wait(&mut self, waiting: usize) -> Result<(), StageError> {
        let _ = waiting;
        Ok(())
    }

    /// Takes one message, or as many rows as [`Stage::batch`] says. The trace of each row names this
    /// stage already; a row that is sent on takes its trace along.
    ///
    /// # Errors
    /// Only what the stage cannot go on after. Broken rows are counted and dropped.
    fn rows(&mut self, rows: Vec<Self::In>, out: &mut Output<Self::Out>) -> Result<(), StageError>;

    /// Called after each message, wake-up and [`Stage::deadline`].
    ///
    /// # Errors
    /// Only what the stage cannot go on after.
    fn tick(&mut self, _out: &mut Output<Self::Out>) -> Result<(), StageError> {
        Ok(())
    }

    /// When [`Stage::tick`] must be called at the latest.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Whether a source has come to its end.
    fn finished(&self) -> bool {
        false
    }

    /// The run ends: last rows may be sent.
    ///
    /// # Errors
    /// What could not be brought to its end.
    fn close(&mut self, _out: &mut Output<Self::Out>) -> Result<(), StageError> {
        Ok(())
    }
}

/// What a stage takes and gives, by schema.
pub(crate) fn schemas<S: Stage>() -> [Option<&'static str>; 2] {
    [
        (!is_never::<S::In>()).then_some(S::In::SCHEMA),
        (!is_never::<S::Out>()).then_some(S::Out::SCHEMA),
    ]
}

pub(crate) fn is_never<R: Row>() -> bool {
    R::SCHEMA == Never::SCHEMA
}
