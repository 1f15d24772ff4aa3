use std::collections::BTreeMap;

use crate::bits::{Bits, payload};
use crate::nal::{NalCodec, NalKind, START_CODE, StartCodes};

/// A larger parameter set is damage: real ones have some hundred bytes, with all scaling lists
/// a few thousand.
const MAX_SET_BYTES: usize = 16 * 1024;
/// So many bytes of parameter sets are kept: they are put before every keyframe.
const MAX_BYTES: usize = 64 * 1024;
/// The highest picture parameter set id (H.264: 255; H.265: 63).
const MAX_ID: u32 = 255;

/// The parameter sets of a stream as last seen, by kind and id.
#[derive(Debug, Clone)]
pub struct ParameterSets {
    codec: NalCodec,
    sets: BTreeMap<(NalKind, u32), Box<[u8]>>,
}

/// One access unit after [`ParameterSets::complete`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// Annex B.
    pub data: Vec<u8>,
    /// Whether decoding can begin here: H.264 IDR or recovery point (section D.2.8 of H.264),
    /// H.265 BLA, IDR or CRA.
    pub random_access: bool,
}

/// What stands before the first slice of a unit.
struct Preamble {
    /// Each parameter set with its key, from its start code to the next one.
    sets: Vec<((NalKind, u32), std::ops::Range<usize>)>,
    /// Behind the access unit delimiter, if the unit begins with one.
    insert_at: usize,
    random_access: bool,
}

impl ParameterSets {
    /// Nothing known yet.
    #[must_use]
    pub fn new(codec: NalCodec) -> Self {
        Self {
            codec,
            sets: BTreeMap::new(),
        }
    }

    /// Takes over the parameter sets in `annex_b`, such as those of an SDP or a file header.
    pub fn learn(&mut self, annex_b: &[u8]) {
        let codes = StartCodes::new(annex_b);
        for code in codes.clone() {
            self.keep(codes.nal(code.nal_at));
        }
    }

    /// Whether every kind that the codec needs has been seen.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let has = |kind| self.sets.keys().any(|key| key.0 == kind);
        let vps = self.codec == NalCodec::H264 || has(NalKind::Vps);
        vps && has(NalKind::Sps) && has(NalKind::Pps)
    }

    /// Learns from the unit, and says whether it is a keyframe. If it is,
    /// and lacks parameter sets that were seen before, it gets them: after its access
    /// unit delimiter, in the order VPS, SPS, PPS. Any other unit stays as it is.
    #[must_use]
    pub fn complete(&mut self, data: Vec<u8>) -> AccessUnit {
        let preamble = self.read_preamble(&data);
        let random_access = preamble.random_access;
        let present = |key: &(NalKind, u32)| preamble.sets.iter().any(|(found, _)| found == key);
        if !random_access || self.sets.keys().all(present) {
            return AccessUnit {
                data,
                random_access,
            };
        }
        let added: usize = self
            .sets
            .values()
            .map(|set| START_CODE.len() + set.len())
            .sum();
        let mut complete = Vec::with_capacity(data.len() + added);
        complete.extend_from_slice(&data[..preamble.insert_at]);
        for set in self.sets.values() {
            complete.extend_from_slice(&START_CODE);
            complete.extend_from_slice(set);
        }
        // The unit's own sets stand in the row above already.
        let mut from = preamble.insert_at;
        for (_, range) in &preamble.sets {
            complete.extend_from_slice(&data[from..range.start.max(from)]);
            from = range.end;
        }
        complete.extend_from_slice(&data[from..]);
        AccessUnit {
            data: complete,
            random_access,
        }
    }

    fn read_preamble(&mut self, data: &[u8]) -> Preamble {
        let codes = StartCodes::new(data);
        let mut preamble = Preamble {
            sets: Vec::new(),
            insert_at: 0,
            random_access: false,
        };
        let mut recovery_point = false;
        let mut open: Option<usize> = None; // a set or delimiter whose end is not known yet
        for code in codes.clone() {
            if let Some(index) = open.take() {
                match preamble.sets.get_mut(index) {
                    Some((_, range)) => range.end = code.code_at,
                    None => preamble.insert_at = code.code_at,
                }
            }
            match self.codec.kind(&data[code.nal_at..]) {
                NalKind::RandomAccessSlice => {
                    preamble.random_access = true;
                    return preamble;
                }
                NalKind::Slice => {
                    preamble.random_access = recovery_point;
                    return preamble;
                }
                NalKind::Sei if self.codec == NalCodec::H264 => {
                    recovery_point |= has_recovery_point(codes.nal(code.nal_at));
                }
                NalKind::Delimiter if preamble.sets.is_empty() && code.code_at == 0 => {
                    open = Some(usize::MAX);
                }
                kind if kind.is_parameter_set() => {
                    if let Some(key) = self.keep(codes.nal(code.nal_at)) {
                        open = Some(preamble.sets.len());
                        preamble.sets.push((key, code.code_at..data.len()));
                    }
                }
                _ => {}
            }
        }
        preamble
    }

    /// Keeps `nal` if it is a parameter set; its key then.
    fn keep(&mut self, nal: &[u8]) -> Option<(NalKind, u32)> {
        let kind = self.codec.kind(nal);
        if !kind.is_parameter_set() || nal.len() > MAX_SET_BYTES {
            return None;
        }
        let id = self.set_id(kind, nal).filter(|id| *id <= MAX_ID)?;
        let known = self.sets.get(&(kind, id)).is_some_and(|set| **set == *nal);
        if !known {
            let others = self.sets.iter().filter(|(key, _)| **key != (kind, id));
            let bytes: usize = others.map(|(_, set)| set.len()).sum();
            if bytes + nal.len() > MAX_BYTES {
                return None;
            }
            self.sets.insert((kind, id), Box::from(nal));
        }
        Some((kind, id))
    }

    /// H.264, sections 7.3.2.1.1 and 7.3.2.2; H.265, sections 7.3.2.1 to 7.3.2.3.
    fn set_id(&self, kind: NalKind, nal: &[u8]) -> Option<u32> {
        let header_bytes = match self.codec {
            NalCodec::H264 => 1,
            NalCodec::H265 => 2,
        };
        let bytes = payload(nal, header_bytes, 256);
        let mut bits = Bits::new(&bytes);
        match (self.codec, kind) {
            (NalCodec::H265, NalKind::Vps) => bits.read(4),
            (NalCodec::H265, NalKind::Sps) => {
                bits.skip(4); // sps_video_parameter_set_id
                let sub_layers = bits.read(3)?;
                bits.skip(1); // sps_temporal_id_nesting_flag
                skip_profile_tier_level(&mut bits, sub_layers)?;
                bits.read_ue()
            }
            (NalCodec::H264, NalKind::Sps) => {
                bits.skip(24); // profile_idc, constraint flags, level_idc
                bits.read_ue()
            }
            _ => bits.read_ue(),
        }
    }
}

/// H.265, section 7.3.3, with `profilePresentFlag` 1.
pub(crate) fn skip_profile_tier_level(
    bits: &mut Bits<'_>,
    max_sub_layers_minus1: u32,
) -> Option<()> {
    bits.skip(88 + 8); // general profile, general_level_idc
    let mut profile_bits = 0;
    for _ in 0..max_sub_layers_minus1 {
        let profile = bits.read(1)?;
        let level = bits.read(1)?;
        profile_bits += 88 * profile as usize + 8 * level as usize;
    }
    if max_sub_layers_minus1 > 0 {
        bits.skip(2 * (8 - max_sub_layers_minus1 as usize));
    }
    bits.skip(profile_bits);
    Some(())
}

/// Whether an H.264 SEI unit holds a recovery point message (sections 7.3.2.3.1 and D.1.8).
fn has_recovery_point(nal: &[u8]) -> bool {
    const RECOVERY_POINT: usize = 6;
    let bytes = payload(nal, 1, 4096);
    let mut rest = bytes.as_slice();
    // The last byte is the trailing bits.
    while rest.len() > 2 {
        let (Some(kind), Some(size)) = (sei_number(&mut rest), sei_number(&mut rest)) else {
            return false;
        };
        if kind == RECOVERY_POINT {
            return true;
        }
        match rest.get(size..) {
            Some(next) => rest = next,
            None => return false,
        }
    }
    false
}

fn sei_number(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value += usize::from(byte);
        if byte != 0xff {
            return Some(value);
        }
    }
}

#[cfg(test)]
#[path = "parameter_sets_tests.rs"]
mod tests;
