//! H.264's decoder configuration record and codec name (ISO/IEC 14496-15, section 5.3.3.1; RFC 6381,
//! section 3.3).

use camweave_bitstream::SampleFormat;
use mp4_atom::{Avc1, Avcc, AvccExt, Codec, Visual};

use crate::error::Mp4Error;
use crate::sets::Sets;

/// The profiles whose record does not state the format of samples: they have one only.
const WITHOUT_FORMAT: [u8; 3] = [66, 77, 88];

pub(crate) fn sample_entry(
    sets: &Sets,
    format: SampleFormat,
    visual: Visual,
) -> Result<(Codec, String), Mp4Error> {
    let [profile, compatibility, level] = profile(sets)?;
    let ext = AvccExt {
        chroma_format: format.chroma_format,
        bit_depth_luma: format.luma_bits,
        bit_depth_chroma: format.chroma_bits,
        sequence_parameter_sets_ext: Vec::new(),
    };
    let avcc = Avcc {
        configuration_version: 1,
        avc_profile_indication: profile,
        profile_compatibility: compatibility,
        avc_level_indication: level,
        length_size: 4,
        sequence_parameter_sets: sets.sps.clone(),
        picture_parameter_sets: sets.pps.clone(),
        ext: (!WITHOUT_FORMAT.contains(&profile)).then_some(ext),
    };
    let name = format!("avc1.{profile:02X}{compatibility:02X}{level:02X}");
    let entry = Avc1 {
        visual,
        avcc,
        ..Avc1::default()
    };
    Ok((entry.into(), name))
}

/// `profile_idc`, the constraint flags and `level_idc`: the first three bytes behind the header.
fn profile(sets: &Sets) -> Result<[u8; 3], Mp4Error> {
    let sps = sets.sps.first().map_or(&[][..], Vec::as_slice);
    let bytes = sps.get(1..4).and_then(|it| it.try_into().ok());
    bytes.ok_or(Mp4Error::ParameterSet {
        bytes: sps.len(),
        part: "profile",
    })
}
