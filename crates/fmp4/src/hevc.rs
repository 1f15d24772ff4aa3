//! H.265's decoder configuration record and codec name (ISO/IEC 14496-15, section 8.3.3.1 and annex
//! E.3).

use camweave_bitstream::{SampleFormat, payload};
use mp4_atom::{Codec, Hvc1, HvcCArray, Hvcc, Visual};

use crate::error::Mp4Error;
use crate::sets::Sets;

const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
/// Bytes of a sequence parameter set up to `general_level_idc`, behind the header of two.
const PROFILE_BYTES: usize = 13;

pub(crate) fn sample_entry(
    sets: &Sets,
    format: SampleFormat,
    visual: Visual,
) -> Result<(Codec, String), Mp4Error> {
    let sps = sets.sps.first().map_or(&[][..], Vec::as_slice);
    let front: [u8; PROFILE_BYTES] =
        payload(sps, 2, PROFILE_BYTES)
            .try_into()
            .map_err(|_| Mp4Error::ParameterSet {
                bytes: sps.len(),
                part: "profile",
            })?;
    // Section 7.3.3 of H.265: space, tier and profile; compatibility; constraints; level.
    let [layers, profile, c0, c1, c2, c3, constraints @ .., level] = front;
    let array = |nal_unit_type, nalus: &[Vec<u8>]| HvcCArray {
        completeness: true,
        nal_unit_type,
        nalus: nalus.to_vec(),
    };
    let hvcc = Hvcc {
        configuration_version: 1,
        general_profile_space: profile >> 6,
        general_tier_flag: profile & 0x20 != 0,
        general_profile_idc: profile & 0x1f,
        general_profile_compatibility_flags: [c0, c1, c2, c3],
        general_constraint_indicator_flags: constraints,
        general_level_idc: level,
        chroma_format_idc: format.chroma_format,
        bit_depth_luma_minus8: format.luma_bits - 8,
        bit_depth_chroma_minus8: format.chroma_bits - 8,
        // sps_max_sub_layers_minus1 and sps_temporal_id_nesting_flag, behind four bits of the id.
        num_temporal_layers: (layers >> 1 & 7) + 1,
        temporal_id_nested: layers & 1 != 0,
        length_size_minus_one: 3,
        arrays: vec![
            array(VPS, &sets.vps),
            array(SPS, &sets.sps),
            array(PPS, &sets.pps),
        ],
        ..Hvcc::default()
    };
    let name = name(&hvcc);
    let entry = Hvc1 {
        visual,
        hvcc,
        ..Hvc1::default()
    };
    Ok((entry.into(), name))
}

/// Such as `hvc1.1.6.L93.B0`: the compatibility flags are written with their bits reversed, and
/// constraints without the zeros at the end.
fn name(hvcc: &Hvcc) -> String {
    let space = ["", "A", "B", "C"][usize::from(hvcc.general_profile_space & 3)];
    let tier = if hvcc.general_tier_flag { 'H' } else { 'L' };
    let compatibility = u32::from_be_bytes(hvcc.general_profile_compatibility_flags).reverse_bits();
    let constraints = hvcc.general_constraint_indicator_flags;
    let used = constraints
        .iter()
        .rposition(|it| *it != 0)
        .map_or(0, |last| last + 1);
    let constraints: String = constraints[..used]
        .iter()
        .map(|it| format!(".{it:02X}"))
        .collect();
    format!(
        "hvc1.{space}{}.{compatibility:X}.{tier}{}{constraints}",
        hvcc.general_profile_idc, hvcc.general_level_idc
    )
}
