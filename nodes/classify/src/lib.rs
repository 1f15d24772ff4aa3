//! Asks a second-stage model about detected objects, on the CPU.
//!
//! Crops are parts of frames in the decoder's pools, resized straight into the network's input. Whom
//! to ask and what becomes of the answers is in `camweave_second_stage`, the engines are in
//! `camweave_infer`. [`Classify`] is the stage, [`Network`] the network without it.

mod answer;
mod backend;
mod drops;
mod facts;
mod network;
mod settings;
mod stage;

pub use answer::answer;
pub use camweave_infer::use_program;
pub use network::Network;
pub use settings::ClassifySettings;
pub use stage::Classify;
