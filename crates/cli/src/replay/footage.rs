//! Frames of a clip, decoded and upright.

use std::collections::BTreeMap;
use std::path::Path;

use camweave_demux::{Read, Reader};
use camweave_image::Image;
use camweave_message::Orientation;
use camweave_probe::FrameDecoder;
use camweave_recording::ClipFrame;
use camweave_vision::{ColorMatrix, ColorRange, PictureLayout, PixelFormat, StoredPlane};

/// A frame that has not come after so many more access units does not come: decoders hold back 16.
const MOST_HELD_BACK: usize = 64;

/// A frame that is wanted, in decoding order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    /// The keyframe that decoding begins with.
    begin: usize,
    index: usize,
}

/// Decodes these frames of a clip, each from the keyframe before it, in one pass: `give` gets each once,
/// with its number. Of the rest, nothing is decoded.
pub fn decode(
    path: &Path,
    frames: &[ClipFrame],
    sequences: &[u64],
    mut give: impl FnMut(u64, Result<Image, String>),
) {
    let mut wanted = BTreeMap::new();
    for &sequence in sequences {
        match find(frames, sequence) {
            Some(it) => drop(wanted.insert(it.index, (it, sequence))),
            None => give(sequence, Err("it is not in the clip's sidecar".to_owned())),
        }
    }
    let why = match pass(path, &mut wanted, &mut give) {
        Ok(()) => "the decoder gave no frame".to_owned(),
        Err(why) => why,
    };
    for (_, sequence) in wanted.into_values() {
        give(sequence, Err(why.clone()));
    }
}

/// Where a frame is in the clip. Frames that are presented before a keyframe, and come after it, refer
/// to what was before it.
fn find(frames: &[ClipFrame], sequence: u64) -> Option<Wanted> {
    let index = frames.iter().position(|it| it.frame.sequence == sequence)?;
    let at = frames[index].frame.at;
    let begin = frames[..=index]
        .iter()
        .rposition(|it| it.frame.keyframe && it.frame.at <= at);
    Some(Wanted {
        begin: begin.unwrap_or(0),
        index,
    })
}

/// Removes from `wanted` what is given.
fn pass(
    path: &Path,
    wanted: &mut BTreeMap<usize, (Wanted, u64)>,
    give: &mut impl FnMut(u64, Result<Image, String>),
) -> Result<(), String> {
    let mut reader = Reader::open(path).map_err(|error| error.to_string())?;
    let orientation = reader.orientation.unwrap_or(Orientation::UPRIGHT);
    let mut decoder: Option<FrameDecoder> = None;
    for index in 0_usize.. {
        let read = reader.read();
        let is_end = matches!(read, Read::End(_));
        // Those that this access unit, or one before it, is decoded for.
        let is_due = wanted.values().any(|(it, _)| it.begin <= index);
        if !is_due && !is_end {
            decoder = None;
            continue;
        }
        match (&read, &mut decoder) {
            (Read::Unit(unit), _) => {
                let decoder = match &mut decoder {
                    Some(decoder) => decoder,
                    none => none.insert(
                        FrameDecoder::open(reader.codec).map_err(|error| error.to_string())?,
                    ),
                };
                // What cannot be decoded costs its own frame.
                drop(decoder.send(&unit.data, index as i64));
            }
            (Read::End(_), Some(decoder)) => drop(decoder.finish()),
            (Read::Damaged(_) | Read::End(_), _) => {}
        }
        while let Some(number) = decoder.as_mut().and_then(FrameDecoder::receive) {
            let found = usize::try_from(number).ok();
            if let Some((_, sequence)) = found.and_then(|it| wanted.remove(&it))
                && let Some(decoder) = &decoder
            {
                let image = decoder.image().map_err(|error| error.to_string());
                give(sequence, image.and_then(|it| upright(it, orientation)));
            }
        }
        let is_late = |it: &usize| it + MOST_HELD_BACK < index;
        while let Some(first) = wanted.first_entry().filter(|it| is_late(it.key())) {
            let (_, sequence) = first.remove();
            give(sequence, Err("the decoder gave no frame".to_owned()));
        }
        if is_end || wanted.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Boxes are in pixels of the upright frame.
fn upright(image: Image, orientation: Orientation) -> Result<Image, String> {
    if orientation == Orientation::UPRIGHT {
        return Ok(image);
    }
    let size = (image.width, image.height);
    let (width, height) = orientation.shown_size(size.0, size.1);
    let (matrix, range) = (ColorMatrix::Bt601, ColorRange::Full);
    let layout = PictureLayout::packed(width, height, PixelFormat::Rgb8, matrix, range);
    let stored = StoredPlane {
        data: &image.rgb,
        stride: 3 * image.width as usize,
    };
    let mut rgb = vec![0; image.rgb.len()];
    orientation
        .copy_upright(size, &[stored], &layout, &mut rgb)
        .map_err(|error| error.to_string())?;
    Ok(Image { width, height, rgb })
}

#[cfg(test)]
#[path = "footage_tests.rs"]
mod tests;
