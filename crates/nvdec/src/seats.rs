//! How streams of H.265 divide a decoder's surfaces and references: arithmetic only.

use std::ffi::c_int;

use crate::stream::{Codec, Plan};
use crate::sys;

/// The most surfaces that the library gives a decoder.
const MOST_SURFACES: u32 = 32;
/// The most references that a picture names.
pub(crate) const MOST_REFERENCES: usize = 16;
/// The parser asks for so many surfaces more than a stream has references, or more.
const SURFACES_BEYOND_REFERENCES: u32 = 3;
/// A stream that shares a decoder has so many surfaces beyond those that it needs. Others keep
/// the engine busy meanwhile.
const SPARE_WHERE_SHARED: u32 = 1;

/// How a decoder's surfaces are dealt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seats {
    pub count: u32,
    /// Surfaces of each.
    pub surfaces: u32,
}

impl Seats {
    /// All for one stream.
    pub fn single(plan: &Plan) -> Self {
        Self {
            count: 1,
            surfaces: plan.surfaces,
        }
    }

    /// For streams like the one of `plan`; `None` where there is room for one only, or such are
    /// never shared.
    pub fn shared(plan: &Plan) -> Option<Self> {
        let most = MOST_REFERENCES as u32 / references(plan);
        let count = (MOST_SURFACES / needed(plan)).min(most);
        let is_known = plan.coded.codec == Codec::H265 && plan.coded.bit_depth == 8;
        // What is left over by the division is spread as well.
        let surfaces = MOST_SURFACES.checked_div(count)?;
        (is_known && count > 1).then_some(Self { count, surfaces })
    }

    /// Surfaces that the pictures of a stream may refer to, the newest among them.
    pub fn most_kept(&self) -> usize {
        MOST_REFERENCES / self.count as usize
    }
}

/// Surfaces that a stream needs where it shares a decoder.
pub(crate) fn needed(plan: &Plan) -> u32 {
    plan.coded.min_surfaces.max(1) + SPARE_WHERE_SHARED
}

/// Pictures that those of a stream may refer to, the newest among them, as the parser lets one guess.
pub(crate) fn references(plan: &Plan) -> u32 {
    let min = plan.coded.min_surfaces;
    min.saturating_sub(SURFACES_BEYOND_REFERENCES).max(1)
}

/// Which of the references a picture is predicted from; the others are kept for later ones.
pub(crate) fn used(hevc: &sys::CUVIDHEVCPICPARAMS) -> Vec<usize> {
    let lists = [
        (&hevc.RefPicSetStCurrBefore, hevc.NumPocStCurrBefore),
        (&hevc.RefPicSetStCurrAfter, hevc.NumPocStCurrAfter),
        (&hevc.RefPicSetLtCurr, hevc.NumPocLtCurr),
    ];
    let lists = lists.into_iter();
    let used = lists.flat_map(|(list, count)| {
        let count = usize::try_from(count).unwrap_or(0);
        list.iter().take(count).map(|&it| usize::from(it))
    });
    used.collect()
}

/// The decoder's number of surface `index` of the stream in place `seat`, where each has `surfaces`.
pub(crate) fn number_in(seat: u32, surfaces: u32, index: c_int) -> c_int {
    match u32::try_from(index) {
        // At most 32.
        Ok(index) if index < surfaces => (seat * surfaces + index) as c_int,
        // A reference that does not exist.
        _ => index,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Coded, Limits};

    fn plan(codec: Codec, min_surfaces: u32) -> Plan {
        let coded = Coded {
            codec,
            width: 1920,
            height: 1088,
            visible: [0, 0, 1920, 1080],
            chroma: sys::cudaVideoChromaFormat_420,
            bit_depth: 8,
            min_surfaces,
            matrix: 1,
            is_full_range: false,
        };
        let limits = Limits {
            max_width: 8192,
            max_height: 8192,
            target: None,
        };
        Plan::new(coded, &limits, 5).expect("a usual stream")
    }

    #[test]
    fn a_shared_decoder_has_as_many_places_as_its_surfaces_and_references_give() {
        let seats = |min| {
            let seats = Seats::shared(&plan(Codec::H265, min));
            seats.map(|Seats { count, surfaces }| (count, surfaces))
        };
        assert_eq!(seats(4), Some((6, 5)));
        assert_eq!(seats(7), Some((4, 8)));
        assert_eq!(seats(9), Some((2, 16)));
        assert_eq!(seats(12), None, "no room for two");
        for codec in [Codec::H264, Codec::Vp9, Codec::Av1] {
            assert_eq!(Seats::shared(&plan(codec, 4)), None);
        }
        let mut deep = plan(Codec::H265, 4);
        deep.coded.bit_depth = 10;
        assert_eq!(Seats::shared(&deep), None, "not tried");
        for min in 0..=16 {
            let plan = plan(Codec::H265, min);
            let Some(seats) = Seats::shared(&plan) else {
                continue;
            };
            assert!(seats.count * seats.surfaces <= MOST_SURFACES, "{min}");
            assert!(seats.count as usize * seats.most_kept() <= MOST_REFERENCES);
            assert!(references(&plan) as usize <= seats.most_kept(), "{min}");
        }
    }

    #[test]
    fn only_what_a_picture_is_predicted_from_must_be_there() {
        let mut hevc = sys::CUVIDHEVCPICPARAMS {
            RefPicIdx: [-1; MOST_REFERENCES],
            RefPicSetStCurrBefore: [3, 0, 9, 9, 9, 9, 9, 9],
            RefPicSetLtCurr: [5; 8],
            NumPocStCurrBefore: 2,
            NumPocLtCurr: 1,
            ..sys::CUVIDHEVCPICPARAMS::default()
        };
        assert_eq!(used(&hevc), [3, 0, 5]);
        hevc.NumPocStCurrBefore = -1;
        assert_eq!(used(&hevc), [5]);
    }

    #[test]
    fn a_streams_surfaces_are_named_by_where_its_place_begins() {
        for (place, expected) in [
            (0, [0, 4, -1, 7]),
            (2, [10, 14, -1, 7]),
            (3, [15, 19, -1, 7]),
        ] {
            // 7 is beyond the stream's five: the parser gives none such for a picture that exists.
            let numbers = [0, 4, -1, 7].map(|index| number_in(place, 5, index));
            assert_eq!(numbers, expected);
        }
    }
}
