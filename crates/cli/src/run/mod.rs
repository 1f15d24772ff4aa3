//! Running a graph: cameras, dora, and what the run costs. `demo`, `profile`, `bench` and `ab`
//! share it.

mod cost;
mod dataflow;
mod feed;
mod gpu;
mod measure;
mod process;
mod simulator;
mod slices;
mod snapshot;
mod spans;

pub use cost::thread_nanos;
pub use dataflow::{Dataflow, Launch};
pub use feed::{Feeder, Footage, OwnCameras, Pace};
pub use gpu::card;
pub use measure::{Findings, Plan, measure};
pub use process::interruption;
pub use simulator::{Scenes, Simulator};
pub use slices::{Sliced, Slices, measure_in_slices};
pub use snapshot::Snapshot;
pub use spans::spans_between;
