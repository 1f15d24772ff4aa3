//! The parameter sets of a keyframe.

use camweave_bitstream::{NalCodec, NalKind, StartCodes};

use crate::error::Mp4Error;

/// A NAL unit with more bytes has no place in a decoder configuration record.
const MOST_BYTES: usize = u16::MAX as usize;
/// Sequence parameter sets: the count in `avcC` has five bits.
const MOST_SPS: usize = 31;
/// Picture parameter sets: the count in `avcC` has eight bits.
const MOST_PPS: usize = 255;

/// Those of one keyframe, without start codes, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sets {
    /// H.265 only.
    pub vps: Vec<Vec<u8>>,
    pub sps: Vec<Vec<u8>>,
    pub pps: Vec<Vec<u8>>,
}

impl Sets {
    /// Those before the slices of `unit`, an access unit in Annex B form.
    ///
    /// # Errors
    /// If a kind is missing that the codec needs, or if they have no room in a sample entry.
    pub fn read(codec: NalCodec, unit: &[u8]) -> Result<Self, Mp4Error> {
        let mut sets = Self::default();
        let codes = StartCodes::new(unit);
        for code in codes.clone() {
            let kind = codec.kind(&unit[code.nal_at..]);
            if kind.is_slice() {
                break;
            }
            let Some(list) = sets.of(kind) else {
                continue;
            };
            let nal = codes.nal(code.nal_at);
            if list.iter().all(|known| known != nal) {
                list.push(nal.to_vec());
            }
        }
        sets.check(codec)?;
        Ok(sets)
    }

    fn of(&mut self, kind: NalKind) -> Option<&mut Vec<Vec<u8>>> {
        match kind {
            NalKind::Vps => Some(&mut self.vps),
            NalKind::Sps => Some(&mut self.sps),
            NalKind::Pps => Some(&mut self.pps),
            _ => None,
        }
    }

    fn check(&self, codec: NalCodec) -> Result<(), Mp4Error> {
        let needs_vps = codec == NalCodec::H265;
        for (list, most, missing, is_needed) in [
            (&self.vps, MOST_SPS, "a video parameter set", needs_vps),
            (&self.sps, MOST_SPS, "a sequence parameter set", true),
            (&self.pps, MOST_PPS, "a picture parameter set", true),
        ] {
            if is_needed && list.is_empty() {
                return Err(Mp4Error::NoParameterSets { missing });
            }
            let bytes = list.iter().map(Vec::len).max().unwrap_or(0);
            if list.len() > most || bytes > MOST_BYTES {
                let count = list.len();
                return Err(Mp4Error::TooManySets { count, bytes, most });
            }
        }
        Ok(())
    }

    /// Whether `nal` is one of them.
    pub fn contain(&self, nal: &[u8]) -> bool {
        let mut all = self.vps.iter().chain(&self.sps).chain(&self.pps);
        all.any(|known| known == nal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: [u8; 6] = [0, 0, 1, 0x67, 66, 7];
    const PPS: [u8; 6] = [0, 0, 0, 1, 0x68, 9];
    const IDR: [u8; 5] = [0, 0, 1, 0x65, 1];

    #[test]
    fn sets_count_before_the_slices_and_once() {
        let unit = [&SPS[..], &PPS, &SPS, &IDR, &[0, 0, 1, 0x68, 8]].concat();
        let sets = Sets::read(NalCodec::H264, &unit).expect("both kinds");
        assert_eq!(sets.sps, [[0x67, 66, 7]]);
        assert_eq!(sets.pps, [[0x68, 9]]);
        assert!(sets.contain(&[0x68, 9]) && !sets.contain(&[0x68, 8]));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        let error = |unit: &[u8]| Sets::read(NalCodec::H264, unit).expect_err("refused");
        let missing = error(&[&SPS[..], &IDR].concat());
        assert_eq!(
            missing.to_string(),
            "an access unit without a picture parameter set before its slices, expected those of a keyframe"
        );
        let many: Vec<u8> = (1..=32).flat_map(|it| [0, 0, 1, 0x67, it]).collect();
        let many = error(&[&many[..], &PPS, &IDR].concat());
        assert!(
            matches!(many, Mp4Error::TooManySets { count: 32, .. }),
            "{many}"
        );
        let h265 = Sets::read(NalCodec::H265, &[0, 0, 1, 33 << 1, 1, 7]);
        assert!(h265.is_err_and(|it| it.to_string().contains("a video parameter set")));
    }
}
