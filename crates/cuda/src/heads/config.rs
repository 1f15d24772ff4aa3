//! What the heads of a launch have in common.

use camweave_vision::{HeadFormat, NmsConfig};

use crate::buffer::DeviceBuffer;
use crate::error::CudaError;
use crate::pinned::PinnedBuffer;
use crate::precision::Precision;
use crate::stream::Stream;

/// Heads of one [`HeadDecoder::enqueue`](super::HeadDecoder::enqueue) at most: the kernels' arguments have room for as many.
pub const MAX_FRAMES: usize = 32;

/// What the heads of one launch have in common.
#[derive(Debug, Clone, Copy)]
pub struct HeadConfig<'a> {
    /// Which number is what.
    pub format: HeadFormat,
    /// Width and height of the network's input, in pixels.
    pub size: (u32, u32),
    /// The numbers' type.
    pub precision: Precision,
    /// Thresholds and limits; must be valid.
    pub nms: NmsConfig,
    /// The classes that take part; all, if there is no mask.
    pub classes: Option<&'a ClassMask>,
}

/// Classes that take part: others neither suppress nor count towards limits.
#[derive(Debug)]
pub struct ClassMask {
    pub(super) words: DeviceBuffer,
    pub(super) classes: u32,
}

impl ClassMask {
    /// Class `i` takes part if `kept[i]` is true; classes beyond do not.
    ///
    /// # Errors
    /// The driver's.
    pub fn new(stream: &Stream, kept: &[bool]) -> Result<Self, CudaError> {
        let words = kept_words(kept);
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        let context = stream.context();
        let mut pinned = PinnedBuffer::new(context, bytes.len(), "the classes to keep")?;
        pinned.bytes_mut()?.copy_from_slice(bytes);
        let buffer = DeviceBuffer::new(context, bytes.len(), "the classes to keep")?;
        // Dropping the pinned memory waits for the copy.
        stream.upload(&mut pinned, 0..bytes.len(), buffer.slice())?;
        Ok(Self {
            words: buffer,
            classes: u32::try_from(kept.len()).unwrap_or(u32::MAX),
        })
    }
}

/// A bit per class, at least one word.
fn kept_words(kept: &[bool]) -> Vec<u32> {
    let mut words = vec![0_u32; kept.len().div_ceil(32).max(1)];
    for (index, _) in kept.iter().enumerate().filter(|(_, kept)| **kept) {
        words[index / 32] |= 1 << (index % 32);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_bits_from_the_lowest_on() {
        let mut kept = vec![false; 34];
        kept[0] = true;
        kept[31] = true;
        kept[33] = true;
        assert_eq!(kept_words(&kept), [0x8000_0001, 2]);
        assert_eq!(kept_words(&[]), [0]);
    }
}
