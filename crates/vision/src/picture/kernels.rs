//! The inner loops of sampling. They are plain loops over interleaved samples, which the compiler
//! makes vectors of, for each instruction set that the caller is compiled for; so they are always
//! inlined.

use super::color::YuvToRgb;

/// One sample between a source sample and the next: `(1 - weight) * s[index] + weight * s[index + 1]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tap {
    pub index: u32,
    pub weight: f32,
}

impl Tap {
    /// The tap at `position`, counted in samples from the first one's centre, inside `0..=len - 1`.
    pub fn at(position: f64, len: u32) -> Self {
        let position = position.clamp(0.0, f64::from(len - 1));
        let floor = position.floor();
        Self {
            index: floor as u32,
            weight: (position - floor) as f32,
        }
    }

    /// The two samples' indices; the second may be one behind the last where the weight is zero.
    pub fn pair(self, len: u32) -> (usize, usize) {
        (self.index as usize, (self.index + 1).min(len - 1) as usize)
    }
}

#[inline(always)]
fn between(a: f32, b: f32, weight: f32) -> f32 {
    a + (b - a) * weight
}

/// Blends two pairs of rows: the first two into the first value of each pair, the others into the
/// second. `out` is one pair longer than a row: the last pair is repeated, so that a tap's second
/// sample always exists.
#[inline(always)]
pub(super) fn blend<T: Copy>(
    rows: [(&[T], &[T]); 2],
    weights: [f32; 2],
    code: impl Fn(T) -> f32,
    out: &mut [[f32; 2]],
) {
    let len = out.len() - 1;
    let [first, second] = rows.map(|(a, b)| (&a[..len], &b[..len]));
    for (i, out) in out[..len].iter_mut().enumerate() {
        *out = [
            between(code(first.0[i]), code(first.1[i]), weights[0]),
            between(code(second.0[i]), code(second.1[i]), weights[1]),
        ];
    }
    out[len] = out[len - 1];
}

/// Widens a row of samples of several channels, and repeats the last one.
#[inline(always)]
pub(super) fn widen<const N: usize>(
    len: usize,
    sample: impl Fn(usize) -> [f32; N],
    out: &mut [[f32; N]],
) {
    let out = &mut out[..=len];
    for (i, out) in out[..len].iter_mut().enumerate() {
        *out = sample(i);
    }
    out[len] = out[len - 1];
}

/// Picks a row of pairs at the columns.
#[inline(always)]
pub(super) fn pick(row: &[[f32; 2]], columns: &[Tap], out: &mut [[f32; 2]]) {
    for (out, tap) in out.iter_mut().zip(columns) {
        let ([a0, a1], [b0, b1]) = neighbours(row, *tap);
        *out = [between(a0, b0, tap.weight), between(a1, b1, tap.weight)];
    }
}

/// Picks a row of RGB at the columns.
#[inline(always)]
pub(super) fn pick_rgb(row: &[[f32; 3]], columns: &[Tap], out: &mut [[f32; 3]]) {
    for (out, tap) in out.iter_mut().zip(columns) {
        let (a, b) = neighbours(row, *tap);
        *out = std::array::from_fn(|channel| between(a[channel], b[channel], tap.weight));
    }
}

#[inline(always)]
fn neighbours<const N: usize>(row: &[[f32; N]], tap: Tap) -> ([f32; N], [f32; N]) {
    let pair = &row[tap.index as usize..][..2];
    (pair[0], pair[1])
}

/// Blends two rows of U and V, and converts a row: `luma` has it as value `WHICH` of its pairs.
#[inline(always)]
pub(super) fn convert<const WHICH: usize>(
    yuv_to_rgb: &YuvToRgb,
    luma: &[[f32; 2]],
    (first, second): (&[[f32; 2]], &[[f32; 2]]),
    weight: f32,
    [r, g, b]: [&mut [f32]; 3],
) {
    // Equal lengths, known to the compiler: the loop has no checks and becomes vectors.
    let len = r.len();
    let (g, b) = (&mut g[..len], &mut b[..len]);
    let (luma, first, second) = (&luma[..len], &first[..len], &second[..len]);
    for i in 0..len {
        let u = between(first[i][0], second[i][0], weight);
        let v = between(first[i][1], second[i][1], weight);
        [r[i], g[i], b[i]] = yuv_to_rgb.pixel(luma[i][WHICH], u, v);
    }
}
