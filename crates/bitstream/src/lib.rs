//! What a source must know of coded video, in safe Rust and without decoding.
//!
//! - [`NalCodec`] and [`StartCodes`]: the NAL units of an Annex B byte stream and
//!   their kinds (ITU-T H.264, table 7-1 and annex B; ITU-T H.265, table 7-1 and annex B).
//! - [`ParameterSets`]: finds keyframes and puts parameter sets before
//!   each of them, so that a decoder can join at any.
//! - [`Configuration`]: the `avcC` and `hvcC` records of MP4 and Matroska files
//!   (ISO/IEC 14496-15, sections 5.3.3.1 and 8.3.3.1) and their length-prefixed units.
//! - [`is_fragment`]: whether an access unit lacks the beginning of its picture.
//! - [`is_disposable`]: whether no other picture refers to that of an access unit.
//! - [`presents_in_decode_order`]: whether a decoder may output pictures at once; [`picture_size`]
//!   and [`sample_format`]: what the same parameter set says of the pictures.
//! - [`Mpeg4Headers`]: the headers of MPEG-4 part 2 before each intra-coded picture
//!   (ISO/IEC 14496-2, section 6.2).
//! - [`rtp`]: RTP payloads into access units, however the camera cuts them.
//! - [`av1`]: sequence headers of AV1 (AV1 specification, section 5.3).

pub mod av1;
mod bits;
mod configuration;
mod fragment;
mod mpeg4;
mod nal;
mod order;
mod parameter_sets;
pub mod rtp;

pub use bits::payload;
pub use configuration::{BitstreamError, Configuration};
pub use fragment::is_fragment;
pub use mpeg4::Mpeg4Headers;
pub use nal::{
    END_OF_SEQUENCE_H265, NalCodec, NalKind, START_CODE, StartCode, StartCodes, is_disposable,
    layer_of, nals,
};
pub use order::{
    SampleFormat, has_sequence_parameters, picture_size, presents_in_decode_order, sample_format,
};
pub use parameter_sets::{AccessUnit, ParameterSets};
