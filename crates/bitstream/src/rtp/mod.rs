//! RTP payloads into access units (RFC 6184 for H.264, RFC 7798 for H.265).
//!
//! Cameras set the marker on every slice, on none, or on parameter sets; send the parameter
//! sets with the time of the frame before; send NAL unit types that nobody knows. So an
//! access unit is put together by its time stamp and by the flag of a picture's first slice,
//! and the marker only tells *when* a unit is complete, once it has proved to mean that.
//!
//! Everything is bounded: a unit that grows beyond the limit is an error ([`TooLarge`]), and
//! nothing else is kept.

mod assembler;
mod markers;
mod payload;

pub use assembler::{Assembler, Damage, Output, Packet, RtpUnit, TooLarge};
