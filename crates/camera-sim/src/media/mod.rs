//! Media files as clips: H.264 and H.265 as they are, everything else re-encoded to H.264.

mod configuration;
mod extradata;
mod probe;
mod track;
mod transcode;

pub use probe::load;
