//! The output of a detector network, and the candidates in it.

mod decode;
mod layout;

pub use decode::{Candidate, HeadValue, decode};
pub use layout::{HeadError, HeadLayout};
