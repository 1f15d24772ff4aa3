//! Why frames are dropped here, as it is in the counters: as in `sw-decode`, and two reasons more.

use camweave_decode::reason::{ALL, NO_DECODER_LEFT, ROTATED};
use camweave_stage::DropReason;

const MORE: [DropReason; 2] = [
    DropReason {
        name: NO_DECODER_LEFT,
        help: "the GPU opens no more decoders: the camera waits until another's is closed",
    },
    DropReason {
        name: ROTATED,
        help: "the file's frames must be rotated, which nvdec cannot do",
    },
];

pub(crate) const DROPS: &[DropReason] = &both();

const fn both() -> [DropReason; ALL.len() + MORE.len()] {
    let mut all = [MORE[0]; ALL.len() + MORE.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] = if index < ALL.len() {
            ALL[index]
        } else {
            MORE[index - ALL.len()]
        };
        index += 1;
    }
    all
}
