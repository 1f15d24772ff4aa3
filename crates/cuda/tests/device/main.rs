//! What only a device can show: memory, streams, and pools between processes. Skipped where there
//! is none, unless `CAMWEAVE_REQUIRE_GPU` is 1.

mod conformance;
mod luma;
mod one_queue;
mod owners;
mod processes;
mod streams;
mod timeline;
