//! Packets of a container as units: Annex B, with parameter sets before each random-access point.

use camweave_bitstream::{BitstreamError, Configuration, NalCodec, ParameterSets, av1};
use camweave_message::Codec;

/// What a file's packets become.
#[derive(Debug)]
pub(crate) enum Converter {
    Nal {
        codec: NalCodec,
        configuration: Option<Configuration>,
        sets: ParameterSets,
    },
    Vp9,
    Av1 {
        sequence_header: Vec<u8>,
    },
}

impl Converter {
    /// `extradata`: the stream's header bytes.
    pub fn new(codec: Codec, extradata: &[u8]) -> Result<Self, BitstreamError> {
        let nal = |codec| {
            let mut converter = Self::Nal {
                codec,
                configuration: None,
                sets: ParameterSets::new(codec),
            };
            converter.update(extradata).map(|()| converter)
        };
        match codec {
            Codec::H264 => nal(NalCodec::H264),
            Codec::H265 => nal(NalCodec::H265),
            Codec::Vp9 => Ok(Self::Vp9),
            Codec::Av1 => Ok(Self::Av1 {
                sequence_header: av1::configuration_obus(extradata).to_vec(),
            }),
        }
    }

    /// New header bytes, also in the middle of a file.
    pub fn update(&mut self, extradata: &[u8]) -> Result<(), BitstreamError> {
        match self {
            Self::Nal {
                codec,
                configuration,
                sets,
            } => {
                *configuration = Configuration::parse(*codec, extradata)?;
                match configuration {
                    Some(configuration) => sets.learn(&configuration.parameter_sets),
                    None => sets.learn(extradata),
                }
            }
            Self::Vp9 => {}
            Self::Av1 { sequence_header } => {
                *sequence_header = av1::configuration_obus(extradata).to_vec();
            }
        }
        Ok(())
    }

    /// The unit's bytes, and whether decoding can begin with it. `key`: what the container says.
    pub fn convert(&mut self, data: &[u8], key: bool) -> Result<(Vec<u8>, bool), BitstreamError> {
        match self {
            Self::Nal {
                configuration,
                sets,
                ..
            } => {
                let annex_b = match configuration {
                    Some(configuration) => configuration.to_annex_b(data)?,
                    None => data.to_vec(),
                };
                let unit = sets.complete(annex_b);
                Ok((unit.data, unit.random_access))
            }
            Self::Vp9 => Ok((data.to_vec(), key)),
            Self::Av1 { sequence_header } => {
                let mut unit = Vec::with_capacity(data.len() + sequence_header.len());
                if key && !av1::has_sequence_header(data) {
                    unit.extend_from_slice(sequence_header);
                }
                unit.extend_from_slice(data);
                Ok((unit, key))
            }
        }
    }
}
