use memchr::memmem;

/// The start code that this crate writes (with `zero_byte`, as Annex B asks for
/// before parameter sets and before the first NAL unit of an access unit).
pub const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// An H.265 end-of-sequence NAL unit with its start code: the next picture starts a new sequence,
/// so the leading pictures of a CRA that follows are not decoded against older ones.
pub const END_OF_SEQUENCE_H265: [u8; 6] = [0, 0, 0, 1, 36 << 1, 1];

/// A codec whose stream consists of NAL units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NalCodec {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
}

/// What a NAL unit is, as far as a source cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NalKind {
    /// Video parameter set (H.265).
    Vps,
    /// Sequence parameter set.
    Sps,
    /// Picture parameter set.
    Pps,
    /// Access unit delimiter.
    Delimiter,
    /// Supplemental enhancement information that precedes the picture.
    Sei,
    /// A slice of a picture at which decoding can begin: H.264 IDR; H.265 BLA, IDR or CRA.
    RandomAccessSlice,
    /// A slice of any other picture.
    Slice,
    /// Anything else.
    Other,
}

impl NalCodec {
    /// What `nal` (without its start code) is. An empty unit is [`NalKind::Other`].
    #[must_use]
    pub fn kind(self, nal: &[u8]) -> NalKind {
        let Some(&header) = nal.first() else {
            return NalKind::Other;
        };
        match self {
            Self::H264 => match header & 0x1f {
                1..=4 => NalKind::Slice,
                5 => NalKind::RandomAccessSlice,
                6 => NalKind::Sei,
                7 => NalKind::Sps,
                8 => NalKind::Pps,
                9 => NalKind::Delimiter,
                _ => NalKind::Other,
            },
            Self::H265 => match (header >> 1) & 0x3f {
                0..=9 => NalKind::Slice,
                16..=21 => NalKind::RandomAccessSlice,
                32 => NalKind::Vps,
                33 => NalKind::Sps,
                34 => NalKind::Pps,
                35 => NalKind::Delimiter,
                39 => NalKind::Sei,
                _ => NalKind::Other,
            },
        }
    }
}

/// Whether no other picture refers to the one of `unit`, an access unit in Annex B form, so that it
/// may be left out: all its slices have a `nal_ref_idc` of 0 (H.264, section 7.4.1), or they are of a
/// sub-layer non-reference picture (H.265, table 7-1) and of a temporal sub-layer that is not below
/// `highest_layer`, since pictures of higher ones may refer to it (section 7.4.2.2). One that brings
/// anything for those after it, such as a parameter set, is none.
#[must_use]
pub fn is_disposable(codec: NalCodec, unit: &[u8], highest_layer: u8) -> bool {
    let is_free = |nal: &[u8]| match codec {
        NalCodec::H264 => nal[0] & 0x60 == 0,
        NalCodec::H265 => {
            let nal_type = (nal[0] >> 1) & 0x3f;
            nal_type < 16
                && nal_type.is_multiple_of(2)
                && temporal_layer(nal).is_some_and(|layer| layer >= highest_layer)
        }
    };
    let mut has_slice = false;
    let nals = StartCodes::new(unit).filter_map(|code| unit.get(code.nal_at..));
    for nal in nals.filter(|nal| !nal.is_empty()) {
        match codec.kind(nal) {
            NalKind::Slice if is_free(nal) => has_slice = true,
            NalKind::Delimiter | NalKind::Sei => {}
            _ => return false,
        }
    }
    has_slice
}

/// The temporal sub-layer of an access unit's picture, from 0 on (H.265; others have one).
#[must_use]
pub fn layer_of(codec: NalCodec, unit: &[u8]) -> u8 {
    let slice = StartCodes::new(unit)
        .filter_map(|code| unit.get(code.nal_at..))
        .find(|nal| codec.kind(nal).is_slice());
    match codec {
        NalCodec::H264 => 0,
        NalCodec::H265 => slice.and_then(temporal_layer).unwrap_or(0),
    }
}

/// `nuh_temporal_id_plus1` less one (H.265, section 7.3.1.2).
fn temporal_layer(nal: &[u8]) -> Option<u8> {
    (nal.get(1)? & 7).checked_sub(1)
}

impl NalKind {
    /// Whether the unit is a video, sequence or picture parameter set.
    #[must_use]
    pub fn is_parameter_set(self) -> bool {
        matches!(self, Self::Vps | Self::Sps | Self::Pps)
    }

    /// Whether the unit carries picture data.
    #[must_use]
    pub fn is_slice(self) -> bool {
        matches!(self, Self::RandomAccessSlice | Self::Slice)
    }
}

/// Finds start codes one after the other, and looks no further than it is asked to:
/// the bytes of a picture, which is last and largest, are then never searched.
#[derive(Debug, Clone)]
pub struct StartCodes<'a> {
    data: &'a [u8],
    from: usize,
}

/// Where one start code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartCode {
    /// Index of the start code's first byte, a `zero_byte` before it included.
    pub code_at: usize,
    /// Index of the NAL unit's first byte.
    pub nal_at: usize,
}

impl<'a> StartCodes<'a> {
    /// Searches `data`, an Annex B byte stream.
    #[must_use]
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, from: 0 }
    }

    /// The bytes of the NAL unit at `nal_at`, up to the next start code and without trailing zeros.
    #[must_use]
    pub fn nal(&self, nal_at: usize) -> &'a [u8] {
        let end = find(self.data, nal_at).map_or(self.data.len(), |code| code.code_at);
        without_trailing_zeros(&self.data[nal_at..end])
    }
}

impl Iterator for StartCodes<'_> {
    type Item = StartCode;

    fn next(&mut self) -> Option<StartCode> {
        let code = find(self.data, self.from)?;
        self.from = code.nal_at;
        Some(code)
    }
}

/// The NAL units of `data`, an Annex B byte stream, without start codes and trailing zeros. Looks at
/// each byte once; where only the first ones matter, [`StartCodes`] looks at fewer.
pub fn nals(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut codes = StartCodes::new(data).peekable();
    std::iter::from_fn(move || {
        let start = codes.next()?.nal_at;
        let end = codes.peek().map_or(data.len(), |next| next.code_at);
        Some(without_trailing_zeros(&data[start..end]))
    })
}

fn without_trailing_zeros(nal: &[u8]) -> &[u8] {
    let last = nal.iter().rposition(|&byte| byte != 0);
    &nal[..last.map_or(0, |last| last + 1)]
}

/// The first start code at or after `from`.
fn find(data: &[u8], from: usize) -> Option<StartCode> {
    let at = from + memmem::find(&data[from..], &[0, 0, 1])?;
    let zero_byte = at > from && data[at - 1] == 0;
    Some(StartCode {
        code_at: at - usize::from(zero_byte),
        nal_at: at + 3,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_start_codes_and_trailing_zeros() {
        const DATA: [u8; 21] = [
            0, 0, 0, 1, 9, 16, 0, 0, 1, 103, 1, 2, 0, 0, 0, 0, 1, 101, 0xff, 0, 0,
        ];
        let nals = |data: &'static [u8]| nals(data).collect::<Vec<_>>();
        assert_eq!(nals(&DATA), [&[9, 16][..], &[103, 1, 2], &[101, 0xff]]);
        let codes: Vec<_> = StartCodes::new(&DATA).map(|code| code.code_at).collect();
        assert_eq!(codes, [0, 6, 13]);
        assert!(nals(&[1, 2, 3]).is_empty());
        assert_eq!(nals(&[0, 0, 1]), [&[][..]]);
    }

    #[test]
    fn pictures_that_no_other_refers_to() {
        let h264 = |headers: &[u8]| {
            let unit: Vec<u8> = headers.iter().flat_map(|it| [0, 0, 1, *it, 0x88]).collect();
            is_disposable(NalCodec::H264, &unit, 0)
        };
        assert!(
            h264(&[0x09, 0x06, 0x01]),
            "delimiter, SEI, a slice of nal_ref_idc 0"
        );
        assert!(h264(&[0x01, 0x01]));
        assert!(!h264(&[0x21]));
        assert!(!h264(&[0x01, 0x41]), "one slice is enough");
        assert!(!h264(&[0x65]));
        assert!(!h264(&[0x68, 0x01]), "a parameter set for those after it");
        assert!(!h264(&[0x01, 0x0a]), "the end of the sequence");
        assert!(!h264(&[0x09]), "no picture");
        assert!(!h264(&[]));
        // TRAIL_N, TRAIL_R, RASL_N, a reserved sub-layer non-reference type that no decoder knows, IDR.
        for (nal_type, free) in [(0, true), (1, false), (8, true), (10, false), (19, false)] {
            let unit = [0, 0, 1, nal_type << 1, 1, 0x80];
            assert_eq!(is_disposable(NalCodec::H265, &unit, 0), free, "{nal_type}");
        }
        // Sub-layer 1 of 0 to 2, and the highest.
        for (plus1, free) in [(2, false), (3, true)] {
            let unit = [0, 0, 1, 0, plus1, 0x80];
            assert_eq!(is_disposable(NalCodec::H265, &unit, 2), free, "{plus1}");
            assert_eq!(layer_of(NalCodec::H265, &unit), plus1 - 1);
        }
        assert!(!is_disposable(NalCodec::H265, &[0, 0, 1, 0], 0), "cut off");
    }

    #[test]
    fn kinds_by_the_tables() {
        for (byte, kind) in [
            (0x65, NalKind::RandomAccessSlice),
            (0x41, NalKind::Slice),
            (0x67, NalKind::Sps),
            (0x68, NalKind::Pps),
            (0x09, NalKind::Delimiter),
            (0x06, NalKind::Sei),
            (0x0c, NalKind::Other),
        ] {
            assert_eq!(NalCodec::H264.kind(&[byte]), kind, "{byte:#x}");
        }
        for (nal_type, kind) in [
            (1, NalKind::Slice),
            (15, NalKind::Other),
            (16, NalKind::RandomAccessSlice),
            (19, NalKind::RandomAccessSlice),
            (21, NalKind::RandomAccessSlice),
            (22, NalKind::Other),
            (32, NalKind::Vps),
            (33, NalKind::Sps),
            (34, NalKind::Pps),
            (35, NalKind::Delimiter),
            (39, NalKind::Sei),
        ] {
            assert_eq!(NalCodec::H265.kind(&[nal_type << 1, 1]), kind, "{nal_type}");
        }
        assert_eq!(NalCodec::H264.kind(&[]), NalKind::Other);
    }

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(data in proptest::collection::vec(0_u8..4, 0..200)) {
            let plain: Vec<usize> = (0..data.len().saturating_sub(2))
                .filter(|&at| data[at..at + 3] == [0, 0, 1])
                .map(|at| at + 3)
                .collect();
            let found: Vec<usize> = StartCodes::new(&data).map(|code| code.nal_at).collect();
            prop_assert_eq!(found, plain);
            let codes = StartCodes::new(&data);
            let one_by_one: Vec<_> = codes.clone().map(|code| codes.nal(code.nal_at)).collect();
            prop_assert_eq!(nals(&data).collect::<Vec<_>>(), one_by_one);
        }
    }
}
