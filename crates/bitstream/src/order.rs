//! What a sequence parameter set says: whether pictures are presented in the order in which
//! they are coded, their size, and the format of their samples.

use crate::bits::{Bits, payload};
use crate::nal::{NalCodec, NalKind, StartCodes};
use crate::parameter_sets::skip_profile_tier_level;

/// Whether the first sequence parameter set in `unit` (an Annex B access unit) promises that
/// pictures are presented in decode order. `None` if there is none before the unit's slices;
/// `Some(false)` also where the set does not say.
///
/// H.264: profile Baseline (section A.2.1: no B slices), `pic_order_cnt_type` 2 (section 8.2.1.3),
/// or `max_num_reorder_frames` 0 (section E.2.1). H.265: `sps_max_num_reorder_pics` 0 (section 7.4.3.2.1).
#[must_use]
pub fn presents_in_decode_order(codec: NalCodec, unit: &[u8]) -> Option<bool> {
    first_sps(codec, unit).map(|sps| sps.in_order.unwrap_or(false))
}

/// Width and height in pixels, cropping left out, as the first sequence parameter set in `unit`
/// (an Annex B access unit) gives them. `None` if there is none before the unit's slices.
#[must_use]
pub fn picture_size(codec: NalCodec, unit: &[u8]) -> Option<(u32, u32)> {
    let size = first_sps(codec, unit)?.size;
    (size.0 > 0 && size.1 > 0).then_some(size)
}

/// What a picture's samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleFormat {
    /// `chroma_format_idc`: 0 is monochrome, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub chroma_format: u8,
    /// Bits of a luma sample.
    pub luma_bits: u8,
    /// Bits of a chroma sample.
    pub chroma_bits: u8,
}

impl Default for SampleFormat {
    /// That of H.264's profiles which do not state one.
    fn default() -> Self {
        Self {
            chroma_format: 1,
            luma_bits: 8,
            chroma_bits: 8,
        }
    }
}

/// The format of samples, as the first sequence parameter set in `unit` (an Annex B access unit)
/// gives it. `None` if there is none before the unit's slices, or if it ends early.
#[must_use]
pub fn sample_format(codec: NalCodec, unit: &[u8]) -> Option<SampleFormat> {
    first_sps(codec, unit)?.format
}

/// What is read of a set; what it ends before is `None`, or 0.
#[derive(Debug, Clone, Copy, Default)]
struct Sequence {
    in_order: Option<bool>,
    size: (u32, u32),
    format: Option<SampleFormat>,
}

fn first_sps(codec: NalCodec, unit: &[u8]) -> Option<Sequence> {
    let codes = StartCodes::new(unit);
    for code in codes.clone() {
        match codec.kind(&unit[code.nal_at..]) {
            NalKind::Sps => {
                let sps = codes.nal(code.nal_at);
                let mut read = Sequence::default();
                read.in_order = match codec {
                    NalCodec::H264 => h264(&payload(sps, 1, 1024), &mut read),
                    NalCodec::H265 => h265(&payload(sps, 2, 1024), &mut read),
                };
                return Some(read);
            }
            kind if kind.is_slice() => return None,
            _ => {}
        }
    }
    None
}

/// Whether a sequence parameter set stands before the slices of `unit`, an Annex B access unit.
#[must_use]
pub fn has_sequence_parameters(codec: NalCodec, unit: &[u8]) -> bool {
    StartCodes::new(unit)
        .map(|code| codec.kind(&unit[code.nal_at..]))
        .take_while(|kind| !kind.is_slice())
        .any(|kind| kind == NalKind::Sps)
}

/// Whether pictures of an H.264 sequence parameter set may be fields (`frame_mbs_only_flag` is 0), and
/// then how many bits a slice's header has between `pic_parameter_set_id` and `field_pic_flag`
/// (sections 7.3.2.1.1 and 7.3.3). `None` if the set ends early.
pub(crate) fn interlace(sps: &[u8]) -> Option<Option<u32>> {
    let sps = payload(sps, 1, 1024);
    let mut bits = Bits::new(&sps);
    let front = h264_front(&mut bits)?;
    let slice_bits = front.frame_num_bits + if front.separate_planes { 2 } else { 0 };
    Some((front.fields == 2).then_some(slice_bits))
}

/// An H.264 sequence parameter set up to `frame_mbs_only_flag`.
struct Front {
    profile: u32,
    format: SampleFormat,
    separate_planes: bool,
    frame_num_bits: u32,
    order_type: u32,
    width: u32,
    map_units: u32,
    /// Fields of a frame that may be coded apart: 1 or 2.
    fields: u32,
}

fn h264_front(bits: &mut Bits<'_>) -> Option<Front> {
    let profile = bits.read(8)?;
    bits.skip(16); // constraint flags, level_idc
    bits.read_ue()?; // seq_parameter_set_id
    let mut format = SampleFormat::default();
    let mut separate_planes = false;
    if matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    ) {
        (format, separate_planes) = h264_format(bits)?;
    }
    let frame_num_bits = bits.read_ue()?.min(12) + 4;
    let order_type = bits.read_ue()?;
    match order_type {
        0 => {
            bits.read_ue()?;
        }
        1 => {
            bits.skip(1);
            bits.read_ue()?;
            bits.read_ue()?;
            for _ in 0..bits.read_ue()?.min(255) {
                bits.read_ue()?;
            }
        }
        _ => {}
    }
    bits.read_ue()?; // max_num_ref_frames
    bits.skip(1);
    let width = bits.read_ue()?.saturating_add(1).saturating_mul(16);
    let map_units = bits.read_ue()?.saturating_add(1);
    let fields = 2 - bits.read(1)?;
    Some(Front {
        profile,
        format,
        separate_planes,
        frame_num_bits,
        order_type,
        width,
        map_units,
        fields,
    })
}

/// H.264, section 7.3.2.1.1. `None` if the set ends early.
fn h264(sps: &[u8], read: &mut Sequence) -> Option<bool> {
    const BASELINE: u32 = 66;
    let mut bits = Bits::new(sps);
    let Front {
        profile,
        format,
        order_type,
        width,
        map_units,
        fields,
        ..
    } = h264_front(&mut bits)?;
    read.format = Some(format);
    if fields == 2 {
        bits.skip(1); // mb_adaptive_frame_field_flag
    }
    bits.skip(1); // direct_8x8_inference_flag
    let mut crop = [0; 4]; // left, right, top, bottom
    if bits.read(1)? == 1 {
        for side in &mut crop {
            *side = bits.read_ue()?;
        }
    }
    let (across, down) = chroma_step(format.chroma_format);
    read.size = cropped(
        (width, map_units.saturating_mul(16 * fields)),
        crop,
        (across, down * fields),
    );
    // No B slices, or the order of the counter.
    if profile == BASELINE || order_type == 2 {
        return Some(true);
    }
    if bits.read(1)? == 0 {
        return Some(false); // no VUI
    }
    Some(h264_max_reorder(&mut bits)? == Some(0))
}

/// Pixels of a chroma sample (table 6-1 of both standards): the unit of cropping.
fn chroma_step(chroma_format: u8) -> (u32, u32) {
    match chroma_format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    }
}

fn cropped(size: (u32, u32), crop: [u32; 4], step: (u32, u32)) -> (u32, u32) {
    let [left, right, top, bottom] = crop;
    let cut = |length: u32, one: u32, two: u32, step: u32| {
        length.saturating_sub(one.saturating_add(two).saturating_mul(step))
    };
    (
        cut(size.0, left, right, step.0),
        cut(size.1, top, bottom, step.1),
    )
}

/// `chroma_format_idc` to the scaling lists; the format, and `separate_colour_plane_flag`.
fn h264_format(bits: &mut Bits<'_>) -> Option<(SampleFormat, bool)> {
    let chroma = bits.read_ue()?;
    let separate_planes = chroma == 3 && bits.read(1)? == 1;
    let format = read_format(bits, chroma)?;
    bits.skip(1);
    if bits.read(1)? == 0 {
        return Some((format, separate_planes));
    }
    for list in 0..if chroma == 3 { 12 } else { 8 } {
        if bits.read(1)? == 1 {
            skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
        }
    }
    Some((format, separate_planes))
}

/// The bit depths; a set with values that neither standard allows is damaged.
fn read_format(bits: &mut Bits<'_>, chroma: u32) -> Option<SampleFormat> {
    let mut depth = || bits.read_ue().filter(|above_8| *above_8 <= 8);
    let (luma, chroma_depth) = (depth()?, depth()?);
    Some(SampleFormat {
        chroma_format: u8::try_from(chroma).ok().filter(|it| *it <= 3)?,
        luma_bits: 8 + luma as u8,
        chroma_bits: 8 + chroma_depth as u8,
    })
}

/// Section 7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits<'_>, size: usize) -> Option<()> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..size {
        if next != 0 {
            let code = i64::from(bits.read_ue()?);
            let delta = if code % 2 == 1 {
                (code + 1) / 2
            } else {
                -code / 2
            };
            next = (last + delta).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// `max_num_reorder_frames` of the VUI (section E.1.1), if it is there.
fn h264_max_reorder(bits: &mut Bits<'_>) -> Option<Option<u32>> {
    const EXTENDED_SAR: u32 = 255;
    if bits.read(1)? == 1 && bits.read(8)? == EXTENDED_SAR {
        bits.skip(32);
    }
    if bits.read(1)? == 1 {
        bits.skip(1); // overscan
    }
    if bits.read(1)? == 1 {
        bits.skip(4); // video_format, range
        if bits.read(1)? == 1 {
            bits.skip(24); // colours
        }
    }
    if bits.read(1)? == 1 {
        skip_ue(bits, 2)?; // chroma location
    }
    if bits.read(1)? == 1 {
        bits.skip(65); // timing
    }
    let mut has_hrd = false;
    for _ in ["nal", "vcl"] {
        if bits.read(1)? == 1 {
            has_hrd = true;
            let count = bits.read_ue()?.min(31) + 1;
            bits.skip(8);
            for _ in 0..count {
                skip_ue(bits, 2)?;
                bits.skip(1);
            }
            bits.skip(20);
        }
    }
    if has_hrd {
        bits.skip(1); // low_delay_hrd_flag
    }
    bits.skip(1); // pic_struct_present_flag
    if bits.read(1)? == 0 {
        return Some(None);
    }
    bits.skip(1); // motion_vectors_over_pic_boundaries_flag
    skip_ue(bits, 4)?;
    bits.read_ue().map(Some)
}

/// H.265, section 7.3.2.2.1. `None` if the set ends early.
fn h265(sps: &[u8], read: &mut Sequence) -> Option<bool> {
    let mut bits = Bits::new(sps);
    bits.skip(4); // sps_video_parameter_set_id
    let max_sub_layers_minus1 = bits.read(3)?;
    bits.skip(1); // sps_temporal_id_nesting_flag
    skip_profile_tier_level(&mut bits, max_sub_layers_minus1)?;
    bits.read_ue()?; // sps_seq_parameter_set_id
    let chroma = bits.read_ue()?;
    if chroma == 3 {
        bits.skip(1); // separate_colour_plane_flag
    }
    let whole = (bits.read_ue()?, bits.read_ue()?);
    let mut window = [0; 4]; // left, right, top, bottom
    if bits.read(1)? == 1 {
        for side in &mut window {
            *side = bits.read_ue()?;
        }
    }
    let step = chroma_step(u8::try_from(chroma).unwrap_or(u8::MAX));
    read.size = cropped(whole, window, step);
    read.format = Some(read_format(&mut bits, chroma)?);
    bits.read_ue()?; // log2_max_pic_order_cnt_lsb_minus4
    let each_layer = bits.read(1)? == 1;
    let layers = if each_layer {
        max_sub_layers_minus1 + 1
    } else {
        1
    };
    // All layers are decoded: what the highest says counts, and it comes last.
    let mut max_reorder = None;
    for _ in 0..layers {
        bits.read_ue()?; // sps_max_dec_pic_buffering_minus1
        max_reorder = Some(bits.read_ue()?);
        bits.read_ue()?; // sps_max_latency_increase_plus1
    }
    Some(max_reorder == Some(0))
}

fn skip_ue(bits: &mut Bits<'_>, count: usize) -> Option<()> {
    for _ in 0..count {
        bits.read_ue()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_without_a_whole_parameter_set_promises_nothing() {
        assert_eq!(presents_in_decode_order(NalCodec::H264, &[]), None);
        let slice = [0, 0, 1, 0x41, 0x9a, 0, 0, 1, 0x67, 66, 0, 30, 0x80];
        assert_eq!(presents_in_decode_order(NalCodec::H264, &slice), None);
        for length in 0..6 {
            let mut cut = vec![0, 0, 1, 0x67];
            cut.extend(&[77, 0x40, 30, 0x96, 0x54, 0x05][..length]);
            assert_eq!(presents_in_decode_order(NalCodec::H264, &cut), Some(false));
        }
        let cut = [0, 0, 1, 0x42, 1, 1, 1, 0x60];
        assert_eq!(presents_in_decode_order(NalCodec::H265, &cut), Some(false));
    }

    #[test]
    fn parameter_sets_count_before_the_slices_only() {
        let has = |unit: &[u8]| has_sequence_parameters(NalCodec::H264, unit);
        assert!(has(&[0, 0, 1, 9, 16, 0, 0, 1, 0x67, 66, 0, 0, 1, 0x65]));
        assert!(!has(&[0, 0, 1, 0x65, 1, 0, 0, 1, 0x67, 66]));
        assert!(!has(b"\0\0\0\x01\x65abc"));
        assert!(!has(&[]));
    }

    #[test]
    fn baseline_has_no_b_slices() {
        // 320x180 of x264.
        let baseline = [
            0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0d, 0xd9, 0x01, 0x41, 0x9f, 0x9e, 0x10,
        ];
        assert_eq!(picture_size(NalCodec::H264, &baseline), Some((320, 180)));
        assert_eq!(
            presents_in_decode_order(NalCodec::H264, &baseline),
            Some(true)
        );
    }
}
