//! The output of a detector network, and the candidates in it.

mod decode;
mod error;
mod format;
mod shape;

pub use decode::{Candidate, HeadValue, decode};
pub use error::HeadError;
pub use format::{Activation, Background, BoxCoding, BoxSpace, HeadFormat, Order, Scores};
