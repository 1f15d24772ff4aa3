//! Bilinear sampling of RGB rows from the planes of a picture.
//!
//! The columns are picked through a table, a sample at a time; all else is contiguous and becomes
//! vectors. So as much as possible is picked at once: two output rows of luma, of which the source
//! rows are blended before, and U with V. Rows of chroma are picked before they are blended, and
//! kept, because most of them serve several output rows.

use rten_simd::{Isa, SimdOp};

use super::color::YuvToRgb;
use super::kernels::{Tap, blend, convert, pick, pick_rgb, widen};
use super::{ColorMatrix, ColorRange, Picture, PixelFormat};

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
    tables: Tables,
    rows: Rows,
}

#[derive(Debug, Clone)]
struct Tables {
    format: PixelFormat,
    height: u32,
    columns: Vec<Tap>,
    chroma_columns: Vec<Tap>,
    rows: Vec<Tap>,
    chroma_rows: Vec<Tap>,
    yuv_to_rgb: YuvToRgb,
}

/// Rows of one picture.
#[derive(Debug, Clone)]
struct Rows {
    /// A source row that is not picked yet, with its last sample repeated: two rows of luma, or U
    /// and V.
    source: Vec<[f32; 2]>,
    /// Two output rows of luma.
    luma: Vec<[f32; 2]>,
    /// The first of them.
    luma_row: Option<usize>,
    /// U and V of two source rows, at the output's columns.
    chroma: [Vec<[f32; 2]>; 2],
    /// Which rows these are.
    chroma_rows: [Option<usize>; 2],
    /// A source row and an output row of RGB.
    rgb: [Vec<[f32; 3]>; 2],
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
        let is_rgb = format == PixelFormat::Rgb8;
        let (chroma_columns, chroma_rows) = if is_rgb {
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
        let (width, output) = (source.0 as usize + 1, resized.0 as usize);
        let (of_yuv, of_rgb) = if is_rgb {
            ((0, 0), (width, output))
        } else {
            ((width, output), (0, 0))
        };
        let pairs = |len| vec![[0.0; 2]; len];
        Self {
            tables: Tables {
                format,
                height: source.1,
                columns,
                chroma_columns,
                rows,
                chroma_rows,
                yuv_to_rgb: YuvToRgb::new(matrix, range, bits),
            },
            rows: Rows {
                source: pairs(of_yuv.0),
                luma: pairs(of_yuv.1),
                luma_row: None,
                chroma: [pairs(of_yuv.1), pairs(of_yuv.1)],
                chroma_rows: [None; 2],
                rgb: [vec![[0.0; 3]; of_rgb.0], vec![[0.0; 3]; of_rgb.1]],
            },
        }
    }

    /// Begins a picture, which must have the format and size that the sampler was made for.
    pub fn begin<'a>(&'a mut self, picture: &'a Picture<'_>) -> Sampling<'a> {
        self.rows.luma_row = None;
        self.rows.chroma_rows = [None; 2];
        Sampling {
            tables: &self.tables,
            rows: &mut self.rows,
            picture,
        }
    }
}

/// The sampling of one picture.
pub(crate) struct Sampling<'a> {
    tables: &'a Tables,
    rows: &'a mut Rows,
    picture: &'a Picture<'a>,
}

impl Sampling<'_> {
    /// Writes output row `row` in 0..1 to the three slices, each as long as the output is wide. It is
    /// quickest if the rows come in order.
    pub fn rgb_row(&mut self, row: usize, rgb: [&mut [f32]; 3]) {
        let sampling = Sampling {
            tables: self.tables,
            rows: self.rows,
            picture: self.picture,
        };
        RgbRow { sampling, row, rgb }.dispatch();
    }

    #[inline(always)]
    fn yuv_row(&mut self, row: usize, rgb: [&mut [f32]; 3]) {
        let begin = row - row % 2;
        if self.rows.luma_row != Some(begin) {
            self.rows.luma_row = Some(begin);
            self.sample_luma(begin);
        }
        let tap = self.tables.chroma_rows[row];
        let (first, second) = tap.pair(self.tables.height.div_ceil(2));
        let places = (
            self.sample_chroma(first, second),
            self.sample_chroma(second, first),
        );
        let Rows { luma, chroma, .. } = &*self.rows;
        let chroma = (&*chroma[places.0], &*chroma[places.1]);
        let yuv_to_rgb = &self.tables.yuv_to_rgb;
        if row == begin {
            convert::<0>(yuv_to_rgb, luma, chroma, tap.weight, rgb);
        } else {
            convert::<1>(yuv_to_rgb, luma, chroma, tap.weight, rgb);
        }
    }

    /// Output rows `row` and, if there is one, the next.
    #[inline(always)]
    fn sample_luma(&mut self, row: usize) {
        let Tables {
            format,
            height,
            columns,
            rows: taps,
            ..
        } = self.tables;
        let taps = [taps[row], taps[(row + 1).min(taps.len() - 1)]];
        let weights = taps.map(|tap| tap.weight);
        let lines = taps.map(|tap| {
            let (first, second) = tap.pair(*height);
            (self.picture.row(0, first), self.picture.row(0, second))
        });
        let Rows { source, luma, .. } = &mut *self.rows;
        if *format == PixelFormat::P010 {
            let lines = lines.map(|(a, b)| (a.as_chunks::<2>().0, b.as_chunks::<2>().0));
            blend(lines, weights, p010, source);
        } else {
            blend(lines, weights, f32::from, source);
        }
        pick(source, columns, luma);
    }

    /// Where U and V of a source row lie in `chroma`. The place of the row `keep` is not taken.
    #[inline(always)]
    fn sample_chroma(&mut self, row: usize, keep: usize) -> usize {
        let Rows {
            source,
            chroma,
            chroma_rows,
            ..
        } = &mut *self.rows;
        if let Some(place) = chroma_rows.iter().position(|known| *known == Some(row)) {
            return place;
        }
        let place = usize::from(chroma_rows[0] == Some(keep));
        chroma_rows[place] = Some(row);
        let first = self.picture.row(1, row);
        let len = (source.len() - 1).div_ceil(2);
        match self.tables.format {
            PixelFormat::I420 => {
                let (u, v) = (&first[..len], &self.picture.row(2, row)[..len]);
                widen(len, |i| [f32::from(u[i]), f32::from(v[i])], source);
            }
            PixelFormat::P010 => {
                let pairs = &first.as_chunks::<4>().0[..len];
                widen(
                    len,
                    |i| {
                        let [a, b, c, d] = pairs[i];
                        [p010([a, b]), p010([c, d])]
                    },
                    source,
                );
            }
            _ => {
                let pairs = &first.as_chunks::<2>().0[..len];
                widen(len, |i| pairs[i].map(f32::from), source);
            }
        }
        pick(
            &source[..=len],
            &self.tables.chroma_columns,
            &mut chroma[place],
        );
        place
    }

    #[inline(always)]
    fn rgb8_row(&mut self, row: usize, [r, g, b]: [&mut [f32]; 3]) {
        let tap = self.tables.rows[row];
        let (first, second) = tap.pair(self.tables.height);
        let lines = [first, second].map(|row| self.picture.row(0, row).as_chunks::<3>().0);
        let [source, output] = &mut self.rows.rgb;
        let len = source.len() - 1;
        let (first, second) = (&lines[0][..len], &lines[1][..len]);
        let blended = |i: usize| {
            std::array::from_fn(|channel| {
                let (a, b): ([u8; 3], [u8; 3]) = (first[i], second[i]);
                let (a, b) = (f32::from(a[channel]), f32::from(b[channel]));
                a + (b - a) * tap.weight
            })
        };
        widen(len, blended, source);
        pick_rgb(source, &self.tables.columns, output);
        for (channel, plane) in [r, g, b].into_iter().enumerate() {
            for (value, pixel) in plane.iter_mut().zip(&*output) {
                *value = pixel[channel] * (1.0 / 255.0);
            }
        }
    }
}

/// A 10-bit sample in the upper bits of a little-endian word.
#[inline(always)]
fn p010(bytes: [u8; 2]) -> f32 {
    f32::from(u16::from_le_bytes(bytes) >> 6)
}

/// One row, to be compiled for each instruction set. None fuses a multiplication and an addition:
/// all give the same values.
struct RgbRow<'a> {
    sampling: Sampling<'a>,
    row: usize,
    rgb: [&'a mut [f32]; 3],
}

impl SimdOp for RgbRow<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(mut self, _: I) {
        if self.sampling.tables.format == PixelFormat::Rgb8 {
            self.sampling.rgb8_row(self.row, self.rgb);
        } else {
            self.sampling.yuv_row(self.row, self.rgb);
        }
    }
}
