//! A codec's out-of-band configuration, which the FFmpeg wrapper does not expose.
#![expect(
    unsafe_code,
    reason = "reads a field of an FFmpeg struct that has no safe accessor"
)]

use ffmpeg_next::codec::Parameters;

/// A copy of the `extradata` of a stream's parameters; empty where there is none.
pub fn copy_extradata(parameters: &Parameters) -> Vec<u8> {
    // SAFETY: the pointer does not outlive the borrow of `parameters`.
    let raw = unsafe { parameters.as_ptr() };
    // SAFETY: `parameters` keeps its AVCodecParameters alive and unchanged while it is borrowed.
    let raw = unsafe { &*raw };
    let len = usize::try_from(raw.extradata_size).unwrap_or(0);
    if raw.extradata.is_null() || len == 0 {
        return Vec::new();
    }
    // SAFETY: FFmpeg allocates `extradata` with at least `extradata_size` bytes and does not change
    // it while the parameters are borrowed.
    unsafe { std::slice::from_raw_parts(raw.extradata, len) }.to_vec()
}
