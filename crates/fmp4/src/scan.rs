//! What of a file is whole: one whose writer was killed ends in the middle of a fragment.

use std::io::{self, Read, Seek, SeekFrom};

use mp4_atom::{Moof, ReadFrom as _};

/// Bytes of a box's size and type.
const HEADER_BYTES: u64 = 8;
/// No fragment's head is longer: it has some 16 bytes a sample.
const MOST_HEAD_BYTES: u64 = 16 << 20;
/// ISO/IEC 14496-12, section 8.8.3.1: the sample depends on others.
const IS_NON_SYNC: u32 = 0x0001_0000;

/// A fragment that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentAt {
    /// Where it begins in the file.
    pub offset: u64,
    /// How many samples it has.
    pub samples: u32,
    /// The decode time of its first sample.
    pub decode_time: u64,
    /// The presentation time of its first sample.
    pub presentation_time: u64,
    /// Where its last sample ends in decode time.
    pub end_time: u64,
    /// Whether its first sample is a keyframe.
    pub is_sync: bool,
}

/// What is whole of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Whole {
    /// How many bytes are, from the file's start; 0 where not even the initialization segment is.
    pub bytes: u64,
    /// The fragments in them.
    pub fragments: Vec<FragmentAt>,
}

impl Whole {
    /// Samples in all fragments.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.fragments.iter().map(|it| u64::from(it.samples)).sum()
    }
}

/// Reads the boxes of a file that this crate has written, up to the first that is cut off or is none.
/// Neither samples nor more than a fragment's head are kept in memory.
///
/// # Errors
/// The file cannot be read.
pub fn scan(file: &mut (impl Read + Seek)) -> io::Result<Whole> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut whole = Whole::default();
    let mut at = 0;
    let mut has_moov = false;
    let mut head: Option<FragmentAt> = None;
    while let Some((kind, size)) = header(file, at, length)? {
        match &kind {
            b"ftyp" => {}
            b"moov" => {
                has_moov = true;
                whole.bytes = at + size;
            }
            b"moof" if has_moov && size <= MOST_HEAD_BYTES => {
                head = fragment(file, at, size)?;
                if head.is_none() {
                    break;
                }
            }
            b"mdat" => {
                let Some(found) = head.take() else { break };
                whole.fragments.push(found);
                whole.bytes = at + size;
            }
            _ => break,
        }
        at += size;
    }
    Ok(whole)
}

/// The box at `at`, if all of it is in the file.
fn header(
    file: &mut (impl Read + Seek),
    at: u64,
    length: u64,
) -> io::Result<Option<([u8; 4], u64)>> {
    if length.saturating_sub(at) < HEADER_BYTES {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let (mut size, mut kind) = ([0; 4], [0; 4]);
    file.read_exact(&mut size)?;
    file.read_exact(&mut kind)?;
    let size = u64::from(u32::from_be_bytes(size));
    Ok((size >= HEADER_BYTES && size <= length - at).then_some((kind, size)))
}

fn fragment(
    file: &mut (impl Read + Seek),
    offset: u64,
    size: u64,
) -> io::Result<Option<FragmentAt>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    // A box of zeros, or of what was there before, is no end that this crate has written.
    let Ok(moof) = Moof::read_from(&mut bytes.as_slice()) else {
        return Ok(None);
    };
    let track = moof.traf.first();
    let found = track.and_then(|it| {
        let decode_time = it.tfdt.as_ref()?.base_media_decode_time;
        let samples = &it.trun.first()?.samples;
        let first = samples.get(0)?;
        let length: u64 = samples
            .iter()
            .map(|it| u64::from(it.duration.unwrap_or(0)))
            .sum();
        let shift = first.cts.unwrap_or(0);
        Some(FragmentAt {
            offset,
            samples: samples.len() as u32,
            decode_time,
            presentation_time: decode_time.saturating_add_signed(shift),
            end_time: decode_time.saturating_add(length),
            is_sync: first.flags.unwrap_or(IS_NON_SYNC) & IS_NON_SYNC == 0,
        })
    });
    Ok(found)
}
