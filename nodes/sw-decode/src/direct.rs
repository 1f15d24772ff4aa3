//! Direct rendering: libavcodec writes its frames into slots of a pool.
//!
//! libavcodec asks for each frame's memory through `AVCodecContext.get_buffer2`
//! and gives it back through the free function of an `AVBuffer`
//! (libavcodec/avcodec.h, libavutil/buffer.h). In between the slot passes two states:
//! being written, and, once the decoder has output the frame, published and
//! retained: consumers read it while later frames may still refer to it.
#![expect(
    unsafe_code,
    reason = "callbacks of libavcodec, and the frames that they fill"
)]

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camweave_decode::{Budget, CameraPools, FrameSettings, Plan, SlotError};
use camweave_pool::{Reference, Retained, WriteSlot};
use camweave_vision::PixelFormat;
use ffmpeg_next::codec::{self, Capabilities};
use ffmpeg_next::ffi::{self, AVCodecContext, AVFrame, AVPixelFormat};
use ffmpeg_next::frame;

use crate::dpb::pictures_held;
use crate::marks;

/// The largest coding tree unit of H.265 and superblock of VP9, in pixels.
const LARGEST_BLOCK: u32 = 64;

/// Bytes that the rows of libavcodec's own frames are aligned to at most (`STRIDE_ALIGN`).
const ROW_ALIGNMENT: c_int = 64;

/// One camera's side of the callbacks: its slots, and which of them the decoder has.
#[derive(Debug)]
pub(crate) struct Direct {
    limits: FrameSettings,
    pools: Mutex<CameraPools>,
    /// The decoder's slots, by the address of their first byte.
    lent: Mutex<HashMap<usize, Lent>>,
    /// Why a callback refused; libavcodec passes on no more than an error number.
    refusal: Mutex<Option<Refusal>>,
    /// Frames are decoded in memory of libavcodec's own.
    lends_nothing: AtomicBool,
}

#[derive(Debug)]
enum Lent {
    Writing(WriteSlot),
    Published {
        reference: Reference,
        _retained: Retained,
    },
}

/// Why no memory was given for a frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "frame size {width}x{height}, expected at most {}x{} (MAX_WIDTH, MAX_HEIGHT)",
        limits.max_width, limits.max_height
    )]
    Size {
        width: u32,
        height: u32,
        limits: FrameSettings,
    },
    #[error("frame size {width}x{height}: {source}")]
    Memory {
        width: u32,
        height: u32,
        source: SlotError,
    },
    #[error(transparent)]
    Slot(#[from] SlotError),
}

/// A frame's slot and the places of its planes in it.
#[derive(Debug)]
pub(crate) struct Placed {
    pub reference: Reference,
    /// Bytes from the slot's start, and bytes per row.
    pub planes: Vec<(u64, i64)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is locked here is left half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Direct {
    pub fn new(camera: &Arc<str>, limits: FrameSettings, budget: &Arc<Budget>) -> Self {
        Self {
            limits,
            pools: Mutex::new(CameraPools::new((), camera, limits.slots, budget)),
            lent: Mutex::default(),
            refusal: Mutex::default(),
            lends_nothing: AtomicBool::new(false),
        }
    }

    /// Whether the camera's next frames are decoded in slots, or in memory of libavcodec's own
    /// because they do not go to consumers as they are.
    pub fn lend_slots(&self, lends: bool) {
        self.lends_nothing.store(!lends, Ordering::Relaxed);
    }

    /// A slot for a frame that the decoder did not write into one.
    pub fn begin(&self, bytes: usize) -> Result<WriteSlot, SlotError> {
        lock(&self.pools).begin(bytes, 1)
    }

    /// Why a callback has refused since the last call.
    pub fn take_refusal(&self) -> Option<Refusal> {
        lock(&self.refusal).take()
    }

    /// Gives back pools that are no longer needed.
    pub fn tidy(&self) {
        lock(&self.pools).tidy();
    }

    /// Whether a consumer holds a slot.
    pub fn is_held(&self) -> bool {
        lock(&self.pools).is_held()
    }

    /// Slots that consumers hold or that are being written.
    pub fn slots_in_use(&self) -> u64 {
        lock(&self.pools).slots_in_use()
    }

    /// Publishes the slot of a frame that the decoder has output, or gives the
    /// reference again where the decoder outputs a frame twice (VP9's
    /// `show_existing_frame`). `None` if the frame lies in other memory.
    pub fn publish(&self, frame: &frame::Video) -> Option<Placed> {
        let base = buffer_address(frame)?;
        let planes = planes(frame, base)?;
        let mut lent = lock(&self.lent);
        let reference = match lent.remove(&base)? {
            Lent::Published {
                reference,
                _retained,
            } => {
                lent.insert(
                    base,
                    Lent::Published {
                        reference: reference.clone(),
                        _retained,
                    },
                );
                reference
            }
            Lent::Writing(slot) => {
                let (reference, _retained) = slot.publish_retained();
                lent.insert(
                    base,
                    Lent::Published {
                        reference: reference.clone(),
                        _retained,
                    },
                );
                reference
            }
        };
        Some(Placed { reference, planes })
    }

    /// Checks a frame's size before anything is allocated for it.
    fn check_size(&self, width: c_int, height: c_int) -> bool {
        let (width, height) = (width.max(0).unsigned_abs(), height.max(0).unsigned_abs());
        let limits = self.limits;
        // Coded pictures are whole blocks, which the visible part need not fill.
        let fits = width <= limits.max_width.next_multiple_of(LARGEST_BLOCK)
            && height <= limits.max_height.next_multiple_of(LARGEST_BLOCK);
        if !fits {
            *lock(&self.refusal) = Some(Refusal::Size {
                width,
                height,
                limits,
            });
        }
        fits
    }

    /// Checks that as many frames as the decoder needs may be had, before it allocates for them.
    /// `own`: bytes of a frame in memory of libavcodec's own, where it is not decoded into a slot.
    fn check_memory(
        &self,
        (width, height): (c_int, c_int),
        format: PixelFormat,
        dpb: u32,
        own: Option<usize>,
    ) -> bool {
        let (width, height) = (width.max(0).unsigned_abs(), height.max(0).unsigned_abs());
        let Some(plan) = Plan::new(format, width, height, 0) else {
            return true; // for the decoder to refuse
        };
        let pools = lock(&self.pools);
        let checked = match own {
            None => pools.slots_for(plan.bytes, dpb).map(drop),
            // One more than the stream refers to is being decoded.
            Some(own) => pools.check_own(own, dpb + 1, plan.bytes),
        };
        drop(pools);
        let Err(source) = checked else {
            return true;
        };
        *lock(&self.refusal) = Some(Refusal::Memory {
            width,
            height,
            source,
        });
        false
    }

    /// Lends a slot; gives its address. An exhausted pool is no refusal: decoding goes on elsewhere.
    fn lend(&self, bytes: usize, dpb: u32) -> Result<Option<*mut u8>, ()> {
        let begun = lock(&self.pools).begin(bytes, dpb);
        match begun {
            Ok(mut slot) => {
                let base = slot.as_mut_ptr();
                lock(&self.lent).insert(base.addr(), Lent::Writing(slot));
                Ok(Some(base))
            }
            Err(error) if error.is_temporary() => Ok(None),
            Err(error) => {
                *lock(&self.refusal) = Some(Refusal::Slot(error));
                Err(())
            }
        }
    }

    fn take_back(&self, base: *mut u8) {
        let lent = lock(&self.lent).remove(&base.addr());
        // Dropped only now: the pool has locks of its own.
        drop(lent);
    }
}

/// Makes a context that is not open yet ask `direct` for the memory of its frames.
///
/// `direct` must be kept until after the context is dropped.
pub(crate) fn install(
    context: &mut codec::Context,
    codec: &ffmpeg_next::Codec,
    direct: &Arc<Direct>,
) {
    // SAFETY: the pointer is valid for as long as `context` is borrowed.
    let context = unsafe { context.as_mut_ptr() };
    // SAFETY: the context is ours alone until it is opened.
    let context = unsafe { &mut *context };
    context.opaque = Arc::as_ptr(direct).cast_mut().cast();
    context.get_format = Some(get_format);
    // Without DR1 the callback must not provide memory of its own (libavcodec/codec.h).
    if codec.capabilities().contains(Capabilities::DR1) {
        context.get_buffer2 = Some(get_buffer);
    }
}

/// `AVCodecContext.get_format`: called when a stream's size or format becomes
/// known, before tables and frames are allocated for it.
unsafe extern "C" fn get_format(
    context: *mut AVCodecContext,
    formats: *const AVPixelFormat,
) -> AVPixelFormat {
    // SAFETY: libavcodec passes a valid context and waits for this function's return.
    let (opaque, width, height, dpb) = unsafe { describe(context) };
    // SAFETY: `install` set it to a `Direct` that outlives the context.
    let direct = unsafe { &*opaque.cast::<Direct>() };
    // SAFETY: the list has one format at least, the one of the stream or AV_PIX_FMT_NONE.
    let first = unsafe { *formats };
    let lends_nothing = direct.lends_nothing.load(Ordering::Relaxed);
    // What the decoder does not write into slots is copied there, of 10 or 8 bits, once it is done.
    let (format, own) = match direct_format(first as c_int) {
        Some(format) if !lends_nothing => (format, None),
        // SAFETY: computes a number.
        found => match usize::try_from(unsafe {
            ffi::av_image_get_buffer_size(first, width, height, ROW_ALIGNMENT)
        }) {
            Ok(bytes) => (found.unwrap_or(PixelFormat::P010), Some(bytes)),
            // For the decoder to refuse.
            Err(_) => (PixelFormat::P010, None),
        },
    };
    if !direct.check_size(width, height) || !direct.check_memory((width, height), format, dpb, own)
    {
        return AVPixelFormat::AV_PIX_FMT_NONE;
    }
    // SAFETY: the arguments are those that libavcodec passed for this very function.
    unsafe { ffi::avcodec_default_get_format(context, formats) }
}

/// The context's `opaque`, its size in pixels, and how many frames the decoder may hold.
///
/// # Safety
/// `context` must be valid, and nobody may write to it during the call.
unsafe fn describe(context: *const AVCodecContext) -> (*mut c_void, c_int, c_int, u32) {
    // SAFETY: the caller's promise.
    let context = unsafe { &*context };
    let width = context.width.max(context.coded_width);
    let height = context.height.max(context.coded_height);
    (context.opaque, width, height, pictures_held(context))
}

/// `AVCodecContext.get_buffer2`: memory for one frame.
unsafe extern "C" fn get_buffer(
    context: *mut AVCodecContext,
    frame: *mut AVFrame,
    flags: c_int,
) -> c_int {
    // SAFETY: libavcodec passes a valid context and frame and waits for this function's return.
    let result = match unsafe { lend(context, frame) } {
        // SAFETY: the arguments are those that libavcodec passed for this very function.
        Ok(false) => unsafe { ffi::avcodec_default_get_buffer2(context, frame, flags) },
        Ok(true) => 0,
        Err(error) => error,
    };
    if result >= 0 {
        // SAFETY: the frame has just got its memory, and nobody has seen it yet.
        unsafe { marks::mark(frame) };
    }
    result
}

/// Puts a slot into `frame`. `false` where another memory must serve.
///
/// # Safety
/// As for `get_buffer2`; `context` must be one that [`install`] has seen.
unsafe fn lend(context: *mut AVCodecContext, frame: *mut AVFrame) -> Result<bool, c_int> {
    // SAFETY: the caller's promise.
    let frame = unsafe { &mut *frame };
    let (mut width, mut height) = (frame.width, frame.height);
    let mut align = [0; ffi::AV_NUM_DATA_POINTERS as usize];
    // SAFETY: the context is open, its codec has DR1, and `align` has as many items as is asked for.
    unsafe {
        ffi::avcodec_align_dimensions2(
            context,
            &raw mut width,
            &raw mut height,
            align.as_mut_ptr(),
        );
    }
    // SAFETY: the caller's promise.
    let context = unsafe { &*context };
    let opaque = context.opaque.cast::<Direct>().cast_const();
    // SAFETY: `install` set it to a `Direct` that outlives the context.
    let direct = unsafe { &*opaque };
    if !direct.check_size(frame.width, frame.height) {
        return Err(ffi::AVERROR(ffmpeg_next::error::EINVAL));
    }
    let Some(format) = direct_format(frame.format) else {
        return Ok(false);
    };
    if direct.lends_nothing.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let widest = align.into_iter().max().unwrap_or(0).max(0).unsigned_abs() as usize;
    let (width, height) = (width.max(0).unsigned_abs(), height.max(0).unsigned_abs());
    let Some(plan) = Plan::new(format, width, height, widest) else {
        return Ok(false);
    };
    let Ok(lent) = direct.lend(plan.bytes, pictures_held(context)) else {
        return Err(ffi::AVERROR(ffmpeg_next::error::ENOMEM));
    };
    let Some(base) = lent else {
        return Ok(false);
    };
    // SAFETY: `opaque` comes from an `Arc`, which `install`'s caller keeps.
    unsafe { Arc::increment_strong_count(opaque) };
    // SAFETY: the slot has `plan.bytes` bytes and is lent until `give_back` has been called, which
    // takes over the count that was added for it.
    let buffer = unsafe {
        ffi::av_buffer_create(
            base,
            plan.bytes,
            Some(give_back),
            opaque.cast_mut().cast(),
            0,
        )
    };
    if buffer.is_null() {
        // SAFETY: takes back the count that was just added.
        unsafe { Arc::decrement_strong_count(opaque) };
        direct.take_back(base);
        return Err(ffi::AVERROR(ffmpeg_next::error::ENOMEM));
    }
    frame.buf[0] = buffer;
    frame.data = [ptr::null_mut(); ffi::AV_NUM_DATA_POINTERS as usize];
    frame.linesize = [0; ffi::AV_NUM_DATA_POINTERS as usize];
    for (index, plane) in plan.planes.iter().enumerate() {
        frame.data[index] = base.wrapping_add(plane.offset as usize);
        // A stride of a frame within the limits is far below 2^31.
        frame.linesize[index] = c_int::try_from(plane.stride).unwrap_or(c_int::MAX);
    }
    frame.extended_data = frame.data.as_mut_ptr();
    Ok(true)
}

/// The free function of a slot's `AVBuffer`: neither decoder nor frame refers to it any more.
unsafe extern "C" fn give_back(opaque: *mut c_void, base: *mut u8) {
    // SAFETY: `lend` added a count for this buffer, and libavutil calls this once.
    let direct = unsafe { Arc::from_raw(opaque.cast::<Direct>().cast_const()) };
    direct.take_back(base);
}

/// The formats that the decoder writes straight into slots.
fn direct_format(format: c_int) -> Option<PixelFormat> {
    const I420: c_int = AVPixelFormat::AV_PIX_FMT_YUV420P as c_int;
    const I420_FULL: c_int = AVPixelFormat::AV_PIX_FMT_YUVJ420P as c_int;
    const NV12: c_int = AVPixelFormat::AV_PIX_FMT_NV12 as c_int;
    match format {
        I420 | I420_FULL => Some(PixelFormat::I420),
        NV12 => Some(PixelFormat::Nv12),
        _ => None,
    }
}

/// Where the memory of a frame's first buffer begins.
pub(crate) fn buffer_address(frame: &frame::Video) -> Option<usize> {
    // SAFETY: the pointer is valid for as long as `frame` is borrowed.
    let frame = unsafe { frame.as_ptr() };
    // SAFETY: nobody writes to a frame that the decoder has output.
    let frame = unsafe { &*frame };
    if frame.buf[0].is_null() {
        return None;
    }
    // SAFETY: it is not null, and the frame holds a reference of it.
    let buffer = unsafe { &*frame.buf[0] };
    Some(buffer.data.addr())
}

/// Offsets from `base` and strides of a frame's planes. `None` for a frame with a
/// plane before `base`, which no slot has.
fn planes(frame: &frame::Video, base: usize) -> Option<Vec<(u64, i64)>> {
    raw_planes(frame)
        .into_iter()
        .map(|(data, stride)| {
            let offset = data.addr().checked_sub(base)?;
            Some((u64::try_from(offset).ok()?, i64::from(stride)))
        })
        .collect()
}

/// The planes of a frame: their first visible pixel and their bytes per row.
pub(crate) fn raw_planes(frame: &frame::Video) -> Vec<(*const u8, c_int)> {
    // SAFETY: the pointer is valid for as long as `frame` is borrowed.
    let frame = unsafe { frame.as_ptr() };
    // SAFETY: nobody writes to a frame that the decoder has output.
    let frame = unsafe { &*frame };
    let planes = frame.data.iter().zip(frame.linesize);
    planes
        .take_while(|(data, _)| !data.is_null())
        .map(|(data, stride)| (data.cast_const(), stride))
        .collect()
}

/// Whether a part of a frame was not decoded.
pub(crate) fn is_incomplete(frame: &frame::Video) -> bool {
    // SAFETY: the pointer is valid for as long as `frame` is borrowed.
    let frame = unsafe { frame.as_ptr() };
    // SAFETY: the decoder has output it.
    unsafe { marks::is_left(frame) }
}

/// Releases a frame's memory.
pub(crate) fn release(frame: &mut frame::Video) {
    // SAFETY: the pointer is valid for as long as `frame` is borrowed.
    let frame = unsafe { frame.as_mut_ptr() };
    // SAFETY: as above; an empty frame is fine as well.
    unsafe { ffi::av_frame_unref(frame) };
}
