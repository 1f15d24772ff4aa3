//! Opens FFmpeg's demuxers with an interrupt and options that bound them.
#![expect(
    unsafe_code,
    reason = "ffmpeg-next opens no demuxer with both an interrupt and a format"
)]

use std::ffi::{CStr, CString};
use std::ptr;

use ffmpeg_next::codec::packet::Ref;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::util::interrupt as callback;
use ffmpeg_next::{Dictionary, Error, Packet, ffi};

use crate::interrupt::Interrupt;

/// The largest piece of memory that FFmpeg may ask for at once, in bytes.
///
/// FFmpeg takes sizes from the network as they are (a `Content-Length`, a chunk of FLV), and lets
/// incomplete access units grow; beyond this it reports that there is no memory.
pub const MAX_ALLOCATION: usize = 32 * 1024 * 1024;

/// Bounds what FFmpeg allocates at once in this process to [`MAX_ALLOCATION`]. Not for a process
/// that decodes: pictures are larger.
pub fn limit_allocations() {
    limit(MAX_ALLOCATION);
}

/// The same for media files: the index of an MP4 file is one piece, of 24 bytes a frame, and has
/// room for two days here.
pub const MAX_ALLOCATION_FOR_FILES: usize = 128 * 1024 * 1024;

/// Bounds what FFmpeg allocates at once in this process to [`MAX_ALLOCATION_FOR_FILES`]. Not for a
/// process that decodes.
pub fn limit_allocations_for_files() {
    limit(MAX_ALLOCATION_FOR_FILES);
}

fn limit(bytes: usize) {
    // SAFETY: sets a number.
    unsafe { ffi::av_max_alloc(bytes) };
}

/// The largest picture that is decoded to find out about a stream, in pixels: 4K. Of larger ones
/// the headers have to do.
const MAX_PROBED_PIXELS: &str = "9437184";

/// What decides how a demuxer is opened.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a> {
    /// The demuxer by FFmpeg's name; `None`: by looking at the data.
    pub format: Option<&'a CStr>,
    /// Options of the demuxer and of the protocol, by FFmpeg's names. What neither knows is ignored.
    pub entries: &'a [(&'a str, String)],
    /// Flags of `AVFormatContext`, `AVFMT_FLAG_*`.
    pub flags: i32,
    /// Asks for the streams' parameters, which reads ahead.
    pub find_streams: bool,
}

/// Opens `url`, which is never printed.
pub(crate) fn open(
    url: &CStr,
    options: &Options<'_>,
    interrupt: &Interrupt,
) -> Result<Input, Error> {
    let format = match options.format {
        None => ptr::null(),
        Some(name) => {
            // SAFETY: a search in a table of constants.
            let format = unsafe { ffi::av_find_input_format(name.as_ptr()) };
            if format.is_null() {
                return Err(Error::DemuxerNotFound);
            }
            format
        }
    };
    // SAFETY: allocates.
    let mut context = unsafe { ffi::avformat_alloc_context() };
    if context.is_null() {
        return Err(Error::Other {
            errno: ffmpeg_next::error::ENOMEM,
        });
    }
    let asked = interrupt.clone();
    let callback = callback::new(Box::new(move || asked.is_due()));
    {
        // SAFETY: just allocated, and ours alone.
        let context = unsafe { &mut *context };
        context.interrupt_callback = callback.interrupt;
        context.flags |= options.flags;
    }
    let mut entries = Dictionary::new();
    for (name, value) in options.entries {
        // A NUL in a value would end this process, not the camera.
        if CString::new(value.as_str()).is_ok() {
            entries.set(name, value);
        }
    }
    // SAFETY: FFmpeg takes out what it uses; what is left is freed below.
    let mut entries = unsafe { entries.disown() };
    // SAFETY: all pointers are valid for the call; where it fails, it frees the context and sets
    // it to null.
    let opened = unsafe {
        ffi::avformat_open_input(&raw mut context, url.as_ptr(), format, &raw mut entries)
    };
    // SAFETY: owned, and not used any more.
    unsafe { ffi::av_dict_free(&raw mut entries) };
    if opened < 0 {
        return Err(Error::from(opened));
    }
    // SAFETY: opened, and from here on owned by the value, which also keeps the callback.
    let mut input = unsafe { Input::wrap_with_interrupt(context, callback.guard) };
    if options.find_streams {
        // SAFETY: the context is valid for as long as `input` lives.
        let context = unsafe { input.as_mut_ptr() };
        // SAFETY: as above.
        let count = usize::try_from(unsafe { (*context).nb_streams }).unwrap_or(0);
        let mut options: Vec<_> = (0..count)
            .map(|_| {
                let mut options = Dictionary::new();
                options.set("max_pixels", MAX_PROBED_PIXELS);
                // SAFETY: owned from here on, and freed below.
                unsafe { options.disown() }
            })
            .collect();
        // SAFETY: as above; one dictionary for each of the streams that there are now, as FFmpeg
        // asks for.
        let found = unsafe { ffi::avformat_find_stream_info(context, options.as_mut_ptr()) };
        for entries in &mut options {
            // SAFETY: owned, and not used any more.
            unsafe { ffi::av_dict_free(entries) };
        }
        if found < 0 {
            return Err(Error::from(found));
        }
    }
    Ok(input)
}

/// Lets a demuxer read on whose last call was interrupted.
pub(crate) fn resume(input: &mut Input) {
    // SAFETY: the context is valid for as long as `input` is borrowed.
    let context = unsafe { input.as_mut_ptr() };
    // SAFETY: as above; ours alone between two calls of FFmpeg.
    let io = unsafe { (*context).pb };
    // SAFETY: null where the demuxer reads by itself, else valid for as long as the context.
    if let Some(io) = unsafe { io.as_mut() } {
        // An interrupted read counts as the end otherwise.
        io.eof_reached = 0;
        io.error = 0;
    }
}

/// Whether a packet is decoded and not shown, as an edit list has it.
pub(crate) fn is_hidden(packet: &Packet) -> bool {
    // SAFETY: only asks for the pointer, which is valid for as long as `packet` is borrowed.
    let packet = packet.as_ptr();
    // SAFETY: as above; nobody writes to it.
    unsafe { (*packet).flags & ffi::AV_PKT_FLAG_DISCARD != 0 }
}

/// The wall clock at presentation time 0 in Unix microseconds, where the sender has told.
pub(crate) fn start_unix_micros(input: &Input) -> Option<i64> {
    // SAFETY: the pointer is valid for as long as `input` is borrowed.
    let context = unsafe { input.as_ptr() };
    // SAFETY: nobody writes to it during the call.
    let start = unsafe { (*context).start_time_realtime };
    (start != ffi::AV_NOPTS_VALUE && start != 0).then_some(start)
}

/// Makes the demuxer drop the packets of a stream.
pub(crate) fn discard(input: &mut Input, stream: usize) {
    if let Some(mut stream) = input.stream_mut(stream) {
        // SAFETY: the pointer is valid for as long as `input` is borrowed.
        let stream = unsafe { stream.as_mut_ptr() };
        // SAFETY: ours alone between two calls of FFmpeg.
        unsafe { (*stream).discard = ffi::AVDiscard::AVDISCARD_ALL };
    }
}
