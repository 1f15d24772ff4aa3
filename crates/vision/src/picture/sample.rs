//! Bilinear sampling of one output row of RGB from the planes of a picture.
//!
//! Two source rows are blended first, over their whole width: contiguous loads that the compiler
//! vectorises. The columns are then picked from the blended row through a table.

use super::color::YuvToRgb;
use super::{ColorMatrix, ColorRange, Picture, PixelFormat};

/// One sample between a source sample and the next: `(1 - weight) * s[index] + weight * s[index + 1]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tap {
    pub index: u32,
    pub weight: f32,
}

impl Tap {
    /// The tap at `position`, counted in samples from the first one's centre, inside `0..=len - 1`.
    fn at(position: f64, len: u32) -> Self {
        let position = position.clamp(0.0, f64::from(len - 1));
        let floor = position.floor();
        Self {
            index: floor as u32,
            weight: (position - floor) as f32,
        }
    }

    /// The two samples' indices; the second may be one behind the last where the weight is zero.
    fn rows(self, len: u32) -> (usize, usize) {
        (self.index as usize, (self.index + 1).min(len - 1) as usize)
    }
}

/// Where `resized` output pixels lie among `len` source pixels, for one axis.
///
/// Pixel centres map onto each other and the border repeats, as in OpenCV's `INTER_LINEAR`:
/// `(i + 0.5) * len / resized - 0.5`. Two taps, also when shrinking.
fn luma_positions(len: u32, resized: u32) -> impl Iterator<Item = f64> {
    let step = f64::from(len) / f64::from(resized);
    (0..resized).map(move |i| ((f64::from(i) + 0.5) * step - 0.5).clamp(0.0, f64::from(len - 1)))
}

/// Tables and row buffers for one source size, format and colour space, and one output size.
#[derive(Debug, Clone)]
pub(crate) struct RowSampler {
    format: PixelFormat,
    height: u32,
    columns: Vec<Tap>,
    chroma_columns: Vec<Tap>,
    rows: Vec<Tap>,
    chroma_rows: Vec<Tap>,
    yuv_to_rgb: YuvToRgb,
    /// A blended row, with its last pixel repeated so that a tap's second sample always exists.
    blended: Vec<f32>,
    y: Vec<f32>,
    u: Vec<f32>,
    v: Vec<f32>,
}

impl RowSampler {
    /// Sizes are (width, height), not zero.
    pub fn new(
        format: PixelFormat,
        matrix: ColorMatrix,
        range: ColorRange,
        source: (u32, u32),
        resized: (u32, u32),
    ) -> Self {
        let columns: Vec<Tap> = luma_positions(source.0, resized.0)
            .map(|x| Tap::at(x, source.0))
            .collect();
        let rows = luma_positions(source.1, resized.1)
            .map(|y| Tap::at(y, source.1))
            .collect();
        let (chroma_columns, chroma_rows) = if format == PixelFormat::Rgb8 {
            (Vec::new(), Vec::new())
        } else {
            let chroma = (source.0.div_ceil(2), source.1.div_ceil(2));
            // Left siting: a chroma sample lies on the even luma column, and halfway between the
            // even luma row and the next.
            (
                luma_positions(source.0, resized.0)
                    .map(|x| Tap::at(x / 2.0, chroma.0))
                    .collect(),
                luma_positions(source.1, resized.1)
                    .map(|y| Tap::at(y / 2.0 - 0.25, chroma.1))
                    .collect(),
            )
        };
        let bits = if format == PixelFormat::P010 { 10 } else { 8 };
        let output = if format == PixelFormat::Rgb8 {
            0
        } else {
            resized.0 as usize
        };
        Self {
            format,
            height: source.1,
            columns,
            chroma_columns,
            rows,
            chroma_rows,
            yuv_to_rgb: YuvToRgb::new(matrix, range, bits),
            blended: vec![0.0; 3 * source.0 as usize + 3],
            y: vec![0.0; output],
            u: vec![0.0; output],
            v: vec![0.0; output],
        }
    }

    /// Writes output row `row` in 0..1 to the three slices, each as long as the output is wide.
    ///
    /// The picture must have the format and size that the sampler was made for.
    pub fn rgb_row(&mut self, picture: &Picture<'_>, row: usize, rgb: [&mut [f32]; 3]) {
        let tap = self.rows[row];
        let (first, second) = tap.rows(self.height);
        if self.format == PixelFormat::Rgb8 {
            let blended = blend::<3>(
                picture.row(0, first),
                picture.row(0, second),
                tap.weight,
                &mut self.blended,
            );
            let [r, g, b] = rgb;
            pick::<3>(blended, 0, &self.columns, r);
            pick::<3>(blended, 1, &self.columns, g);
            pick::<3>(blended, 2, &self.columns, b);
            for channel in [r, g, b] {
                channel.iter_mut().for_each(|value| *value *= 1.0 / 255.0);
            }
            return;
        }

        let wide = self.format == PixelFormat::P010;
        let blend_luma = if wide { blend_p010::<1> } else { blend::<1> };
        let luma = blend_luma(
            picture.row(0, first),
            picture.row(0, second),
            tap.weight,
            &mut self.blended,
        );
        pick::<1>(luma, 0, &self.columns, &mut self.y);

        let tap = self.chroma_rows[row];
        let (first, second) = tap.rows(self.height.div_ceil(2));
        if self.format == PixelFormat::I420 {
            for (plane, out) in [(1, &mut self.u), (2, &mut self.v)] {
                let chroma = blend::<1>(
                    picture.row(plane, first),
                    picture.row(plane, second),
                    tap.weight,
                    &mut self.blended,
                );
                pick::<1>(chroma, 0, &self.chroma_columns, out);
            }
        } else {
            let blend_chroma = if wide { blend_p010::<2> } else { blend::<2> };
            let chroma = blend_chroma(
                picture.row(1, first),
                picture.row(1, second),
                tap.weight,
                &mut self.blended,
            );
            pick::<2>(chroma, 0, &self.chroma_columns, &mut self.u);
            pick::<2>(chroma, 1, &self.chroma_columns, &mut self.v);
        }
        convert(&self.yuv_to_rgb, [&self.y, &self.u, &self.v], rgb);
    }
}

/// Blends two rows of `CHANNELS` interleaved 8-bit samples and repeats the last pixel.
fn blend<'a, const CHANNELS: usize>(
    first: &[u8],
    second: &[u8],
    weight: f32,
    out: &'a mut [f32],
) -> &'a [f32] {
    let len = first.len();
    let samples = &mut out[..len];
    if weight == 0.0 {
        for (out, &a) in samples.iter_mut().zip(first) {
            *out = f32::from(a);
        }
    } else {
        for (out, (&a, &b)) in samples.iter_mut().zip(first.iter().zip(second)) {
            let (a, b) = (f32::from(a), f32::from(b));
            *out = a + (b - a) * weight;
        }
    }
    out.copy_within(len - CHANNELS..len, len);
    &out[..len + CHANNELS]
}

/// The same for 10-bit samples in the upper bits of little-endian words.
fn blend_p010<'a, const CHANNELS: usize>(
    first: &[u8],
    second: &[u8],
    weight: f32,
    out: &'a mut [f32],
) -> &'a [f32] {
    let len = first.len() / 2;
    let (first, _) = first.as_chunks::<2>();
    let (second, _) = second.as_chunks::<2>();
    for (out, (&a, &b)) in out[..len].iter_mut().zip(first.iter().zip(second)) {
        let (a, b) = (
            f32::from(u16::from_le_bytes(a) >> 6),
            f32::from(u16::from_le_bytes(b) >> 6),
        );
        *out = a + (b - a) * weight;
    }
    out.copy_within(len - CHANNELS..len, len);
    &out[..len + CHANNELS]
}

/// Picks one of `CHANNELS` interleaved channels of a blended row at the columns.
fn pick<const CHANNELS: usize>(row: &[f32], channel: usize, columns: &[Tap], out: &mut [f32]) {
    for (out, tap) in out.iter_mut().zip(columns) {
        let pair = &row[tap.index as usize * CHANNELS + channel..][..CHANNELS + 1];
        let (a, b) = (pair[0], pair[CHANNELS]);
        *out = a + (b - a) * tap.weight;
    }
}

fn convert(yuv_to_rgb: &YuvToRgb, [y, u, v]: [&[f32]; 3], [r, g, b]: [&mut [f32]; 3]) {
    // Equal lengths, known to the compiler: the loop has no checks and becomes vectors.
    let len = r.len();
    let (g, b) = (&mut g[..len], &mut b[..len]);
    let (y, u, v) = (&y[..len], &u[..len], &v[..len]);
    for i in 0..len {
        [r[i], g[i], b[i]] = yuv_to_rgb.pixel(y[i], u[i], v[i]);
    }
}
