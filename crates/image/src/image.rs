//! A frame's pixels.

/// Colours that stay apart, also for most colour-blind eyes (Okabe and Ito, 2008).
pub const COLORS: [[u8; 3]; 7] = [
    [230, 159, 0],
    [86, 180, 233],
    [0, 158, 115],
    [240, 228, 66],
    [0, 114, 178],
    [213, 94, 0],
    [204, 121, 167],
];

/// A frame, 8 bit, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Red, green and blue, row by row: `3 * width * height` bytes.
    pub rgb: Vec<u8>,
}

impl Image {
    /// Adds so many rows of one colour below.
    pub fn extend_down(&mut self, rows: u32, color: [u8; 3]) {
        let pixels = self.width as usize * rows as usize;
        self.rgb.extend(color.repeat(pixels));
        self.height += rows;
    }

    /// Halved until neither side is longer than `largest`: each pixel is the mean of four.
    #[must_use]
    pub fn up_to(self, largest: u32) -> Self {
        let mut image = self;
        while image.width.max(image.height) > largest && image.width > 1 && image.height > 1 {
            image = image.halved();
        }
        image
    }

    fn halved(&self) -> Self {
        let (width, height) = (self.width as usize, self.height as usize);
        let row = 3 * width;
        let mut smaller = Vec::with_capacity(3 * (width / 2) * (height / 2));
        for two in self.rgb.chunks_exact(2 * row).take(height / 2) {
            let (upper, lower) = two.split_at(row);
            for (upper, lower) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
                for color in 0..3 {
                    let four = [
                        upper[color],
                        upper[color + 3],
                        lower[color],
                        lower[color + 3],
                    ];
                    let sum: u16 = four.into_iter().map(u16::from).sum();
                    smaller.push(((sum + 2) / 4) as u8);
                }
            }
        }
        Self {
            width: self.width / 2,
            height: self.height / 2,
            rgb: smaller,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_one_has_the_mean_of_each_four_pixels() {
        let rgb = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90].map(|it| [it, 0, 200]);
        let image = Image {
            width: 5,
            height: 2,
            rgb: rgb.concat(),
        };
        let smaller = image.clone().up_to(2);
        assert_eq!((smaller.width, smaller.height), (2, 1));
        assert_eq!(smaller.rgb, [30, 0, 200, 50, 0, 200]);
        assert_eq!(image.clone().up_to(5), image);
    }

    #[test]
    fn rows_are_added_below() {
        let mut image = Image {
            width: 1,
            height: 1,
            rgb: vec![1, 2, 3],
        };
        image.extend_down(2, [7, 8, 9]);
        assert_eq!((image.height, image.rgb.len()), (3, 9));
        assert_eq!(image.rgb, [1, 2, 3, 7, 8, 9, 7, 8, 9]);
    }
}
