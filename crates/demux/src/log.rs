//! What FFmpeg's demuxers would print.
//!
//! They print URLs with passwords, and text of servers as it came; so nothing of it is let through.
//! One line is of use: libavformat says in its log alone that RTP packets were lost.
#![expect(unsafe_code, reason = "a callback of libavutil")]

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};

use ffmpeg_next::ffi;

/// How the line about lost RTP packets begins, in FFmpeg 5 to 7 (libavformat/rtpdec.c).
const RTP_LOSS: &[u8] = b"RTP: missed";

thread_local! {
    static LOSSES: Cell<u32> = const { Cell::new(0) };
}

/// Makes FFmpeg print nothing in this process, and note what demuxers on this and other threads
/// lose.
pub fn silence() {
    // SAFETY: the function lives as long as the process, and is safe to call from any thread.
    unsafe { ffi::av_log_set_callback(Some(on_line)) };
}

/// How many gaps in RTP packets FFmpeg has found on this thread since the last call.
pub(crate) fn take_losses() -> u32 {
    LOSSES.take()
}

/// Generic over the list of arguments, whose type differs between processors: it is not looked at.
unsafe extern "C" fn on_line<T>(_: *mut c_void, _: c_int, format: *const c_char, _: T) {
    if format.is_null() {
        return;
    }
    // SAFETY: libavutil passes the format of a `printf`, which ends in a NUL.
    let format = unsafe { CStr::from_ptr(format) };
    if format.to_bytes().starts_with(RTP_LOSS) {
        // Not while the thread ends: then nobody asks any more.
        let _ = LOSSES.try_with(|losses| losses.set(losses.get().saturating_add(1)));
    }
}
