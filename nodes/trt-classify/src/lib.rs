//! Asks a second-stage model about detected objects, with TensorRT.
//!
//! Crops are parts of frames in the decoder's device memory, resized by the letterbox kernel straight
//! into the network's input. Whom to ask and what becomes of the answers is in `camweave_second_stage`.

mod backend;
mod drops;
mod facts;
mod network;
mod session;
mod settings;
mod stage;

pub use settings::TrtClassifySettings;
pub use stage::TrtClassify;
