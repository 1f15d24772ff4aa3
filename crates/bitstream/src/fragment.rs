//! Whether an access unit has the beginning of its picture.

use crate::bits::{Bits, payload};
use crate::nal::{NalCodec, StartCodes};

/// Whether `unit`, an Annex B access unit, has slices, but not the first one of its picture:
/// it is what is left of a picture that was cut apart, or that lost its beginning.
///
/// H.264: no slice has `first_mb_in_slice` 0 (section 7.3.3; slices may come in any order).
/// H.265: the first slice segment lacks `first_slice_segment_in_pic_flag` (section 7.3.6.1).
#[must_use]
pub fn is_fragment(codec: NalCodec, unit: &[u8]) -> bool {
    let mut slices = StartCodes::new(unit)
        .map(|code| &unit[code.nal_at..])
        .filter(|nal| codec.kind(nal).is_slice())
        .peekable();
    if slices.peek().is_none() {
        return false;
    }
    match codec {
        NalCodec::H264 => !slices.any(begins_h264),
        // The bit behind the header's two bytes.
        NalCodec::H265 => slices
            .next()
            .and_then(|nal| nal.get(2))
            .is_none_or(|byte| byte & 0x80 == 0),
    }
}

fn begins_h264(nal: &[u8]) -> bool {
    // Partitions B and C begin with the number of their slice; they follow their partition A.
    let is_partition = matches!(nal[0] & 0x1f, 3 | 4);
    let bytes = payload(nal, 1, 8);
    !is_partition && Bits::new(&bytes).read_ue() == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_without_its_beginning() {
        let h264 = |unit: &[u8]| is_fragment(NalCodec::H264, unit);
        let h265 = |unit: &[u8]| is_fragment(NalCodec::H265, unit);
        // first_mb_in_slice 0 is one bit that is set; 1 is '010'.
        assert!(!h264(&[0, 0, 1, 0x65, 0x88]));
        assert!(h264(&[0, 0, 1, 0x65, 0x40]));
        assert!(h264(&[
            0, 0, 1, 9, 16, 0, 0, 1, 0x41, 0x40, 1, 0, 0, 1, 0x41, 0x20
        ]));
        assert!(
            !h264(&[0, 0, 1, 0x41, 0x40, 1, 0, 0, 1, 0x41, 0x9a]),
            "slices in any order"
        );
        assert!(h264(&[0, 0, 1, 0x41]), "cut off behind its header");
        assert!(!h265(&[0, 0, 1, 0x26, 1, 0xaf]));
        assert!(h265(&[0, 0, 1, 0x40, 1, 12, 0, 0, 1, 0x26, 1, 0x2f]));
        assert!(h265(&[0, 0, 1, 0x02, 1]));
        // Without slices there is no picture of which anything is missing.
        assert!(!h264(&[0, 0, 1, 0x67, 66]) && !h265(&[]));
    }
}
