//! Looks at one camera for some seconds, with the clients that the pipeline uses: what it sends, how
//! fast, by which clock, and what is unusual about it.
//!
//! ```no_run
//! # use camweave_probe::{Options, Step, probe};
//! # async fn example(camera: &camweave_cameras::Camera) {
//! let options = Options { with_image: true, ..Options::default() };
//! match probe(camera, &options, |step| if let Step::Playing { codec } = step { /* show it */ }).await {
//!     Ok(found) => { /* found.frame_rate, found.remarks, found.image */ }
//!     Err(failure) => { /* failure, failure.kind.advice() */ }
//! }
//! # }
//! ```

mod image;
mod measure;
mod remarks;
mod watch;

pub use camweave_camera_client::{Failure, FailureKind};
pub use camweave_image::Image;
pub use image::{FrameDecoder, ImageError};
pub use measure::{Clock, KeyframeInterval, Stream};
pub use remarks::Remark;
pub use watch::{Options, Probed, Step, probe};

#[cfg(test)]
mod probe_tests;
