//! The output of a detector network, and the candidates in it.

mod boxes;
mod decode;
mod error;
mod exp;
mod extra;
mod format;
mod scores;
mod shape;
mod strides;
mod validate;
mod value;

pub use decode::{Candidate, decode};
pub use error::HeadError;
pub use format::{Activation, Background, BoxCoding, BoxSpace, HeadFormat, Order, Scores, Task};
pub use strides::Strides;
pub use validate::MAX_MULTI_LABEL;
pub use value::HeadValue;
