//! What an ONNX file of a detector is, before and after an engine has it, or of a [`Classifier`].
//!
//! [`ModelFile`] reads a file, its exporter's [`Metadata`] and `MODEL.yml` beside it ([`ModelSettings`]);
//! [`describe`] gives the [`Description`]s that fit it and the shapes of its outputs, and [`decide`]
//! the one that its outputs of some pictures fit. The stages that run models share it, so that a file
//! means the same to each of them.

mod any_family;
mod beside;
mod candidate;
mod class_names;
mod classifier;
mod classifier_settings;
mod classifier_text;
mod classifier_trial;
mod decide;
mod describe;

mod error;
mod export;
mod external;
mod facts;
mod family;
mod file;
mod graph;
mod init;
mod input;
mod known;
mod literal;
mod metadata;
pub mod onnx;
mod operators;
mod parts;
mod places;
mod scene;
mod settings;
mod size;
mod task;
mod usage;
mod values;
mod whole;
mod words;

pub use any_family::AnyFamily;
pub use classifier::{Answer, Classifier, ClassifierDraft, Meaning};
pub use classifier_settings::{ClassActivation, ClassifierFamily, ClassifierSettings};
pub use classifier_text::classifier_text;
pub use classifier_trial::ClassifierTrial;
pub use decide::{decide, resembles};
pub use describe::{Description, declared, describe};
pub use error::{ModelError, ModelErrorKind};
pub use export::advice;
pub use family::{Family, Preset, ScoreKind, TaskKind};
pub use file::{ElementType, FileFacts, ModelFile, ModelInput, ModelOutput};
pub use graph::Signs;
pub use init::settings_text;
pub use input::{crop_size, input_size};
pub use metadata::{Metadata, numbered};
pub use scene::scenes;
pub use settings::{InputSettings, ModelSettings, Names, Outputs, settings_path};
pub use size::{MAX_CONSTANT_BYTES, MAX_HEAD_BYTES, MAX_INPUT_BYTES, MAX_TENSOR_BYTES};
pub use task::Task;
pub use usage::usage;
