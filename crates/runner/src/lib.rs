//! Running graphs: what the `camweave` command, the end-to-end tests and the benchmarks share.
//!
//! - [`Dataflow`]: a graph under `dora run`, started, watched and stopped.
//! - [`Simulator`]: simulated cameras, a process of their own.
//! - [`Snapshot`]: counters and CPU time of all processes of a run at one moment.
//! - [`CpuTime`], [`threads`], [`memory_mib`]: what processes and threads cost, read from `/proc`.
//! - [`places`]: where dora, the other programs and the checkout are.
//! - [`graph`]: a graph's file, as a program writes one.
//!
//! What a run measures, and whether that is good, is the caller's.

mod cost;
mod dataflow;
mod error;
pub mod graph;
pub mod places;
mod process;
mod simulator;
mod snapshot;
pub mod threads;

pub use cost::{CpuTime, family, is_alive, machine_nanos, memory_mib, parent, private_mib};
pub use dataflow::{Dataflow, Launch, claim_log};
pub use error::RunError;
pub use process::{environment_contains, signal, wait_until};
pub use simulator::{CameraRecord, Simulator, read_record};
pub use snapshot::Snapshot;
