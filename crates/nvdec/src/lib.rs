//! Decodes video with NVIDIA's decoding engines (NVDEC), into slots of device pools.
//!
//! A [`Decoder`] per camera: units in decode order in, pictures in presentation order out, each in
//! a slot of a [`camweave_cuda::CudaMemory`] pool. The engines write into surfaces of the driver's;
//! a surface is copied once, within the device, and given back. Many streams share the driver's
//! decoders ([`Chips`]); how it spreads those over the engines is its own matter.
//!
//! - H.264 and H.265 of 8 and 10 bits, VP9, and AV1 where the chip has it; 4:2:0 only. What the
//!   chip or this crate does not decode is refused with a line that names `sw-decode`.
//! - Streams that promise not to reorder are shown in decode order, without the delay that the
//!   parser else has; all others in the parser's presentation order.
//! - A few pictures stay under way while more units wait, so that the engines are never idle; none
//!   otherwise, so that a live picture comes out at once.
//! - Optionally the decoder scales pictures down ([`Limits::target`]), before the copy.
//! - On request ([`Decoder::expect_luma`]) a frame comes with its grid of luma, made behind the copy
//!   and there once the copy is.
//!
//! Layers, with calls only downward: [`sys`] is made of NVIDIA's headers at build time; [`Library`]
//! finds libnvcuvid at run time and turns codes into errors; the rest is safe.
//!
//! Tested without a GPU: declarations against the C compiler's, the loader, the plans of decoders
//! and slots, and the copies' arithmetic; with one: every picture against FFmpeg's, bit by bit.

mod capabilities;
mod chip;
mod decoder;
mod error;
mod hardware;
mod layout;
mod library;
mod luma;
mod parser;
mod seats;
mod stream;
pub mod sys;
mod trial;

pub use capabilities::{Capability, CapabilityError, capabilities};
pub use chip::Chips;
pub use decoder::{Decoder, Picture, Slots, released};
pub use error::{DecodeError, PictureError};
pub use library::{CallError, LIBRARY_NAMES, Library, LoadError};
pub use stream::{Codec, Limits, Refusal};
