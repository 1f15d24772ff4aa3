//! An encoded clip in memory: access units in decode order, ready to be packetised.

use bytes::Bytes;

use crate::nal::{Codec, NalKind, nal_kind};
use crate::parameter_sets::ParameterSets;
use crate::timeline::Timing;

/// One encoded picture.
#[derive(Debug, Clone)]
pub struct AccessUnit {
    /// Its NAL units without start codes; a keyframe begins with the parameter sets.
    pub nals: Vec<Bytes>,
    /// Whether decoding may start here.
    pub random_access: bool,
    /// Place in display order, from 0, within the clip.
    pub frame: u64,
}

/// What an encoder or a demuxer delivers for one picture, in decode order.
#[derive(Debug, Clone)]
pub struct RawUnit {
    /// NAL units without start codes.
    pub nals: Vec<Bytes>,
    /// The container's or encoder's keyframe flag.
    pub keyframe: bool,
    /// Presentation time in any unit that ascends in display order.
    pub pts: i64,
}

/// A clip that a camera plays once or over and over.
#[derive(Debug, Clone)]
pub struct Clip {
    /// Codec of all units.
    pub codec: Codec,
    /// Picture width in pixels.
    pub width: u32,
    /// Picture height in pixels.
    pub height: u32,
    /// Frames per second, nominal where the timing varies.
    pub fps: f64,
    /// Parameter sets at the start of the clip.
    pub parameter_sets: ParameterSets,
    units: Vec<AccessUnit>,
    timing: Timing,
    send_delay_nanos: u64,
}

/// Size and rate of a clip.
#[derive(Debug, Clone, Copy)]
pub struct ClipFormat {
    /// Codec of all units.
    pub codec: Codec,
    /// Picture width in pixels.
    pub width: u32,
    /// Picture height in pixels.
    pub height: u32,
    /// Frames per second, nominal where the timing varies.
    pub fps: f64,
}

impl Clip {
    /// Makes a clip of units in decode order.
    ///
    /// `outside` are the parameter sets that a container keeps outside of the stream. They, or the
    /// latest ones seen in the stream, are put in front of every keyframe that has none.
    /// The reason for a refusal is for a person to read.
    pub fn new(
        format: ClipFormat,
        raw: Vec<RawUnit>,
        outside: &ParameterSets,
        timing: Timing,
    ) -> Result<Self, String> {
        let codec = format.codec;
        let frames = display_order(&raw);
        let mut current = outside.clone();
        let mut first = None;
        let mut units = Vec::with_capacity(raw.len());
        for (unit, frame) in raw.into_iter().zip(frames) {
            let mut nals = unit.nals;
            nals.retain(|nal| nal_kind(codec, nal) != NalKind::Framing);
            let kinds = || nals.iter().map(|nal| nal_kind(codec, nal));
            let random_access =
                unit.keyframe || kinds().any(|kind| kind == NalKind::RandomAccessSlice);
            if kinds().any(|kind| kind == NalKind::Sps) {
                current = ParameterSets::collect(codec, &nals);
            } else if random_access {
                nals.splice(0..0, current.iter().cloned());
            }
            if first.is_none() {
                if !random_access {
                    return Err("the first frame is not a keyframe".to_owned());
                }
                if !current.is_complete(codec) {
                    return Err(format!(
                        "no {} parameter sets before the first frame",
                        codec.rtpmap_name()
                    ));
                }
                first = Some(current.clone());
            }
            units.push(AccessUnit {
                nals,
                random_access,
                frame,
            });
        }
        let parameter_sets = first.ok_or("it contains no frame")?;
        let send_delay_nanos = units
            .iter()
            .enumerate()
            .map(|(k, unit)| {
                timing
                    .capture_nanos(unit.frame)
                    .saturating_sub(timing.capture_nanos(k as u64))
            })
            .max()
            .unwrap_or(0);
        Ok(Self {
            codec,
            width: format.width,
            height: format.height,
            fps: format.fps,
            parameter_sets,
            units,
            timing,
            send_delay_nanos,
        })
    }

    /// Pictures in the clip.
    pub fn len(&self) -> u64 {
        self.units.len() as u64
    }

    /// Never: a clip has at least one picture.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// The unit that is sent as the `sent`-th, counted from 0 over all repetitions.
    pub fn unit(&self, sent: u64) -> &AccessUnit {
        &self.units[(sent % self.len()) as usize]
    }

    /// Display-order number, over all repetitions, of the unit that is sent as the `sent`-th.
    pub fn frame_number(&self, sent: u64) -> u64 {
        sent - sent % self.len() + self.unit(sent).frame
    }

    /// Nanoseconds from the capture of frame 0 to that of frame `frame`.
    pub fn capture_nanos(&self, frame: u64) -> u64 {
        self.timing.capture_nanos(frame)
    }

    /// RTP ticks from the capture of frame 0 to that of frame `frame`.
    pub fn rtp_ticks(&self, frame: u64) -> u64 {
        self.timing.rtp_ticks(frame)
    }

    /// Nanoseconds from the capture of frame 0 to the sending of the `sent`-th unit.
    ///
    /// Without B frames that is the unit's capture. With them, a constant delay lets units leave
    /// evenly spaced, in decode order, and none before it is captured.
    pub fn send_nanos(&self, sent: u64) -> u64 {
        self.timing.capture_nanos(sent) + self.send_delay_nanos
    }
}

/// The rank of each unit by presentation time; equal times keep their order.
fn display_order(raw: &[RawUnit]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..raw.len()).collect();
    order.sort_by_key(|&k| raw[k].pts);
    let mut ranks = vec![0; raw.len()];
    for (rank, k) in order.into_iter().enumerate() {
        ranks[k] = rank as u64;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::FrameRate;

    const FORMAT: ClipFormat = ClipFormat {
        codec: Codec::H264,
        width: 16,
        height: 16,
        fps: 10.0,
    };

    fn unit(pts: i64, types: &[u8]) -> RawUnit {
        let nals = types
            .iter()
            .map(|&t| Bytes::from(vec![0x60 | t, 1, 2, 3]))
            .collect();
        RawUnit {
            nals,
            keyframe: false,
            pts,
        }
    }

    fn ten_fps() -> Timing {
        Timing::Constant(FrameRate::new(10, 1).unwrap())
    }

    #[test]
    fn parameter_sets_precede_every_random_access_unit() {
        let raw = vec![unit(0, &[9, 7, 8, 5]), unit(1, &[1]), unit(2, &[5])];
        let clip = Clip::new(FORMAT, raw, &ParameterSets::default(), ten_fps()).unwrap();
        let types: Vec<Vec<u8>> = (0..3)
            .map(|k| clip.unit(k).nals.iter().map(|nal| nal[0] & 0x1f).collect())
            .collect();
        assert_eq!(types, [vec![7, 8, 5], vec![1], vec![7, 8, 5]]);
    }

    #[test]
    fn b_frames_are_sent_in_decode_order_and_never_early() {
        let raw = [0, 3, 1, 2].map(|pts| unit(pts, if pts == 0 { &[7, 8, 5] } else { &[1] }));
        let clip = Clip::new(FORMAT, raw.to_vec(), &ParameterSets::default(), ten_fps()).unwrap();
        let frames: Vec<_> = (0..8).map(|k| clip.frame_number(k)).collect();
        assert_eq!(frames, [0, 3, 1, 2, 4, 7, 5, 6]);
        for k in 0..8 {
            let early = clip.capture_nanos(clip.frame_number(k)) > clip.send_nanos(k);
            assert!(!early, "unit {k}");
        }
        assert_eq!(clip.send_nanos(1) - clip.send_nanos(0), 100_000_000);
        assert_eq!(clip.send_nanos(0), 200_000_000);
    }

    #[test]
    fn refuses_what_no_decoder_can_start_with() {
        let none = ParameterSets::default();
        let refuse = |raw| Clip::new(FORMAT, raw, &none, ten_fps()).expect_err("refused");
        assert_eq!(refuse(vec![]), "it contains no frame");
        assert_eq!(
            refuse(vec![unit(0, &[1])]),
            "the first frame is not a keyframe"
        );
        let error = refuse(vec![unit(0, &[5])]);
        assert_eq!(error, "no H264 parameter sets before the first frame");
    }
}
