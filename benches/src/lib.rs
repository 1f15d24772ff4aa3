//! What the comparisons share: the order of runs, ratios with their spread, and this process's CPU
//! time.

pub mod cpu;
pub mod json;
pub mod pairs;
pub mod rows;
