//! What is wrong with settings.

use camweave_detect::infer::check_head_slots;
use camweave_stage::{Settings, StageError};

use crate::settings::TrtInferSettings;
use crate::source::Source;

impl Settings for TrtInferSettings {
    fn check(&self) -> Result<(), StageError> {
        let max_batch = self.max_batch;
        if self.opt_batch > max_batch {
            return Err(StageError::configuration(format!(
                "env OPT_BATCH='{}', expected at most MAX_BATCH ({max_batch})",
                self.opt_batch
            )));
        }
        check_head_slots(self.head_slots, max_batch as usize)
    }

    fn check_files(&self) -> Result<(), StageError> {
        Source::read(self).map(drop)
    }
}
