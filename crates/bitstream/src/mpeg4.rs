//! Headers of MPEG-4 part 2 (ISO/IEC 14496-2, section 6.2 and table 6-3).

use crate::nal::StartCodes;

/// Headers beyond this many bytes are not kept: those of real streams have about 50.
const MAX_HEADERS: usize = 16 * 1024;
const VIDEO_OBJECT_LAYER: std::ops::RangeInclusive<u8> = 0x20..=0x2f;
const GROUP_OF_VOPS: u8 = 0xb3;
const VOP: u8 = 0xb6;

/// The headers in front of the pictures (VOPs) of a stream, from its visual object sequence to its
/// video object layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mpeg4Headers(Vec<u8>);

/// What one access unit begins with.
struct Front {
    /// Whether it has a video object layer in front of its first picture.
    has_layer: bool,
    /// The first byte of the first group of pictures or picture.
    pictures_at: usize,
    /// `vop_coding_type` is intra, of the first picture.
    is_intra: bool,
}

impl Front {
    fn of(data: &[u8]) -> Self {
        let mut front = Self {
            has_layer: false,
            pictures_at: data.len(),
            is_intra: false,
        };
        for code in StartCodes::new(data) {
            let Some(&kind) = data.get(code.nal_at) else {
                break;
            };
            match kind {
                GROUP_OF_VOPS | VOP => {
                    front.pictures_at = front.pictures_at.min(code.code_at);
                    if kind == VOP {
                        let next = data.get(code.nal_at + 1);
                        front.is_intra = next.is_some_and(|byte| byte >> 6 == 0);
                        break;
                    }
                }
                kind if VIDEO_OBJECT_LAYER.contains(&kind) => front.has_layer = true,
                _ => {}
            }
        }
        front
    }
}

impl Mpeg4Headers {
    /// Takes the headers from a stream's configuration or from an access unit that has them.
    pub fn learn(&mut self, data: &[u8]) {
        self.keep(data, &Front::of(data));
    }

    fn keep(&mut self, data: &[u8], front: &Front) {
        if front.has_layer && front.pictures_at <= MAX_HEADERS {
            self.0.clear();
            self.0.extend_from_slice(&data[..front.pictures_at]);
        }
    }

    /// The access unit with the headers before an intra-coded picture that comes without, and
    /// whether decoding can begin with it.
    pub fn complete(&mut self, data: &[u8]) -> (Vec<u8>, bool) {
        let front = Front::of(data);
        self.keep(data, &front);
        let is_keyframe = front.is_intra && (front.has_layer || !self.0.is_empty());
        let mut unit = Vec::new();
        if is_keyframe && !front.has_layer {
            unit.reserve_exact(self.0.len() + data.len());
            unit.extend_from_slice(&self.0);
        }
        unit.extend_from_slice(data);
        (unit, is_keyframe)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAYER: &[u8] = &[
        0, 0, 1, 0xb0, 1, 0, 0, 1, 0xb5, 9, 0, 0, 1, 0, 0, 0, 1, 0x20, 7, 7,
    ];
    const INTRA: &[u8] = &[0, 0, 1, 0xb6, 0x10, 1, 2];
    const PREDICTED: &[u8] = &[0, 0, 1, 0xb6, 0x50, 1, 2];

    #[test]
    fn headers_come_before_each_intra_coded_picture() {
        let mut headers = Mpeg4Headers::default();
        assert_eq!(headers.complete(INTRA), (INTRA.to_vec(), false), "no layer");
        headers.learn(LAYER);
        let whole = [LAYER, INTRA].concat();
        assert_eq!(headers.complete(INTRA), (whole.clone(), true));
        assert_eq!(headers.complete(PREDICTED), (PREDICTED.to_vec(), false));
        assert_eq!(headers.complete(&whole), (whole, true));
        // A group's header stays with its picture.
        let group = [&[0, 0, 1, 0xb3, 5, 5][..], INTRA].concat();
        let whole = [LAYER, &group].concat();
        assert_eq!(headers.complete(&group), (whole, true));
    }

    #[test]
    fn headers_are_replaced_by_those_of_the_stream() {
        let mut headers = Mpeg4Headers::default();
        headers.learn(LAYER);
        let other = [0, 0, 1, 0x21, 8];
        headers.complete(&[&other, INTRA].concat());
        assert_eq!(headers.complete(INTRA), ([&other, INTRA].concat(), true));
        let endless = [LAYER, &[5; MAX_HEADERS], INTRA].concat();
        headers.complete(&endless);
        assert_eq!(headers.complete(INTRA), ([&other, INTRA].concat(), true));
    }

    proptest! {
        #[test]
        fn noise_never_panics(bytes in proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xb6), any::<u8>()], 0..200)) {
            let mut headers = Mpeg4Headers::default();
            let (unit, _) = headers.complete(&bytes);
            prop_assert!(unit.ends_with(&bytes));
        }
    }
}
