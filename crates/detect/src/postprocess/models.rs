//! The models whose heads have come.

use camweave_message::Head;
use camweave_stage::Context;
use camweave_stage::telemetry::Counters;
use tracing::{error, info};

use super::Classes;
use crate::refusals::LogOnce;

/// Models that are remembered.
const MAX_MODELS: usize = 16;

/// One model.
pub struct Model<T> {
    /// Its classes' names, and which of them are kept.
    pub classes: Classes,
    /// What the stage has made of them.
    pub made: T,
}

/// The last few models seen; the newest last.
pub struct Models<T> {
    models: Vec<Model<T>>,
    /// Names or ids of the classes to keep; all, if there is none.
    wanted: Vec<String>,
    counters: Counters,
    logged: LogOnce,
}

impl<T> Models<T> {
    pub(super) fn new(wanted: Vec<String>, context: &Context) -> Self {
        Self {
            models: Vec::new(),
            wanted,
            counters: context.counters.clone(),
            logged: LogOnce::default(),
        }
    }

    /// Makes room, so that [`Self::index_of`] for these rows moves nothing that it has returned.
    pub fn begin(&mut self) {
        let surplus = self.models.len().saturating_sub(MAX_MODELS);
        self.models.drain(..surplus);
    }

    /// The index of a head's model, valid until the next [`Self::begin`]. `make` is called for one
    /// that is not known.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn index_of<E>(
        &mut self,
        head: &Head,
        make: impl FnOnce(&Classes) -> Result<T, E>,
    ) -> Result<usize, E> {
        let mut known = self.models.iter();
        if let Some(index) = known.rposition(|it| it.classes.is_of(&head.class_names)) {
            return Ok(index);
        }
        let classes = Classes::new(&head.class_names, &self.wanted);
        // Heads that say something else each time do not fill the log.
        let is_new = self.logged.is_new(head.model.to_string());
        if let Some(complaint) = classes.complaint() {
            self.counters.stage_error("unknown_class");
            if is_new {
                error!(model = %head.model, "{complaint}");
            }
        }
        if is_new {
            info!(model = %head.model, format = %head.format, "first output of a model");
        }
        let made = make(&classes)?;
        self.models.push(Model { classes, made });
        Ok(self.models.len() - 1)
    }

    /// A model by its index.
    #[must_use]
    pub fn get(&self, index: usize) -> &Model<T> {
        &self.models[index]
    }
}
