//! What a file has that is not sent to players piece by piece: a place for its duration, and an index
//! of its fragments.

use mp4_atom::{Encode as _, FragmentInfo, Mehd, Mfra, Mfro, Tfra};

use crate::error::Mp4Error;
use crate::initialization::TRACK_ID;
use crate::scan::FragmentAt;
use crate::track::Track;

/// Of the box with the duration: size, type, version and flags.
const MEHD_HEADER_BYTES: usize = 12;
/// The duration itself.
const DURATION_BYTES: usize = 8;

/// How a file begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHead {
    /// The initialization segment.
    pub bytes: Vec<u8>,
    /// Where in it the duration is: eight bytes, big-endian, in units of the timescale; 0 until it is
    /// known.
    pub duration_at: usize,
}

impl Track {
    /// The initialization segment of a file that is to have an end: as [`Track::initialization`], with
    /// a place where its duration is written once it is known.
    ///
    /// # Errors
    /// If a box cannot be written.
    pub fn file_head(&self) -> Result<FileHead, Mp4Error> {
        let mut mehd = Vec::new();
        Mehd::default().encode(&mut mehd)?;
        debug_assert_eq!(mehd.len(), MEHD_HEADER_BYTES + DURATION_BYTES);
        let bytes = self.initialization_with(|mvex| {
            mvex.mehd = Some(Mehd::default());
        })?;
        let found = bytes.windows(mehd.len()).position(|it| it == mehd);
        let at = found.ok_or(mp4_atom::Error::MissingBox(mp4_atom::FourCC::new(b"mehd")))?;
        Ok(FileHead {
            bytes,
            duration_at: at + MEHD_HEADER_BYTES,
        })
    }
}

/// The index of these fragments, which ends a file: players that seek need not read all that is
/// before. Fragments that begin with no keyframe are left out.
///
/// # Errors
/// If a box cannot be written.
pub fn random_access(fragments: &[FragmentAt]) -> Result<Vec<u8>, Mp4Error> {
    let begins = fragments.iter().filter(|it| it.is_sync);
    let entries = begins.map(|it| FragmentInfo {
        time: it.presentation_time,
        moof_offset: it.offset,
        traf_number: 1,
        trun_number: 1,
        sample_delta: 1,
    });
    let mut mfra = Mfra {
        tfra: vec![Tfra {
            track_id: TRACK_ID,
            entries: entries.collect(),
        }],
        mfro: Mfro::default(),
    };
    let mut bytes = Vec::new();
    mfra.encode(&mut bytes)?;
    mfra.mfro.parent_size = bytes.len() as u32;
    bytes.clear();
    mfra.encode(&mut bytes)?;
    Ok(bytes)
}
