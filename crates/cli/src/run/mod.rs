//! Measuring a graph: what it sees, and what its run costs. `demo`, `profile`, `bench` and `ab`
//! share it; dora and the simulated cameras are `camweave-runner`'s.

mod feed;
mod gpu;
mod interruption;
mod measure;
mod scenes;
mod slices;
mod spans;

use std::ffi::OsString;

pub use feed::{Feeder, Footage, OwnCameras, Pace, clocks};
pub use gpu::card;
pub use interruption::interruption;
pub use measure::{Findings, Plan, measure};
pub use scenes::Scenes;
pub use slices::{Sliced, Slices, measure_in_slices};
pub use spans::spans_between;

/// The value of `SIMULATED_VARIABLE` for a graph.
pub fn simulated(is_simulated: bool) -> OsString {
    OsString::from(if is_simulated { "1" } else { "0" })
}
