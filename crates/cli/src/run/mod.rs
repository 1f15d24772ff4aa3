//! Measuring a graph: what it sees, and what its run costs. `demo`, `profile`, `bench` and `ab`
//! share it; dora and the simulated cameras are `camweave-runner`'s.

mod feed;
mod gpu;
mod interruption;
mod measure;
mod scenes;
mod slices;
mod spans;

pub use feed::{Feeder, Footage, OwnCameras, Pace};
pub use gpu::card;
pub use interruption::interruption;
pub use measure::{Findings, Plan, measure};
pub use scenes::Scenes;
pub use slices::{Sliced, Slices, measure_in_slices};
pub use spans::spans_between;
