//! A frame's number, written into its pixels, so that a viewer's frame can be told from its neighbours.

use super::canvas::Canvas;

/// Blocks side by side at the top of the frame, over its whole width: 16 of the number, then 8 of its check, each with
/// the least significant bit first. White is 1.
pub const STAMP_BLOCKS: usize = 24;

/// Makes a row of blocks that is not a stamp, such as one of a single color, fail its check.
const CHECK: u8 = 0xA5;

impl Canvas {
    /// Writes the low 16 bits of a frame's number over the upper edge, a twentieth of the height.
    ///
    /// Blocks are larger than what a video encoder blurs; the middle of one is black or white at any usable rate.
    pub fn stamp(&mut self, frame: u64) {
        let bits = stamp_bits(frame as u16);
        let (width, stride) = (self.width, self.width * 4);
        for row in self.rgba.chunks_exact_mut(stride).take(self.height / 20) {
            for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
                let is_set = bits >> (x * STAMP_BLOCKS / width) & 1 == 1;
                pixel[..3].fill(if is_set { 255 } else { 0 });
            }
        }
    }
}

fn stamp_bits(number: u16) -> u32 {
    let [low, high] = number.to_le_bytes();
    u32::from_le_bytes([low, high, low ^ high ^ CHECK, 0])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader sees in the middle of each block.
    fn read(canvas: &Canvas) -> u32 {
        let y = canvas.height / 40;
        (0..STAMP_BLOCKS)
            .map(|block| {
                let x = (2 * block + 1) * canvas.width / (2 * STAMP_BLOCKS);
                u32::from(canvas.rgba[(y * canvas.width + x) * 4] > 127) << block
            })
            .sum()
    }

    #[test]
    fn the_number_is_in_the_blocks_of_every_size() {
        for (width, height) in [(64, 48), (640, 360), (1918, 1080)] {
            let mut canvas = Canvas::new(width, height);
            for frame in [0, 1, 599, 0x1234, 0xFFFF, 0x1_0003] {
                canvas.stamp(frame);
                let read = read(&canvas).to_le_bytes();
                assert_eq!(read[..2], (frame as u16).to_le_bytes(), "{width} {frame}");
                assert_eq!(read[2], read[0] ^ read[1] ^ CHECK);
            }
        }
    }

    #[test]
    fn the_frame_below_stays() {
        let mut canvas = Canvas::new(64, 40);
        canvas.stamp(0xFFFF);
        assert!(canvas.rgba[64 * 4 * 2..].iter().all(|&byte| byte == 0));
    }
}
