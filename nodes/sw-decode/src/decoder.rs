//! One stream's decoder.

use std::sync::Arc;

use camweave_decode::{Decoded, LumaGrid, Plan, SlotError, reason};
use camweave_message::{Codec, Orientation, PictureRef};
use camweave_pool::Reference;
use camweave_vision::{PictureError, PictureLayout, PixelFormat, Plane, Planes};
use ffmpeg_next::codec::{self, Id, threading};
use ffmpeg_next::{Packet, decoder, frame};

use crate::color;
use crate::convert::{ConvertError, Converter};
use crate::direct::{self, Direct, Refusal};
use crate::upright;
use crate::{jpeg, luma};

/// A unit that cannot be decoded, or a decoder that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the libavcodec of this machine has no decoder for {}", codec.as_str())]
    NoDecoder { codec: Codec },
    #[error("the {} decoder cannot be opened: {source}", codec.as_str())]
    Open {
        codec: Codec,
        source: ffmpeg_next::Error,
    },
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("a JPEG image of {bytes} bytes without its end (EOI)")]
    Cut { bytes: usize },
    #[error("a unit of {bytes} bytes: {source}")]
    Unit {
        bytes: usize,
        source: ffmpeg_next::Error,
    },
}

impl DecodeError {
    /// The kind of error in the counters.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoDecoder { .. } | Self::Open { .. } => "no_decoder",
            Self::Refused(
                Refusal::Size { .. }
                | Refusal::Memory { .. }
                | Refusal::Slot(SlotError::TooLarge { .. }),
            ) => reason::TOO_LARGE,
            Self::Refused(Refusal::Slot(_)) => "pool",
            Self::Cut { .. } | Self::Unit { .. } => "decode",
        }
    }
}

/// A decoded picture that cannot be given to anyone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error(transparent)]
    Slot(#[from] SlotError),
    #[error(transparent)]
    Convert(#[from] ConvertError),
    #[error("a frame cannot be rotated upright: {0}")]
    Turn(#[from] PictureError),
    #[error("the planes of a {width}x{height} frame are outside its slot: {planes:?}")]
    Planes {
        width: u32,
        height: u32,
        planes: Vec<(u64, i64)>,
    },
}

/// A frame in a slot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Published {
    pub picture: PictureRef,
    /// Whether the decoder itself wrote it there.
    pub is_direct: bool,
}

/// A decoder and the frame that it gave last.
pub(crate) struct Decoder {
    opened: decoder::Video,
    picture: frame::Video,
    converter: Converter,
    orientation: Orientation,
    /// Last, so that it outlives the context, whose callbacks go to it.
    direct: Arc<Direct>,
}

impl Decoder {
    /// Opens a decoder that writes into the slots of `direct`. Frames that are to be turned by
    /// `orientation` are decoded in memory of libavcodec's own, and turned on their way into a slot.
    pub fn open(
        codec: Codec,
        orientation: Orientation,
        direct: &Arc<Direct>,
    ) -> Result<Self, DecodeError> {
        let id = match codec {
            Codec::H264 => Id::H264,
            Codec::H265 => Id::HEVC,
            Codec::Vp9 => Id::VP9,
            Codec::Av1 => Id::AV1,
            Codec::Mjpeg => Id::MJPEG,
            Codec::Mpeg4 => Id::MPEG4,
        };
        let found = decoder::find(id).ok_or(DecodeError::NoDecoder { codec })?;
        let mut context = codec::Context::new_with_codec(found);
        direct.lend_slots(orientation == Orientation::UPRIGHT);
        direct::install(&mut context, &found, direct);
        // Cameras are decoded side by side; a thread of its own per camera and slice only adds switches.
        context.set_threading(threading::Config {
            kind: threading::Type::Slice,
            ..threading::Config::count(1)
        });
        // Crops to the very pixel, also on the left.
        context.set_flags(codec::Flags::UNALIGNED);
        let opened = context
            .decoder()
            .open_as(found)
            .and_then(decoder::Opened::video)
            .map_err(|source| DecodeError::Open { codec, source })?;
        Ok(Self {
            opened,
            picture: frame::Video::empty(),
            converter: Converter::default(),
            orientation,
            direct: Arc::clone(direct),
        })
    }

    /// Decodes one unit. Then [`Decoder::receive`] until it gives none.
    pub fn send(&mut self, data: &[u8], ticket: i64) -> Result<(), DecodeError> {
        if self.opened.id() == Id::MJPEG && !jpeg::is_whole(data) {
            return Err(DecodeError::Cut { bytes: data.len() });
        }
        let mut packet = Packet::copy(data);
        packet.set_pts(Some(ticket));
        let _ = self.direct.take_refusal();
        let sent = self.opened.send_packet(&packet);
        sent.map_err(|source| self.error(data.len(), source))?;
        self.check_refusal()
    }

    /// Makes the decoder output what it holds back for reordering; it then takes nothing more.
    pub fn finish(&mut self) -> Result<(), DecodeError> {
        let sent = self.opened.send_eof();
        sent.map_err(|source| self.error(0, source))
    }

    /// The next frame in presentation order.
    pub fn receive(&mut self) -> Result<Option<Decoded>, DecodeError> {
        use ffmpeg_next::Error;
        match self.opened.receive_frame(&mut self.picture) {
            Ok(()) => Ok(Some(Decoded {
                ticket: self.picture.pts().unwrap_or(-1),
                is_damaged: self.picture.is_corrupt()
                    || self.picture.has_decode_errors()
                    || direct::is_incomplete(&self.picture),
            })),
            // libavcodec does not always pass on that a callback refused.
            Err(Error::Eof) => self.check_refusal().map(|()| None),
            Err(Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => {
                self.check_refusal().map(|()| None)
            }
            Err(source) => Err(self.error(0, source)),
        }
    }

    fn check_refusal(&self) -> Result<(), DecodeError> {
        self.direct
            .take_refusal()
            .map_or(Ok(()), |refusal| Err(DecodeError::Refused(refusal)))
    }

    fn error(&self, bytes: usize, source: ffmpeg_next::Error) -> DecodeError {
        match self.direct.take_refusal() {
            Some(refusal) => DecodeError::Refused(refusal),
            None => DecodeError::Unit { bytes, source },
        }
    }

    /// The luma of the frame that was received last, as it is coded.
    pub fn luma(&self) -> Option<LumaGrid> {
        LumaGrid::of(&luma::plane(&self.picture)?)
    }

    /// Makes the frame that was received last readable for consumers.
    ///
    /// A frame that lies in memory of libavcodec's own, because of its format or
    /// because the pool was exhausted when it was begun, is written into a slot now.
    pub fn publish(&mut self) -> Result<Published, PublishError> {
        if self.orientation != Orientation::UPRIGHT {
            return self.publish_upright();
        }
        if let Some(placed) = self.direct.publish(&self.picture) {
            let layout = self.layout(direct_format(&self.picture), &placed.planes)?;
            let picture = PictureRef {
                layout,
                slot: placed.reference,
            };
            return Ok(Published {
                picture,
                is_direct: true,
            });
        }
        let (format, plan) = self.converter.prepare(&self.picture)?;
        let planes = places(plan);
        let mut slot = self.direct.begin(plan.bytes)?;
        self.converter.write(&self.picture, &mut slot)?;
        let layout = self.layout(format, &planes)?;
        let slot: Reference = slot.publish();
        Ok(Published {
            picture: PictureRef { layout, slot },
            is_direct: false,
        })
    }

    /// Turns the frame on its way into a slot; formats that no message has are converted before.
    fn publish_upright(&mut self) -> Result<Published, PublishError> {
        let (width, height) = (self.picture.width(), self.picture.height());
        let refused = || PublishError::Planes {
            width,
            height,
            planes: Vec::new(),
        };
        let mut converted = Vec::new();
        let (format, planes) = match upright::stored_planes(&self.picture) {
            Some(planes) => (direct_format(&self.picture), planes),
            None => {
                let (format, plan) = self.converter.prepare(&self.picture)?;
                let plan = plan.clone();
                converted.resize(plan.bytes, 0);
                self.converter.write(&self.picture, &mut converted)?;
                (format, upright::planes_in(&converted, &plan))
            }
        };
        let (width, height) = self.orientation.shown_size(width, height);
        let plan = Plan::new(format, width, height, 0).ok_or_else(refused)?;
        let layout = PictureLayout {
            width,
            height,
            ..self.layout(format, &places(&plan))?
        };
        let mut slot = self.direct.begin(plan.bytes)?;
        let stored = (self.picture.width(), self.picture.height());
        self.orientation
            .copy_upright(stored, &planes, &layout, &mut slot)?;
        let slot = slot.publish();
        Ok(Published {
            picture: PictureRef { layout, slot },
            is_direct: false,
        })
    }

    /// Releases the frame that was received last.
    pub fn release(&mut self) {
        direct::release(&mut self.picture);
    }

    fn layout(
        &self,
        format: PixelFormat,
        planes: &[(u64, i64)],
    ) -> Result<PictureLayout, PublishError> {
        let (width, height) = (self.picture.width(), self.picture.height());
        let listed: Option<Vec<Plane>> = planes
            .iter()
            .map(|&(offset, stride)| {
                let (offset, stride) = (u32::try_from(offset).ok()?, u32::try_from(stride).ok()?);
                Some(Plane { offset, stride })
            })
            .collect();
        let listed = listed.and_then(|planes| Planes::try_from(planes).ok());
        let refused = || PublishError::Planes {
            width,
            height,
            planes: planes.to_vec(),
        };
        Ok(PictureLayout {
            width,
            height,
            format,
            matrix: color::matrix(&self.picture),
            range: color::range(&self.picture),
            planes: listed.ok_or_else(refused)?,
        })
    }

    /// The frame that was received last.
    #[cfg(test)]
    pub fn picture(&self) -> &frame::Video {
        &self.picture
    }
}

/// The planes of a plan, as a frame's are listed.
fn places(plan: &Plan) -> Vec<(u64, i64)> {
    let planes = plan.planes.iter();
    planes
        .map(|plane| (u64::from(plane.offset), i64::from(plane.stride)))
        .collect()
}

fn direct_format(frame: &frame::Video) -> PixelFormat {
    match frame.format() {
        ffmpeg_next::format::Pixel::NV12 => PixelFormat::Nv12,
        _ => PixelFormat::I420,
    }
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
