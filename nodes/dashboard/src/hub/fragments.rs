//! A camera's access units as fragments of MP4, for viewers whose browser plays these and has no
//! WebCodecs. There are some only while a viewer asks for them, and each is made once.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use camweave_bitstream::NalCodec;
use camweave_fmp4::{Mp4Error, Sample, Track};
use camweave_message::Codec;
use tracing::debug;

use super::group::Group;
use super::timeline::{Timeline, Times};
use crate::viewers::Sent;
use crate::wire::{self, Fragment};

/// The timeline's unit.
const PER_SECOND: u32 = 1_000_000;

/// The codecs that browsers play as MP4 and that are sent so.
pub(crate) fn nal_codec(codec: Codec) -> Option<NalCodec> {
    match codec {
        Codec::H264 => Some(NalCodec::H264),
        Codec::H265 => Some(NalCodec::H265),
        _ => None,
    }
}

/// What a keyframe's parameter sets give.
struct Prepared {
    track: Track,
    initialization: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Fragments {
    prepared: Option<Prepared>,
    timeline: Timeline,
    session: Option<i64>,
    sequence: u32,
    /// The last keyframe could not be written.
    is_refused: bool,
    /// Those since the last keyframe, for viewers that join.
    pub group: Group,
}

impl Fragments {
    /// With those of what was sent since the last keyframe.
    pub fn of_group(group: &Group, now: Instant) -> Self {
        let mut all = Self::default();
        let since = group.since().unwrap_or(now);
        for sent in group.sent() {
            all.push(sent, since);
        }
        all
    }

    /// Whether the last keyframe could not be written, and nothing since.
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// The fragment of what is sent; `None` where nothing can be played until the next keyframe.
    pub fn push(&mut self, sent: &Sent, now: Instant) -> Option<Arc<Sent>> {
        let message = if sent.is_end {
            wire::as_fragment(&sent.message, sent.data_at, None)
        } else {
            match self.fragment(sent) {
                Ok(message) => message?,
                Err(error) => {
                    debug!("camera {}: no fragment: {error}", sent.index);
                    self.prepared = None;
                    self.is_refused = true;
                    return None;
                }
            }
        };
        let fragment = Arc::new(Sent {
            message,
            ..sent.clone()
        });
        self.group.push(&fragment, now);
        Some(fragment)
    }

    fn fragment(&mut self, sent: &Sent) -> Result<Option<Bytes>, Mp4Error> {
        let Some(codec) = nal_codec(sent.codec) else {
            return Ok(None);
        };
        let unit = &sent.message[sent.data_at..];
        if sent.is_keyframe {
            self.prepare(codec, unit)?;
        }
        let Some(Prepared {
            track,
            initialization,
        }) = &self.prepared
        else {
            return Ok(None);
        };
        let session = sent.session_unix_nanos;
        let begins = self.session.replace(session) != Some(session);
        let times = self.timeline.next(sent.pts_nanos, begins);
        self.sequence = self.sequence.wrapping_add(1);
        let sample = Sample {
            unit,
            is_keyframe: sent.is_keyframe,
            duration: times.shown,
            composition_offset: offset(times),
        };
        let data = track.fragment(self.sequence, times.decode, &[sample])?;
        // Whoever begins to watch, or has lost something, begins with a keyframe.
        let begins_here = sent.is_keyframe;
        let fragment = Fragment {
            presentation_micros: times.presentation,
            duration_micros: times.duration,
            codec: if begins_here { track.codec_name() } else { "" },
            initialization: if begins_here {
                &initialization[..]
            } else {
                &[]
            },
            data: &data,
        };
        let message = wire::as_fragment(&sent.message, sent.data_at, Some(&fragment));
        Ok(Some(message))
    }

    fn prepare(&mut self, codec: NalCodec, unit: &[u8]) -> Result<(), Mp4Error> {
        let track = Track::new(codec, unit, PER_SECOND)?;
        self.is_refused = false;
        if self.prepared.as_ref().is_none_or(|it| it.track != track) {
            let initialization = track.initialization()?;
            self.prepared = Some(Prepared {
                track,
                initialization,
            });
        }
        Ok(())
    }
}

/// The timeline's lead is seconds.
fn offset(times: Times) -> i32 {
    let offset = times.presentation.cast_signed() - times.decode.cast_signed();
    offset.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}
