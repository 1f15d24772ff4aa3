//! How a container stores NAL units: ISO/IEC 14496-15, 5.3.3.1 (`avcC`) and 8.3.3.1 (`hvcC`).

use bytes::Bytes;

use crate::nal::{Codec, split_annex_b};
use crate::parameter_sets::ParameterSets;

/// Framing of NAL units in packets, and the parameter sets kept outside of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Bytes of the length before each NAL unit; `None` for Annex B start codes.
    length_bytes: Option<usize>,
    /// Parameter sets from outside of the packets.
    pub parameter_sets: ParameterSets,
}

impl Configuration {
    /// Reads a demuxer's extradata; empty means Annex B with parameter sets in the stream.
    pub fn parse(codec: Codec, extradata: &[u8]) -> Result<Self, String> {
        if extradata.is_empty() || matches!(extradata, [0, 0, 0 | 1, ..]) {
            let nals = split_annex_b(&Bytes::copy_from_slice(extradata));
            let parameter_sets = ParameterSets::collect(codec, &nals);
            return Ok(Self {
                length_bytes: None,
                parameter_sets,
            });
        }
        let mut reader = Reader(extradata);
        let (length_bytes, nals) = match codec {
            Codec::H264 => avc_configuration(&mut reader),
            Codec::H265 => hevc_configuration(&mut reader),
        }
        .ok_or_else(|| {
            let (name, len) = (codec.rtpmap_name(), extradata.len());
            format!("its {name} decoder configuration of {len} bytes is cut short")
        })?;
        let parameter_sets = ParameterSets::collect(codec, &nals);
        Ok(Self {
            length_bytes: Some(length_bytes),
            parameter_sets,
        })
    }

    /// Splits a packet into NAL units.
    pub fn split(&self, packet: &[u8]) -> Result<Vec<Bytes>, String> {
        let packet = Bytes::copy_from_slice(packet);
        let Some(length_bytes) = self.length_bytes else {
            return Ok(split_annex_b(&packet));
        };
        let mut nals = Vec::new();
        let mut at = 0;
        while at < packet.len() {
            let nal = packet.get(at..at + length_bytes).and_then(|length| {
                let len = length
                    .iter()
                    .fold(0, |len, &byte| len << 8 | usize::from(byte));
                let start = at + length_bytes;
                (len <= packet.len() - start).then(|| packet.slice(start..start + len))
            });
            let nal = nal.ok_or_else(|| {
                format!(
                    "NAL unit at byte {at} of a packet of {} bytes is cut short",
                    packet.len()
                )
            })?;
            at += length_bytes + nal.len();
            if !nal.is_empty() {
                nals.push(nal);
            }
        }
        Ok(nals)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn length(&mut self) -> Option<usize> {
        let bytes = self.take(2)?;
        Some(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
    }

    fn nals(&mut self, count: usize, nals: &mut Vec<Bytes>) -> Option<()> {
        for _ in 0..count {
            let len = self.length()?;
            nals.push(Bytes::copy_from_slice(self.take(len)?));
        }
        Some(())
    }
}

fn avc_configuration(reader: &mut Reader<'_>) -> Option<(usize, Vec<Bytes>)> {
    let mut nals = Vec::new();
    let length_bytes = usize::from(reader.take(5)?[4] & 3) + 1;
    let sps_count = usize::from(reader.byte()? & 0x1f);
    reader.nals(sps_count, &mut nals)?;
    let pps_count = usize::from(reader.byte()?);
    reader.nals(pps_count, &mut nals)?;
    Some((length_bytes, nals))
}

fn hevc_configuration(reader: &mut Reader<'_>) -> Option<(usize, Vec<Bytes>)> {
    let mut nals = Vec::new();
    let length_bytes = usize::from(reader.take(22)?[21] & 3) + 1;
    for _ in 0..reader.byte()? {
        reader.byte()?;
        let count = reader.length()?;
        reader.nals(count, &mut nals)?;
    }
    Some((length_bytes, nals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AVC: &[u8] = &[
        1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 2, 0x68, 0xee,
    ];

    #[test]
    fn avc_has_lengths_and_sets() {
        let avc = Configuration::parse(Codec::H264, AVC).unwrap();
        assert!(avc.parameter_sets.is_complete(Codec::H264));
        let nals = avc
            .split(&[0, 0, 0, 2, 0x65, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0x61])
            .unwrap();
        assert_eq!(nals, [&[0x65, 7][..], &[0x61][..]]);
        let error = avc.split(&[0, 0, 0, 9, 0x65]).expect_err("too long");
        assert!(error.contains("byte 0 of a packet of 5 bytes"), "{error}");
        for len in 1..AVC.len() {
            let error = Configuration::parse(Codec::H264, &AVC[..len]).expect_err("cut");
            assert!(error.contains(&format!("{len} bytes")), "{error}");
        }
    }

    #[test]
    fn hevc_has_arrays() {
        let mut hevc = vec![1; 21];
        hevc.extend([0xff, 3]);
        for header in [0x40, 0x42, 0x44] {
            hevc.extend([0x20, 0, 1, 0, 3, header, 1, 9]);
        }
        let hevc = Configuration::parse(Codec::H265, &hevc).unwrap();
        assert_eq!(hevc.length_bytes, Some(4));
        assert!(hevc.parameter_sets.is_complete(Codec::H265));
    }

    #[test]
    fn annex_b_extradata() {
        let sets = [0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 1, 0x68, 1];
        let annex_b = Configuration::parse(Codec::H264, &sets).unwrap();
        assert_eq!(annex_b.length_bytes, None);
        assert!(annex_b.parameter_sets.is_complete(Codec::H264));
    }

    proptest! {
        #[test]
        fn never_panics(
            extradata in prop::collection::vec(any::<u8>(), 0..64),
            packet in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            for codec in [Codec::H264, Codec::H265] {
                if let Ok(configuration) = Configuration::parse(codec, &extradata) {
                    let _ = configuration.split(&packet);
                }
            }
        }
    }
}
