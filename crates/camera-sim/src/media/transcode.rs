//! Decodes any video track and encodes it as H.264.

use std::path::Path;

use ffmpeg_next::decoder;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::frame;
use ffmpeg_next::software::scaling;

use crate::SimError;
use crate::clip::{Clip, ClipFormat};
use crate::encode::{Encoding, VideoEncoder};
use crate::media::track::{Track, packets, timing};
use crate::nal::Codec;
use crate::parameter_sets::ParameterSets;
use crate::timeline::Timing;

pub(super) fn transcode(
    input: &mut Input,
    track: &Track,
    decoder: decoder::Video,
    encoding: &Encoding,
    path: &Path,
) -> Result<Clip, SimError> {
    let unusable = |reason: String| SimError::MediaUnusable {
        path: path.to_owned(),
        reason,
    };
    // 4:2:0 needs even sizes: an odd last row or column is scaled away.
    let (width, height) = (track.width & !1, track.height & !1);
    let encoding = Encoding {
        codec: Codec::H264,
        ..encoding.clone()
    };
    let mut transcoder = Transcoder {
        decoder,
        scaler: None,
        encoder: VideoEncoder::new(width, height, track.rate, &encoding)?,
        raw: Vec::new(),
        times: Vec::new(),
        size: (width, height),
    };
    for packet in packets(input, track.index) {
        // A decoder may refuse a damaged packet and go on with the next one.
        if transcoder.decoder.send_packet(&packet).is_ok() {
            transcoder.take_pictures(&unusable)?;
        }
    }
    if transcoder.decoder.send_eof().is_ok() {
        transcoder.take_pictures(&unusable)?;
    }
    let Transcoder {
        encoder,
        mut raw,
        times,
        ..
    } = transcoder;
    encoder.finish(&mut raw)?;
    let mut known: Vec<i64> = times.iter().copied().flatten().collect();
    known.sort_unstable();
    let timing = if known.len() == times.len() {
        timing(&known, track.time_base, track.rate)
    } else {
        Timing::Constant(track.rate)
    };
    let format = ClipFormat {
        codec: Codec::H264,
        width,
        height,
        fps: track.rate.as_f64(),
    };
    Clip::new(format, raw, &ParameterSets::default(), timing).map_err(unusable)
}

struct Transcoder {
    decoder: decoder::Video,
    scaler: Option<scaling::Context>,
    encoder: VideoEncoder,
    raw: Vec<crate::clip::RawUnit>,
    times: Vec<Option<i64>>,
    size: (u32, u32),
}

impl Transcoder {
    fn take_pictures(&mut self, unusable: &impl Fn(String) -> SimError) -> Result<(), SimError> {
        let mut picture = frame::Video::empty();
        while self.decoder.receive_frame(&mut picture).is_ok() {
            let converted = self
                .convert(&picture)
                .map_err(|error| unusable(format!("a frame could not be converted: {error}")))?;
            let index = self.times.len() as i64;
            self.times.push(picture.timestamp());
            self.encoder.encode(converted, index, &mut self.raw)?;
        }
        Ok(())
    }

    fn convert(&mut self, picture: &frame::Video) -> Result<frame::Video, ffmpeg_next::Error> {
        let of = (picture.format(), picture.width(), picture.height());
        let fits = |scaler: &scaling::Context| {
            let input = scaler.input();
            (input.format, input.width, input.height) == of
        };
        let scaler = match self.scaler.take().filter(fits) {
            Some(scaler) => scaler,
            None => scaling::Context::get(
                of.0,
                of.1,
                of.2,
                Pixel::YUV420P,
                self.size.0,
                self.size.1,
                scaling::Flags::BICUBIC,
            )?,
        };
        let mut converted = frame::Video::empty();
        self.scaler.insert(scaler).run(picture, &mut converted)?;
        Ok(converted)
    }
}
