//! Conversion of a frame to what video encoders take.

use super::canvas::Canvas;

/// Three planes of 4:2:0 video to write into: each a slice and its stride in bytes.
#[derive(Debug)]
pub struct Yuv420Planes<'a> {
    /// Luma, height x width.
    pub y: (&'a mut [u8], usize),
    /// Blue difference, half height x half width.
    pub u: (&'a mut [u8], usize),
    /// Red difference, half height x half width.
    pub v: (&'a mut [u8], usize),
}

impl Canvas {
    /// Writes the frame as planar YUV 4:2:0, ITU-R BT.709 matrix, limited range (luma 16 to 235), in fixed point of 8
    /// fractional bits. A chroma sample is the mean of its four pixels (centre siting).
    ///
    /// # Panics
    /// If a plane is too small for the frame and its stride.
    pub fn write_yuv420(&self, planes: Yuv420Planes<'_>) {
        let (width, stride) = (self.width, self.width * 4);
        let Yuv420Planes {
            y: (y, y_stride),
            u: (u, u_stride),
            v: (v, v_stride),
        } = planes;
        let half = width / 2;
        for (pair, rows) in self.rgba.chunks_exact(stride * 2).enumerate() {
            let (top, bottom) = rows.split_at(stride);
            for (offset, row) in [(0, top), (1, bottom)] {
                let from = (pair * 2 + offset) * y_stride;
                for (out, p) in y[from..from + width].iter_mut().zip(row.chunks_exact(4)) {
                    *out = luma(p);
                }
            }
            let u = &mut u[pair * u_stride..][..half];
            let v = &mut v[pair * v_stride..][..half];
            for (((u, v), a), b) in u
                .iter_mut()
                .zip(v)
                .zip(top.chunks_exact(8))
                .zip(bottom.chunks_exact(8))
            {
                let [r, g, blue] = [0, 1, 2].map(|c| {
                    (i32::from(a[c])
                        + i32::from(a[c + 4])
                        + i32::from(b[c])
                        + i32::from(b[c + 4])
                        + 2)
                        >> 2
                });
                *u = (((-26 * r - 86 * g + 112 * blue + 128) >> 8) + 128) as u8;
                *v = (((112 * r - 102 * g - 10 * blue + 128) >> 8) + 128) as u8;
            }
        }
    }
}

fn luma(p: &[u8]) -> u8 {
    (((47 * u32::from(p[0]) + 157 * u32::from(p[1]) + 16 * u32::from(p[2]) + 128) >> 8) + 16) as u8
}
