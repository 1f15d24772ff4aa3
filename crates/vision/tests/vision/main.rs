//! Tests of the public interface, against references written independently of it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod formats;
mod head;
mod input;
mod letterbox;
mod metrics;
mod nms;
mod picture;
mod reference;
mod region;
mod tasks;
