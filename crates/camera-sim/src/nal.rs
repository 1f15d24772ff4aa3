//! Network abstraction layer units of H.264 (ITU-T H.264, 7.3.1) and H.265 (ITU-T H.265, 7.3.1.2).

use bytes::Bytes;
use memchr::memmem;

/// A video codec that can be carried over RTP as NAL units. Nothing of this is shared with the
/// sources (`camweave_bitstream`), so that what they make of the simulator's streams is a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// H.264 / AVC.
    H264,
    /// H.265 / HEVC.
    H265,
}

impl Codec {
    /// The encoding name in an SDP `rtpmap` (RFC 6184, 8.2.1; RFC 7798, 7.2.1).
    pub fn rtpmap_name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
        }
    }
}

/// What a NAL unit is, as far as a sender cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NalKind {
    /// H.265 video parameter set.
    Vps,
    /// Sequence parameter set.
    Sps,
    /// Picture parameter set.
    Pps,
    /// Slice of a picture at which decoding may start: IDR, or any H.265 IRAP picture.
    RandomAccessSlice,
    /// Access unit delimiter, end of sequence or stream, filler: nothing a receiver needs.
    Framing,
    /// Everything else: other slices, SEI.
    Other,
}

/// Classifies a NAL unit without its start code; an empty one is [`NalKind::Framing`].
pub fn nal_kind(codec: Codec, nal: &[u8]) -> NalKind {
    let Some(&header) = nal.first() else {
        return NalKind::Framing;
    };
    match codec {
        Codec::H264 => match header & 0x1f {
            5 => NalKind::RandomAccessSlice,
            7 => NalKind::Sps,
            8 => NalKind::Pps,
            9..=12 => NalKind::Framing,
            _ => NalKind::Other,
        },
        Codec::H265 => match (header >> 1) & 0x3f {
            16..=23 => NalKind::RandomAccessSlice,
            32 => NalKind::Vps,
            33 => NalKind::Sps,
            34 => NalKind::Pps,
            35..=38 => NalKind::Framing,
            _ => NalKind::Other,
        },
    }
}

/// Splits an Annex B byte stream at its start codes; the parts share the buffer.
///
/// Zero bytes before a start code or at the end belong to no NAL unit (ITU-T H.264, B.1.1).
pub fn split_annex_b(stream: &Bytes) -> Vec<Bytes> {
    let codes: Vec<usize> = memmem::find_iter(stream, &[0, 0, 1]).collect();
    let ends = codes.iter().skip(1).copied().chain([stream.len()]);
    let nals = codes.iter().zip(ends).filter_map(|(code, end)| {
        let start = code + 3;
        let last = stream[start..end].iter().rposition(|&byte| byte != 0)?;
        Some(stream.slice(start..=start + last))
    });
    nals.collect()
}

/// Removes emulation prevention bytes (ITU-T H.264, 7.4.1): `00 00 03` becomes `00 00`.
pub fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn splits_three_and_four_byte_start_codes() {
        let stream = Bytes::from_static(&[
            0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 0, 9, 0, 0,
        ]);
        let nals = split_annex_b(&stream);
        assert_eq!(nals, [&[0x67, 1, 2][..], &[0x68, 3][..], &[0x65, 0, 9][..]]);
        assert_eq!(nal_kind(Codec::H264, &nals[0]), NalKind::Sps);
        assert_eq!(nal_kind(Codec::H264, &nals[1]), NalKind::Pps);
        assert_eq!(nal_kind(Codec::H264, &nals[2]), NalKind::RandomAccessSlice);
    }

    #[test]
    fn unescapes_only_prevention_bytes() {
        assert_eq!(unescape(&[0, 0, 3, 1, 3, 0, 3]), [0, 0, 1, 3, 0, 3]);
    }

    proptest! {
        /// Whatever NAL units are joined with start codes come back from the splitter.
        #[test]
        fn join_then_split(
            nals in prop::collection::vec(prop::collection::vec(1u8..=255, 1..40), 0..10),
            long in any::<bool>(),
        ) {
            let mut stream = Vec::new();
            for nal in &nals {
                if long { stream.push(0); }
                stream.extend_from_slice(&[0, 0, 1]);
                stream.extend_from_slice(nal);
            }
            let split = split_annex_b(&Bytes::from(stream));
            prop_assert_eq!(split.iter().map(|n| n.to_vec()).collect::<Vec<_>>(), nals);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(0u8..4, 0..200)) {
            split_annex_b(&Bytes::from(bytes));
        }
    }
}
