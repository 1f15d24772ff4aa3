//! The output of a detector network, and the candidates in it.

mod decode;
mod format;
mod layout;

pub use decode::{Candidate, HeadValue, decode};
pub use format::{Activation, Background, BoxCoding, BoxSpace, HeadFormat, Order, Scores};
pub use layout::{HeadError, HeadLayout};
