//! What the stages of a second-stage model share, whatever computes: detections in, detections with
//! attributes or embeddings out.
//!
//! [`SecondStage`] is the stage: [`Asking`] decides which objects the model is asked about, keeps what it has said of each track,
//! and passes rows on, in order and without waiting for a model that is behind. A stage brings a
//! [`Backend`], which runs on a thread of its own.

mod asking;
mod classes;
mod crops;
pub mod facts;
mod failures;
mod opinion;
mod settings;
mod stage;
mod tracks;
mod work;

pub use asking::Asking;
pub use settings::AskSettings;
pub use stage::{Kind, SecondStage};
pub use work::{Ask, Backend, Outcome};
