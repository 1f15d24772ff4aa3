//! Which classes of a model are kept, as the device has it.

use camweave_cuda::heads::ClassMask;
use camweave_cuda::{CudaError, Stream};
use camweave_detect::postprocess::Classes;

/// Ids of classes that a mask can name, as of a model without names.
const MAX_CLASSES: u32 = 65_536;

/// The mask of a model; `None`: all are kept.
pub fn mask(classes: &Classes, stream: &Stream) -> Result<Option<ClassMask>, CudaError> {
    let kept = kept(classes);
    kept.map(|kept| ClassMask::new(stream, &kept)).transpose()
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
