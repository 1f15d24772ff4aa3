//! Parameter sets of a stream and the figures of them that an SDP needs.

use bytes::Bytes;
use data_encoding::HEXUPPER;

use crate::nal::{Codec, NalKind, nal_kind, unescape};

/// The parameter sets a decoder needs before the first picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterSets {
    /// Video parameter sets (H.265 only).
    pub vps: Vec<Bytes>,
    /// Sequence parameter sets.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets.
    pub pps: Vec<Bytes>,
}

/// `profile_tier_level()` of an H.265 sequence parameter set (ITU-T H.265, 7.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct H265Profile {
    /// `general_profile_space`.
    pub space: u8,
    /// `general_tier_flag`.
    pub tier: u8,
    /// `general_profile_idc`.
    pub profile: u8,
    /// `general_level_idc`: 30 times the level.
    pub level: u8,
}

impl ParameterSets {
    /// Takes the parameter sets out of a list of NAL units, each different one once.
    pub fn collect<'a>(codec: Codec, nals: impl IntoIterator<Item = &'a Bytes>) -> Self {
        let mut sets = Self::default();
        for nal in nals {
            let list = match nal_kind(codec, nal) {
                NalKind::Vps => &mut sets.vps,
                NalKind::Sps => &mut sets.sps,
                NalKind::Pps => &mut sets.pps,
                _ => continue,
            };
            if !list.contains(nal) {
                list.push(nal.clone());
            }
        }
        sets
    }

    /// Whether a decoder of this codec can start with them.
    pub fn is_complete(&self, codec: Codec) -> bool {
        !self.sps.is_empty()
            && !self.pps.is_empty()
            && (codec == Codec::H264 || !self.vps.is_empty())
    }

    /// All sets in the order in which a stream carries them.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.vps.iter().chain(&self.sps).chain(&self.pps)
    }

    /// `profile-level-id` of RFC 6184, 8.1: three bytes after the header of the H.264 SPS, in hex.
    pub fn h264_profile_level_id(&self) -> Option<String> {
        Some(HEXUPPER.encode(self.sps.first()?.get(1..4)?))
    }

    /// Profile, tier and level of the first H.265 SPS.
    pub fn h265_profile(&self) -> Option<H265Profile> {
        // Two header bytes, then 4 + 3 + 1 bits, then profile_tier_level().
        let sps = unescape(self.sps.first()?);
        let first = *sps.get(3)?;
        Some(H265Profile {
            space: first >> 6,
            tier: (first >> 5) & 1,
            profile: first & 0x1f,
            level: *sps.get(14)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h264_profile_is_three_bytes_of_the_sps() {
        let nals = [
            Bytes::from_static(&[0x67, 0x64, 0x00, 0x1f, 0xac]),
            Bytes::from_static(&[0x68, 0xee]),
            Bytes::from_static(&[0x68, 0xee]),
        ];
        let sets = ParameterSets::collect(Codec::H264, &nals);
        assert_eq!(sets.pps.len(), 1);
        assert!(sets.is_complete(Codec::H264));
        assert!(!sets.is_complete(Codec::H265));
        assert_eq!(sets.h264_profile_level_id().as_deref(), Some("64001F"));
    }

    #[test]
    fn h265_profile_of_an_x265_stream() {
        // Main profile, main tier, level 3.0 (90), with emulation prevention in the constraint flags.
        let sps = Bytes::from_static(&[
            0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00,
            0x00, 0x03, 0x00, 0x5a, 0xa0,
        ]);
        let sets = ParameterSets::collect(Codec::H265, [&sps]);
        assert_eq!(
            sets.h265_profile(),
            Some(H265Profile {
                space: 0,
                tier: 0,
                profile: 1,
                level: 90
            })
        );
    }
}
