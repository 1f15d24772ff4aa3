//! Whether streams may share a decoder here: a short clip, decoded alone and twice in one decoder.

use camweave_cuda::{Context, CudaMemory, PinnedBuffer, Stream};
use camweave_pool::{PoolSpec, Producer, WriteQueues};

use crate::chip::Chips;
use crate::decoder::{Decoder, Slots};
use crate::stream::{Codec, Limits};

/// 24 frames of 256x192 with B frames, three references, and motion that is predicted from that of
/// other frames; a key frame every 12. Each access unit begins with a delimiter. Made by x265 from
/// FFmpeg's `mandelbrot` (`bframes=2:ref=3:keyint=12:aud=1:temporal-mvp=1`).
const CLIP: &[u8] = include_bytes!("trial.h265");
const DELIMITER: &[u8] = &[0, 0, 1, 0x46];
/// Frames of the clip.
const FRAMES: usize = 24;
/// One stream is so many units behind the other, so that their references differ.
const BEHIND: usize = 3;
const LIMITS: Limits = Limits {
    max_width: 256,
    max_height: 192,
    target: None,
};

impl Default for Chips {
    /// Shares from more than eight decoders for each engine on.
    fn default() -> Self {
        Self::new(run, None)
    }
}

impl Chips {
    /// Shares from the first decoder on that is beyond `own`.
    #[must_use]
    pub fn sharing_beyond(own: u32) -> Self {
        Self::new(run, Some(own))
    }
}

/// The [`Trial`](crate::chip::Trial).
fn run(context: &Context) -> Result<Option<String>, String> {
    let units = units(CLIP);
    let mut alone = Playing::open(context, &Chips::default())?;
    for unit in &units {
        alone.send(unit)?;
    }
    let expected = alone.end()?;
    if expected.len() != FRAMES {
        return Err(format!(
            "of a clip of {FRAMES} frames {} were decoded",
            expected.len()
        ));
    }
    let chips = Chips::new(|_| Ok(None), Some(0));
    let mut pair = [
        Playing::open(context, &chips)?,
        Playing::open(context, &chips)?,
    ];
    for turn in 0..units.len() + BEHIND {
        let [first, second] = &mut pair;
        if let Some(unit) = units.get(turn) {
            first.send(unit)?;
        }
        if let Some(unit) = turn.checked_sub(BEHIND).and_then(|it| units.get(it)) {
            second.send(unit)?;
        }
    }
    if chips.open() != 1 {
        return Err("two streams of one kind did not share a decoder".to_owned());
    }
    for playing in pair {
        let found = playing.end()?;
        if let Some(frame) = (0..FRAMES).find(|&it| found.get(it) != expected.get(it)) {
            let why = format!("frame {frame} of a clip differs where two streams share a decoder");
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// The access units of a stream in which each begins with a delimiter.
fn units(stream: &[u8]) -> Vec<&[u8]> {
    let starts = stream.windows(DELIMITER.len()).enumerate();
    let starts = starts.filter(|(_, bytes)| *bytes == DELIMITER);
    let mut starts: Vec<usize> = starts.map(|(start, _)| start).collect();
    starts.push(stream.len());
    let units = starts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
    units.collect()
}

/// A stream on its way, and the bytes of its frames.
struct Playing {
    decoder: Decoder,
    stream: Stream,
    sent: i64,
    frames: Vec<Vec<u8>>,
}

impl Playing {
    fn open(context: &Context, chips: &Chips) -> Result<Self, String> {
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let stream = Stream::new(context).map_err(|error| said(&error))?;
        let place = context.clone();
        let mut pool: Option<Producer<CudaMemory>> = None;
        let slots: Slots = Box::new(move |bytes| {
            let producer = match pool.take() {
                Some(producer) => producer,
                None => {
                    let spec = PoolSpec {
                        name: "nvdec-trial".to_owned(),
                        slots: 4,
                        slot_bytes: bytes,
                    };
                    Producer::create_for(&place, &spec, WriteQueues::One)?
                }
            };
            pool.insert(producer).begin()
        });
        let own = Stream::new(context).map_err(|error| said(&error))?;
        let decoder = Decoder::open(Codec::H265, own, LIMITS, slots, chips);
        Ok(Self {
            decoder: decoder.map_err(|error| said(&error))?,
            stream,
            sent: 0,
            frames: Vec::with_capacity(FRAMES),
        })
    }

    fn send(&mut self, unit: &[u8]) -> Result<(), String> {
        let sent = self.decoder.send(unit, self.sent);
        self.sent += 1;
        sent.map_err(|error| error.to_string())?;
        self.receive()
    }

    fn end(mut self) -> Result<Vec<Vec<u8>>, String> {
        let finished = self.decoder.finish();
        finished.map_err(|error| error.to_string())?;
        self.receive()?;
        Ok(self.frames)
    }

    fn receive(&mut self) -> Result<(), String> {
        loop {
            let received = self.decoder.receive(false);
            let Some(picture) = received.map_err(|error| error.to_string())? else {
                return Ok(());
            };
            let (_, slot) = picture.content.map_err(|error| error.to_string())?;
            let memory = slot.address();
            let copy = PinnedBuffer::new(self.stream.context(), memory.len(), "a trial");
            let mut copy = copy.map_err(|error| error.to_string())?;
            let copied = self.stream.download(memory, &mut copy, 0..memory.len());
            copied.map_err(|error| error.to_string())?;
            let bytes = copy.bytes().map_err(|error| error.to_string())?;
            self.frames.push(bytes.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clip_has_as_many_units_as_frames() {
        let units = units(CLIP);
        assert_eq!(units.len(), FRAMES);
        let bytes: usize = units.iter().map(|unit| unit.len()).sum();
        // The first start code may have a byte in front of it.
        assert!(CLIP.len() - bytes <= 1);
    }

    #[test]
    fn streams_share_a_decoder_on_this_device() {
        let Some(context) = camweave_cuda::testing::device() else {
            return;
        };
        context.bind().expect("a context");
        assert_eq!(run(&context), Ok(None));
    }
}
