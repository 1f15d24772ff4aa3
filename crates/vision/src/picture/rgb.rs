//! A whole picture as packed RGB, for sinks that show or store it.

use super::sample::RowSampler;
use super::{Picture, PixelFormat};

impl Picture<'_> {
    /// The picture at its own size as packed RGB: `height * width * 3` bytes, rows from the top,
    /// red first. Chroma is sampled bilinearly with left siting; values are rounded to nearest.
    #[must_use]
    pub fn to_rgb8(&self) -> Vec<u8> {
        let (width, height) = (self.width() as usize, self.height() as usize);
        let mut packed = Vec::with_capacity(3 * width * height);
        if self.layout().format == PixelFormat::Rgb8 {
            for row in 0..height {
                packed.extend_from_slice(self.row(0, row));
            }
            return packed;
        }
        packed.resize(3 * width * height, 0);
        let size = (self.width(), self.height());
        let layout = self.layout();
        let mut sampler = RowSampler::new(layout.format, layout.matrix, layout.range, size, size);
        let mut sampling = sampler.begin(self);
        let mut planar = vec![0.0f32; 3 * width];
        let mut codes = vec![0u8; 3 * width];
        for (row, line) in packed.chunks_exact_mut(3 * width).enumerate() {
            let (r, gb) = planar.split_at_mut(width);
            let (g, b) = gb.split_at_mut(width);
            sampling.rgb_row(row, [r, g, b]);
            for (code, &value) in codes.iter_mut().zip(&planar) {
                // Floats from 2^23 on step by one: the addition rounds 0..=255 to the low byte.
                // Unlike a conversion, which saturates, this vectorises.
                *code = (value * 255.0 + 8_388_608.0).to_bits() as u8;
            }
            let (r, gb) = codes.split_at(width);
            let (g, b) = gb.split_at(width);
            let (pixels, _) = line.as_chunks_mut::<3>();
            for (pixel, ((&r, &g), &b)) in pixels.iter_mut().zip(r.iter().zip(g).zip(b)) {
                *pixel = [r, g, b];
            }
        }
        packed
    }
}
