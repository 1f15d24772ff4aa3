//! What the comparisons share: the order of runs, ratios with their spread, the CPU time of
//! processes, and graphs under `dora run`.

pub mod cpu;
pub mod graph;
pub mod json;
pub mod pairs;
pub mod rows;
