//! Names of facts that more than one program reads.

/// Rows that a stage takes at once at most: of a detector, frames of one inference.
pub const BATCH_AT_MOST: &str = "batch_at_most";
