//! Inputs and outputs of other types than float32.

use camweave_vision::byte_of;
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Values of 0 to 255 as bytes.
pub fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().map(|value| byte_of(*value)).collect()
}

/// As bytes, into memory that is there.
pub fn write_bytes(values: &[f32], out: &mut [u8]) {
    for (value, out) in values.iter().zip(out) {
        *out = byte_of(*value);
    }
}

/// Float16 as float32, at the end of `out`.
pub fn add_halves(values: &[f16], out: &mut Vec<f32>) {
    let start = out.len();
    out.resize(start + values.len(), 0.0);
    values.convert_to_f32_slice(&mut out[start..]);
}
