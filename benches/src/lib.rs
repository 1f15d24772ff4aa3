//! What the benchmarks share: the order of runs, ratios with their spread, this process's CPU time,
//! and the options of those of one GPU.

pub mod cpu;
pub mod gpu;
pub mod json;
pub mod pairs;
pub mod rows;
