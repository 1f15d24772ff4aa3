//! A camera's access units as fragments of MP4, for viewers whose browser plays these and has no
//! WebCodecs. There are some only while a viewer asks for them, and each is made once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use camweave_bitstream::NalCodec;
use camweave_fmp4::{Mp4Error, Sample, Track, is_sync};
use camweave_message::Codec;
use tracing::debug;

use super::group::Group;
use super::timeline::{Timeline, Times};
use crate::viewers::Sent;
use crate::wire::{self, Fragment};

/// The timeline's unit.
const PER_SECOND: u32 = 1_000_000;
/// A camera that has sent keyframes for so long, of which players take none for one, is not played.
const NO_SYNC_AFTER: Duration = Duration::from_secs(10);

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
    /// Why nothing can be played, until a keyframe can.
    refusal: Option<&'static str>,
    /// When the first keyframe came that players do not take for one, since the last that they do.
    without_sync: Option<Instant>,
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

    /// Why the camera's video cannot be played as MP4.
    pub fn refusal(&self) -> Option<&'static str> {
        self.refusal
    }

    /// The fragment of what is sent; `None` where nothing can be played until the next keyframe.
    pub fn push(&mut self, sent: &Sent, now: Instant) -> Option<Arc<Sent>> {
        let codec = nal_codec(sent.codec)?;
        let unit = &sent.message[sent.data_at..];
        // The hub's keyframes of H.264 may be recovery points.
        let is_keyframe = sent.is_keyframe && is_sync(codec, unit);
        self.note_sync(is_keyframe, sent.is_keyframe, now);
        let message = if sent.is_end {
            wire::as_fragment(&sent.message, sent.data_at, None)
        } else {
            match self.fragment(sent, codec, is_keyframe) {
                Ok(message) => message?,
                Err(error) => {
                    debug!("camera {}: no fragment: {error}", sent.index);
                    self.prepared = None;
                    self.refusal =
                        Some("the parameter sets of this camera's video cannot be written as MP4");
                    return None;
                }
            }
        };
        let message = if sent.is_keyframe && !is_keyframe {
            wire::as_no_keyframe(&message)
        } else {
            message
        };
        let fragment = Arc::new(Sent {
            message,
            is_keyframe,
            ..sent.clone()
        });
        self.group.push(&fragment, now);
        Some(fragment)
    }

    fn note_sync(&mut self, is_sync: bool, is_keyframe: bool, now: Instant) {
        if is_sync {
            self.without_sync = None;
        } else if is_keyframe {
            self.without_sync.get_or_insert(now);
        }
        let since = self.without_sync;
        if since.is_some_and(|it| now.saturating_duration_since(it) >= NO_SYNC_AFTER) {
            self.refusal = Some(
                "this camera sends IDR frames more rarely than every 10 s, and players of MP4 begin with no other",
            );
        }
    }

    fn fragment(
        &mut self,
        sent: &Sent,
        codec: NalCodec,
        is_keyframe: bool,
    ) -> Result<Option<Bytes>, Mp4Error> {
        let unit = &sent.message[sent.data_at..];
        let session = sent.session_unix_nanos;
        let begins = self.session != Some(session);
        if is_keyframe {
            self.prepare(codec, unit)?;
        } else if begins {
            // Until its first keyframe, a session refers to frames that were not sent.
            self.prepared = None;
        }
        let Some(Prepared {
            track,
            initialization,
        }) = &self.prepared
        else {
            return Ok(None);
        };
        self.session = Some(session);
        let times = self.timeline.next(sent.pts_nanos, begins);
        self.sequence = self.sequence.wrapping_add(1);
        let sample = Sample {
            unit,
            duration: times.shown,
            composition_offset: offset(times),
        };
        let data = track.fragment(self.sequence, times.decode, &[sample])?;
        // Whoever begins to watch, or has lost something, begins with a keyframe.
        let begins_here = is_keyframe;
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
        self.refusal = None;
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
