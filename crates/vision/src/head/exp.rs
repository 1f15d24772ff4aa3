//! The exponential function in single precision, of multiplications and additions alone: the same
//! bits on every machine, and in `crates/cuda/kernels/heads.cu`.

/// Terms of the polynomial, highest power first (Cephes' `expf`).
const TERMS: [f32; 6] = [
    1.987_569_1e-4,
    1.398_199_9e-3,
    8.333_452e-3,
    4.166_579_6e-2,
    1.666_666_5e-1,
    5e-1,
];
/// The natural logarithm of 2 as a number of few bits, and what is left of it.
const LN_2: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];

/// `e^x`, to 2 units in the last place; beyond the range of `f32`, infinity or 0.
pub(super) fn exp(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    // 2^128 and more is infinity, 2^-150 and less is 0.
    let x = x.clamp(-104.0, 89.0);
    let power = (x * std::f32::consts::LOG2_E + 0.5).floor();
    let rest = x - power * LN_2[0] - power * LN_2[1];
    let series = TERMS[1..]
        .iter()
        .fold(TERMS[0], |sum, term| sum * rest + term);
    let fraction = series * (rest * rest) + rest + 1.0;
    let power = power as i32;
    let half = power / 2;
    fraction * two_to(half) * two_to(power - half)
}

/// `2^power`, for powers of -126 to 127.
fn two_to(power: i32) -> f32 {
    f32::from_bits(((power + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_exact_as_single_precision_allows() {
        for step in -1_040_000..=887_000 {
            let x = step as f32 / 10_000.0;
            let (found, exact) = (exp(x), f64::from(x).exp());
            // Below the least normal number, steps are those of the smallest.
            let unit = f64::from(f32::EPSILON) * exact.max(f64::from(f32::MIN_POSITIVE));
            let apart = (f64::from(found) - exact).abs() / unit;
            assert!(apart <= 2.0, "exp({x}) = {found}: {apart} units");
        }
    }

    #[test]
    fn it_ends_in_zero_and_infinity() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!((exp(-105.0), exp(f32::NEG_INFINITY)), (0.0, 0.0));
        let infinity = f32::INFINITY;
        assert_eq!(
            (exp(88.8), exp(f32::MAX), exp(infinity)),
            (infinity, infinity, infinity)
        );
        assert!(exp(f32::NAN).is_nan());
    }
}
