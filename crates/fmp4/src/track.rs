use camweave_bitstream::{NalCodec, nals, picture_size, sample_format};
use mp4_atom::{Codec, Visual};

use crate::error::Mp4Error;
use crate::sets::Sets;
use crate::{avc, hevc};

/// One video track, as its samples need it: the codec, how its decoder is set up, and the unit of its
/// times. Tracks of keyframes with the same parameter sets are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    pub(crate) codec: NalCodec,
    pub(crate) timescale: u32,
    pub(crate) size: (u16, u16),
    pub(crate) sets: Sets,
    pub(crate) entry: Codec,
    /// Quarter turns clockwise before it is shown, ...
    pub(crate) quarters: u8,
    /// ... and whether it is mirrored left to right after that.
    pub(crate) is_mirrored: bool,
    /// Whether samples keep the parameter sets that the track has, too.
    pub(crate) keeps_sets: bool,
    name: String,
}

impl Track {
    /// The track of `unit`, a keyframe in Annex B form with its parameter sets; `timescale` is how
    /// many units of its times a second has.
    ///
    /// # Errors
    /// If parameter sets are missing or cannot be read.
    pub fn new(codec: NalCodec, unit: &[u8], timescale: u32) -> Result<Self, Mp4Error> {
        let sets = Sets::read(codec, unit)?;
        let unreadable = |part| Mp4Error::ParameterSet {
            bytes: sets.sps.first().map_or(0, Vec::len),
            part,
        };
        let (width, height) = picture_size(codec, unit).ok_or_else(|| unreadable("size"))?;
        let format = sample_format(codec, unit).ok_or_else(|| unreadable("sample format"))?;
        let size = match (u16::try_from(width), u16::try_from(height)) {
            (Ok(width), Ok(height)) => (width, height),
            _ => return Err(Mp4Error::Size { width, height }),
        };
        let visual = Visual {
            data_reference_index: 1,
            width: size.0,
            height: size.1,
            ..Visual::default()
        };
        let (entry, name) = match codec {
            NalCodec::H264 => avc::sample_entry(&sets, format, visual)?,
            NalCodec::H265 => hevc::sample_entry(&sets, format, visual)?,
        };
        Ok(Self {
            codec,
            timescale,
            size,
            sets,
            entry,
            quarters: 0,
            is_mirrored: false,
            keeps_sets: false,
            name,
        })
    }

    /// The same, shown rotated by so many degrees clockwise, a multiple of 90, and then mirrored left
    /// to right.
    #[must_use]
    pub fn shown(self, degrees: u16, is_mirrored: bool) -> Self {
        Self {
            quarters: (degrees / 90 % 4) as u8,
            is_mirrored,
            ..self
        }
    }

    /// Whether all parameter sets of a unit in Annex B form are the track's.
    #[must_use]
    pub fn has_sets_of(&self, unit: &[u8]) -> bool {
        let mut nals = nals(unit);
        nals.all(|nal| !self.codec.kind(nal).is_parameter_set() || self.sets.contain(nal))
    }

    /// From here on, samples keep all their parameter sets: where a unit has had another one, the
    /// track's own are news when they come again.
    pub fn keep_sets(&mut self) {
        self.keeps_sets = true;
    }

    /// Width and height of the stored pictures, in pixels.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// The codec as the `codecs` parameter of a MIME type names it (RFC 6381), such as `avc1.64001F`.
    #[must_use]
    pub fn codec_name(&self) -> &str {
        &self.name
    }
}
