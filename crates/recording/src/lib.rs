//! Clips of cameras, without re-encoding.
//!
//! ```text
//! units ------> Ring --+--> OpenClip --jobs--> Disk (threads) --> ClipFile --> <stem>.mp4.part
//! events ---> Camera --+        |                                     |  finish: <stem>.json, <stem>.mp4
//! detections -----------------> notes                              Keeper: how long clips are kept
//! ```
//!
//! - [`Recorder`]: takes rows, never waits for a disk, and says what it did ([`Report`]).
//! - [`Plan`]: what is recorded, and how much memory that may take.
//! - [`Store`]: the folder of clips. Opening it salvages what a killed process has left.
//! - [`clips`] and [`Sidecar`]: what is in such a folder, from its files alone.
//!
//! A clip is `<camera>/<YYYY-MM-DD>/<camera>-<YYYYMMDD>T<HHMMSS>.<mmm>Z.mp4` (UTC, when its first
//! frame was captured) and a sidecar `.json` of the same stem. While it is written, it has the name
//! `.mp4.part`, and what is to be in the sidecar is in a hidden file of lines beside it.

mod camera;
mod captured;
mod clip_file;
mod coded;
mod disk;
mod files;
mod finish;
mod index;
mod keeper;
mod lent;
mod line;
mod media_clock;
mod moments;
mod name;
mod notes;
mod open_clip;
mod plan;
mod queue;
mod recorder;
mod report;
mod ring;
mod seen;
mod sidecar;
mod store;
mod worker;

pub use index::{Clip, clips, read_sidecar};
pub use name::ClipName;
pub use notes::{ClipHead, EventNote, FrameNote, SeenNote};
pub use plan::{Mode, Plan};
pub use recorder::{Recorder, Taken};
pub use report::{Report, loss};
pub use sidecar::{ClipFrame, Sidecar};
pub use store::{Salvaged, Store};
