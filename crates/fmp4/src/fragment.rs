//! Movie fragments: `moof` and `mdat`.

use camweave_bitstream::{NalCodec, NalKind, StartCodes, nals};
use mp4_atom::{Encode as _, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

use crate::error::Mp4Error;
use crate::initialization::TRACK_ID;
use crate::track::Track;

/// Bytes of the length before each NAL unit.
const LENGTH_BYTES: usize = 4;
/// Bytes of a box's size and type.
const BOX_BYTES: usize = 8;
/// ISO/IEC 14496-12, section 8.8.3.1: it depends on no other sample.
const KEYFRAME: u32 = 0x0200_0000;
/// It depends on others, and is none at which decoding may begin.
const DEPENDENT: u32 = 0x0101_0000;

/// One access unit of a fragment. Times are in units of the track's timescale.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The access unit, in Annex B form.
    pub unit: &'a [u8],
    /// From its decode time to that of the next sample.
    pub duration: u32,
    /// From its decode time to its presentation time.
    pub composition_offset: i32,
}

/// Whether players take the access unit, in Annex B form, for a keyframe: of H.264 an IDR picture, of
/// H.265 an IRAP picture. Decoding may begin at a recovery point of H.264 too, but players look for
/// IDR slices, whatever the sample's flags are, and neither begin nor seek there.
#[must_use]
pub fn is_sync(codec: NalCodec, unit: &[u8]) -> bool {
    let kinds = StartCodes::new(unit).map(|code| codec.kind(&unit[code.nal_at..]));
    let mut slices = kinds.filter(|kind| kind.is_slice());
    slices.next() == Some(NalKind::RandomAccessSlice)
}

impl Track {
    /// A movie fragment of these samples, in decoding order; the first one has the decode time
    /// `decode_time`. `sequence_number` counts the fragments of a file. Samples of which [`is_sync`]
    /// holds are marked as those at which decoding may begin.
    ///
    /// Parameter sets that the track has, and delimiters, are left out of the samples; other
    /// parameter sets stay where they are.
    ///
    /// # Errors
    /// If the samples have 4 GiB, or if a box cannot be written.
    pub fn fragment(
        &self,
        sequence_number: u32,
        decode_time: u64,
        samples: &[Sample<'_>],
    ) -> Result<Vec<u8>, Mp4Error> {
        let data: Vec<Vec<&[u8]>> = samples.iter().map(|it| self.nals_of(it.unit)).collect();
        let sizes: Vec<usize> = data.iter().map(|nals| size(nals)).collect();
        let bytes = sizes.iter().sum::<usize>() + BOX_BYTES;
        let box_size = u32::try_from(bytes).map_err(|_| Mp4Error::TooLong { bytes })?;
        let entries = samples.iter().zip(&sizes).map(|(sample, size)| TrunEntry {
            duration: Some(sample.duration),
            // No longer than the box.
            size: Some(*size as u32),
            flags: Some(if is_sync(self.codec, sample.unit) {
                KEYFRAME
            } else {
                DEPENDENT
            }),
            cts: Some(sample.composition_offset.into()),
        });
        let mut moof = moof(sequence_number, decode_time, entries.collect());
        let mut out = Vec::new();
        moof.encode(&mut out)?;
        // Where the samples begin follows from the length of the box that says it.
        moof.traf[0].trun[0].data_offset = Some((out.len() + BOX_BYTES) as i32);
        let capacity = out.len() + bytes;
        out.clear();
        out.reserve_exact(capacity);
        moof.encode(&mut out)?;
        out.extend_from_slice(&box_size.to_be_bytes());
        out.extend_from_slice(b"mdat");
        for nal in data.into_iter().flatten() {
            out.extend_from_slice(&(nal.len() as u32).to_be_bytes());
            out.extend_from_slice(nal);
        }
        Ok(out)
    }

    fn nals_of<'a>(&self, unit: &'a [u8]) -> Vec<&'a [u8]> {
        let stays = |nal: &&[u8]| match self.codec.kind(nal) {
            NalKind::Delimiter => false,
            kind if kind.is_parameter_set() => self.keeps_sets || !self.sets.contain(nal),
            _ => !nal.is_empty(),
        };
        nals(unit).filter(stays).collect()
    }
}

fn size(nals: &[&[u8]]) -> usize {
    nals.iter().map(|nal| LENGTH_BYTES + nal.len()).sum()
}

fn moof(sequence_number: u32, decode_time: u64, entries: Vec<TrunEntry>) -> Moof {
    let tfhd = Tfhd {
        track_id: TRACK_ID,
        default_base_is_moof: true,
        ..Tfhd::default()
    };
    let tfdt = Tfdt {
        base_media_decode_time: decode_time,
    };
    let trun = Trun {
        data_offset: Some(0),
        samples: entries.into(),
    };
    Moof {
        mfhd: Mfhd { sequence_number },
        traf: vec![Traf {
            tfhd,
            tfdt: Some(tfdt),
            trun: vec![trun],
            ..Traf::default()
        }],
    }
}
