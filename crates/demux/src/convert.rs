//! Packets of a container as units: Annex B, with parameter sets before each keyframe.

use camweave_bitstream::{
    BitstreamError, Configuration, Mpeg4Headers, NalCodec, ParameterSets, av1,
};
use camweave_message::Codec;

/// Makes access units of a stream's packets.
#[derive(Debug)]
pub enum Converter {
    /// H.264 and H.265: Annex B, parameter sets before each keyframe.
    Nal {
        /// Which of the two.
        codec: NalCodec,
        /// The length prefixes of the packets; `None` where they are Annex B already.
        configuration: Option<Configuration>,
        /// The parameter sets known so far.
        sets: ParameterSets,
    },
    /// VP9 and Motion JPEG, which need nothing.
    Whole,
    /// AV1: the sequence header before each key frame.
    Av1 {
        /// The header of the stream.
        sequence_header: Vec<u8>,
    },
    /// MPEG-4 part 2: the video object layer's headers before each intra-coded VOP.
    Mpeg4(Mpeg4Headers),
}

impl Converter {
    /// `extradata`: the stream's header bytes.
    ///
    /// # Errors
    /// If these end early.
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
            Codec::Vp9 | Codec::Mjpeg => Ok(Self::Whole),
            Codec::Av1 => Ok(Self::Av1 {
                sequence_header: av1::configuration_obus(extradata).to_vec(),
            }),
            Codec::Mpeg4 => {
                let mut headers = Mpeg4Headers::default();
                headers.learn(extradata);
                Ok(Self::Mpeg4(headers))
            }
        }
    }

    /// New header bytes, also in the middle of a stream.
    ///
    /// # Errors
    /// If these end early.
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
            Self::Whole => {}
            Self::Mpeg4(headers) => headers.learn(extradata),
            Self::Av1 { sequence_header } => {
                *sequence_header = av1::configuration_obus(extradata).to_vec();
            }
        }
        Ok(())
    }

    /// The unit's bytes, and whether decoding can begin with it. `key`: what the container says.
    ///
    /// # Errors
    /// If a length in the packet leads beyond its end.
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
            Self::Whole => Ok((data.to_vec(), key)),
            Self::Mpeg4(headers) => Ok(headers.complete(data)),
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
