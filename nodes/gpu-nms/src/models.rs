//! The models whose heads have come: their classes' names, and which of them are kept.

use camweave_cpu_nms::Classes;
use camweave_cuda::heads::ClassMask;
use camweave_cuda::{CudaError, Stream};
use camweave_message::Head;
use camweave_stage::Context;
use tracing::{error, info};

/// Models kept in mind.
const MAX_MODELS: usize = 16;
/// Ids of classes that a mask can name, as of a model without names.
const MAX_CLASSES: u32 = 65_536;

/// One model's classes.
pub struct Model {
    pub classes: Classes,
    /// On the device; none: all are kept.
    pub mask: Option<ClassMask>,
}

/// Of the last few models seen; the newest last.
#[derive(Default)]
pub struct Models(Vec<Model>);

impl Models {
    /// Makes room, so that [`Self::index_of`] for these rows moves nothing that it has returned.
    pub fn begin(&mut self) {
        let surplus = self.0.len().saturating_sub(MAX_MODELS);
        self.0.drain(..surplus);
    }

    /// The index of a head's model, valid until the next [`Self::begin`].
    pub fn index_of(
        &mut self,
        head: &Head,
        wanted: &[String],
        stream: &Stream,
        context: &Context,
    ) -> Result<usize, CudaError> {
        let known = self.0.iter();
        if let Some(index) = { known }.rposition(|it| it.classes.is_of(&head.class_names)) {
            return Ok(index);
        }
        let classes = Classes::new(&head.class_names, wanted);
        if let Some(complaint) = classes.complaint() {
            context.counters.stage_error("unknown_class");
            error!(model = %head.model, "{complaint}");
        }
        info!(model = %head.model, end_to_end = head.end_to_end, "first head of a model");
        let mask = match kept(&classes) {
            Some(kept) => Some(ClassMask::new(stream, &kept)?),
            None => None,
        };
        self.0.push(Model { classes, mask });
        Ok(self.0.len() - 1)
    }

    /// A model by its index.
    pub fn get(&self, index: usize) -> &Model {
        &self.0[index]
    }
}

/// Whether each class is kept, up to the last one that is; `None` for all.
fn kept(classes: &Classes) -> Option<Vec<bool>> {
    if classes.keeps_all() {
        return None;
    }
    let mut kept: Vec<bool> = (0..MAX_CLASSES).map(|id| classes.keeps(id)).collect();
    let end = kept
        .iter()
        .rposition(|&kept| kept)
        .map_or(0, |last| last + 1);
    kept.truncate(end);
    Some(kept)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_mask_ends_with_the_last_class_that_is_kept() {
        let names: Arc<str> = Arc::from("person\ncar\ntruck");
        let mask = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|&word| word.to_owned()).collect();
            kept(&Classes::new(&names, &wanted))
        };
        assert_eq!(mask(&[]), None);
        assert_eq!(mask(&["car"]), Some(vec![false, true]));
        assert_eq!(mask(&["truck", "0"]), Some(vec![true, false, true]));
        assert_eq!(mask(&["cat"]), Some(vec![]));
    }
}
