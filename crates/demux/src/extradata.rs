//! The header bytes of a stream, which `ffmpeg-next` does not expose.
#![expect(unsafe_code, reason = "a field of AVCodecParameters is read")]

use ffmpeg_next::codec::Parameters;

/// The stream's header bytes (`avcC`, `hvcC`, `av1C` or Annex B); empty where it has none.
pub fn extradata(parameters: &Parameters) -> Vec<u8> {
    // SAFETY: only asks for the pointer; the parameters outlive its use below.
    let raw = unsafe { parameters.as_ptr() };
    // SAFETY: `Parameters` holds a valid AVCodecParameters for as long as it lives.
    let raw = unsafe { &*raw };
    let length = usize::try_from(raw.extradata_size).unwrap_or(0);
    if raw.extradata.is_null() || length == 0 {
        return Vec::new();
    }
    // SAFETY: FFmpeg allocates `extradata_size` bytes (and padding) at `extradata`.
    unsafe { std::slice::from_raw_parts(raw.extradata, length) }.to_vec()
}

/// Width and height in pixels; 0 where the stream does not tell.
pub(crate) fn size(parameters: &Parameters) -> (i32, i32) {
    // SAFETY: only asks for the pointer; the parameters outlive its use below.
    let raw = unsafe { parameters.as_ptr() };
    // SAFETY: `Parameters` holds a valid AVCodecParameters for as long as it lives.
    let raw = unsafe { &*raw };
    (raw.width, raw.height)
}
