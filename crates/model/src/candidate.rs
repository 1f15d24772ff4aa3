//! What outputs of some shapes may be.

use camweave_vision::Order;

use crate::beside::Beside;
use crate::family::Family;

/// A family, and where its values are.
pub(crate) struct Candidate {
    pub family: Family,
    pub outputs: Vec<usize>,
    pub order: Order,
    pub places: usize,
    /// Values of a place after its box, if they are in one output with it; else of its scores.
    pub values: usize,
    pub beside: Beside,
    pub why: String,
}
