use thiserror::Error;

use crate::nal::{NalCodec, START_CODE};

/// Why bytes of a file are not what its header promises.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BitstreamError {
    /// A configuration record ends early or contradicts itself.
    #[error("the {record} record of {length} bytes ends in its {part}")]
    Record {
        /// `avcC` or `hvcC`.
        record: &'static str,
        /// Its length in bytes.
        length: usize,
        /// What could not be read.
        part: &'static str,
    },
    /// A NAL unit is longer than the rest of its access unit.
    #[error("a NAL unit of {length} bytes at byte {at}, expected at most {left}")]
    NalLength {
        /// The length field.
        length: usize,
        /// Where the NAL unit begins.
        at: usize,
        /// The bytes that are left.
        left: usize,
    },
}

/// What the header of an MP4 or Matroska file says of a stream's NAL units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Bytes of each length prefix: 1 to 4.
    pub length_bytes: usize,
    /// The parameter sets, as Annex B.
    pub parameter_sets: Vec<u8>,
}

struct Record<'a> {
    name: &'static str,
    length: usize,
    rest: &'a [u8],
}

impl<'a> Record<'a> {
    fn take(&mut self, count: usize, part: &'static str) -> Result<&'a [u8], BitstreamError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(BitstreamError::Record {
                record: self.name,
                length: self.length,
                part,
            })?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self, bytes: usize, part: &'static str) -> Result<usize, BitstreamError> {
        Ok(self
            .take(bytes, part)?
            .iter()
            .fold(0, |value, byte| value << 8 | usize::from(*byte)))
    }

    fn nals(&mut self, count: usize, to: &mut Vec<u8>) -> Result<(), BitstreamError> {
        for _ in 0..count {
            let length = self.number(2, "parameter set lengths")?;
            to.extend_from_slice(&START_CODE);
            to.extend_from_slice(self.take(length, "parameter sets")?);
        }
        Ok(())
    }
}

impl Configuration {
    /// Reads the header bytes that a demuxer gives with a stream. `None` where the
    /// stream is Annex B already.
    ///
    /// # Errors
    /// If the record ends early.
    pub fn parse(codec: NalCodec, extradata: &[u8]) -> Result<Option<Self>, BitstreamError> {
        match (codec, extradata) {
            (NalCodec::H264, [1, ..]) => Self::avcc(extradata).map(Some),
            // Some writers leave the version at 0; Annex B begins with two zeros and a one.
            (NalCodec::H265, [first, second, third, ..])
                if *first != 0 || *second != 0 || *third > 1 =>
            {
                Self::hvcc(extradata).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn avcc(bytes: &[u8]) -> Result<Self, BitstreamError> {
        let mut record = Record {
            name: "avcC",
            length: bytes.len(),
            rest: bytes,
        };
        record.take(4, "profile")?;
        let length_bytes = (record.number(1, "length size")? & 3) + 1;
        let mut parameter_sets = Vec::new();
        let count = record.number(1, "parameter set count")? & 0x1f;
        record.nals(count, &mut parameter_sets)?;
        let count = record.number(1, "parameter set count")?;
        record.nals(count, &mut parameter_sets)?;
        Ok(Self {
            length_bytes,
            parameter_sets,
        })
    }

    fn hvcc(bytes: &[u8]) -> Result<Self, BitstreamError> {
        let mut record = Record {
            name: "hvcC",
            length: bytes.len(),
            rest: bytes,
        };
        record.take(21, "profile")?;
        let length_bytes = (record.number(1, "length size")? & 3) + 1;
        let mut parameter_sets = Vec::new();
        for _ in 0..record.number(1, "array count")? {
            record.take(1, "array type")?;
            let count = record.number(2, "parameter set count")?;
            record.nals(count, &mut parameter_sets)?;
        }
        Ok(Self {
            length_bytes,
            parameter_sets,
        })
    }

    /// An access unit with start codes in place of its length prefixes.
    ///
    /// # Errors
    /// If a NAL unit is longer than what is left: the file is damaged or ends early.
    pub fn to_annex_b(&self, data: &[u8]) -> Result<Vec<u8>, BitstreamError> {
        let mut annex_b = Vec::with_capacity(data.len() + 64);
        let mut at = 0;
        while at < data.len() {
            let end = data.len().min(at + self.length_bytes);
            let length = data[at..end]
                .iter()
                .fold(0, |value, byte| value << 8 | usize::from(*byte));
            let left = data.len() - end;
            if length > left || end - at < self.length_bytes {
                return Err(BitstreamError::NalLength { length, at, left });
            }
            annex_b.extend_from_slice(&START_CODE);
            annex_b.extend_from_slice(&data[end..end + length]);
            at = end + length;
        }
        Ok(annex_b)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AVCC: &[u8] = &[
        1, 66, 0, 30, 0xff, 0xe1, 0, 3, 0x67, 66, 7, 1, 0, 2, 0x68, 9,
    ];

    #[test]
    fn avcc_and_its_units() {
        let record = Configuration::parse(NalCodec::H264, AVCC)
            .expect("whole")
            .expect("avcC");
        assert_eq!(record.length_bytes, 4);
        assert_eq!(
            record.parameter_sets,
            [0, 0, 0, 1, 0x67, 66, 7, 0, 0, 0, 1, 0x68, 9]
        );
        let unit = record.to_annex_b(&[0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x65]);
        assert_eq!(unit, Ok(vec![0, 0, 0, 1, 0x65, 1, 0, 0, 0, 1, 0x65]));
        assert_eq!(
            record.to_annex_b(&[0, 0, 0, 9, 0x65]),
            Err(BitstreamError::NalLength {
                length: 9,
                at: 0,
                left: 1
            })
        );
        assert!(record.to_annex_b(&[0, 0]).is_err());
    }

    #[test]
    fn hvcc_of_two_byte_lengths() {
        let mut bytes = vec![1; 21];
        bytes.extend([0xfd, 2, 32, 0, 1, 0, 2, 0x40, 1, 33, 0, 1, 0, 1, 0x42]);
        let record = Configuration::parse(NalCodec::H265, &bytes)
            .expect("whole")
            .expect("hvcC");
        assert_eq!(record.length_bytes, 2);
        assert_eq!(
            record.parameter_sets,
            [0, 0, 0, 1, 0x40, 1, 0, 0, 0, 1, 0x42]
        );
        for length in 3..bytes.len() {
            assert!(
                Configuration::parse(NalCodec::H265, &bytes[..length]).is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn annex_b_headers_are_none() {
        for codec in [NalCodec::H264, NalCodec::H265] {
            assert_eq!(Configuration::parse(codec, &[0, 0, 0, 1, 0x67]), Ok(None));
            assert_eq!(Configuration::parse(codec, &[0, 0, 1, 0x67]), Ok(None));
            assert_eq!(Configuration::parse(codec, &[]), Ok(None));
        }
        for length in 1..AVCC.len() {
            assert!(
                Configuration::parse(NalCodec::H264, &AVCC[..length]).is_err(),
                "{length}"
            );
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1_usize..5) {
            drop(Configuration::parse(NalCodec::H264, &bytes));
            drop(Configuration::parse(NalCodec::H265, &bytes));
            let record = Configuration { length_bytes: size, parameter_sets: Vec::new() };
            drop(record.to_annex_b(&bytes));
        }
    }
}
