//! Access units of H.264 and H.265 as fragmented MP4 (ISO/IEC 14496-12 and 14496-15).
//!
//! A [`Track`] is made of a keyframe's own parameter sets. It gives the initialization segment
//! ([`Track::initialization`]) and movie fragments of one or more [`Sample`]s ([`Track::fragment`]).
//! Both, one after the other, are a file that grows; a player may begin with any fragment whose first
//! sample is a keyframe ([`is_sync`]). Times are the caller's, in units of the track's timescale.
//!
//! A file that has an end has more: [`Track::file_head`] keeps a place for its duration, and
//! [`random_access`] is the index that ends it. [`scan`] finds how much of a file is whole whose writer
//! was killed.
//!
//! Nothing is decoded, and slices are copied once.

mod avc;
mod error;
mod file;
mod fragment;
mod hevc;
mod initialization;
mod scan;
mod sets;
mod track;

pub use error::Mp4Error;
pub use file::{FileHead, random_access};
pub use fragment::{Sample, is_sync};
pub use scan::{FragmentAt, Whole, scan};
pub use track::Track;
