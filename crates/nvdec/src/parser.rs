//! The library's bitstream parser, which calls back in decode and in presentation order.
#![expect(unsafe_code, reason = "callbacks of a C library")]

use std::ffi::{c_int, c_uint, c_void};
use std::ptr;

use crate::library::{CallError, Library};
use crate::stream::Codec;
use crate::sys;

/// What the parser tells, on the thread and within the call that gives it data.
pub(crate) trait Events {
    /// A sequence header that differs from the one before. Returns how many surfaces the decoder
    /// has, between which the parser chooses; `None` if it cannot be decoded.
    fn sequence(&mut self, format: &sys::CUVIDEOFORMAT) -> Option<u32>;

    /// The next picture in decode order; `false` if it could not be decoded.
    ///
    /// # Safety
    /// `picture` must be the parser's own, within its callback.
    unsafe fn decode(&mut self, picture: *mut sys::CUVIDPICPARAMS) -> bool;

    /// The next picture in presentation order.
    fn display(&mut self, shown: &sys::CUVIDPARSERDISPINFO);
}

/// A parser of one stream.
pub(crate) struct Parser<E: Events> {
    library: &'static Library,
    raw: sys::CUvideoparser,
    /// The parser's user data. A pointer and no box, because the callbacks borrow it as well.
    events: *mut E,
}

// SAFETY: the parser is bound to no thread, and is used by one at a time (`&mut self`).
unsafe impl<E: Events + Send> Send for Parser<E> {}

impl<E: Events> Parser<E> {
    /// A parser that has seen nothing.
    pub fn new(library: &'static Library, codec: Codec, events: Box<E>) -> Result<Self, CallError> {
        let events = Box::into_raw(events);
        match make(library, codec, events) {
            Ok(raw) => Ok(Self {
                library,
                raw,
                events,
            }),
            Err(error) => {
                // SAFETY: made of a box above, and no parser knows it.
                drop(unsafe { Box::from_raw(events) });
                Err(error)
            }
        }
    }

    /// Forgets everything about the stream; the next begins.
    pub fn restart(&mut self, codec: Codec) -> Result<(), CallError> {
        let fresh = make(self.library, codec, self.events)?;
        let old = std::mem::replace(&mut self.raw, fresh);
        // SAFETY: made by `make`, and not used after this.
        unsafe { self.library.destroy_parser(old) }
    }

    /// What the callbacks work on.
    pub fn events(&mut self) -> &mut E {
        // SAFETY: lives as long as `self`; callbacks run only within `parse`, which borrows `self`.
        unsafe { &mut *self.events }
    }

    /// Parses one access unit. `ticket` comes back with its picture.
    pub fn parse(&mut self, data: &[u8], ticket: i64, is_whole: bool) -> Result<(), CallError> {
        let end = if is_whole {
            sys::CUVID_PKT_ENDOFPICTURE
        } else {
            0
        };
        self.give(data, ticket, sys::CUVID_PKT_TIMESTAMP | end)
    }

    /// Makes the parser tell of the pictures that it holds back.
    pub fn finish(&mut self) -> Result<(), CallError> {
        self.give(&[], 0, sys::CUVID_PKT_ENDOFSTREAM)
    }

    fn give(&mut self, data: &[u8], timestamp: i64, flags: c_uint) -> Result<(), CallError> {
        let payload = if data.is_empty() {
            ptr::null()
        } else {
            data.as_ptr()
        };
        let mut packet = sys::CUVIDSOURCEDATAPACKET {
            flags: flags.into(),
            payload_size: data.len() as sys::tcu_ulong,
            payload,
            timestamp,
        };
        // SAFETY: the parser lives until `drop`, and `data` during the call. No reference into
        // `events` is held here, so that the callbacks' is the only one.
        unsafe { self.library.parse(self.raw, &mut packet) }
    }
}

/// A parser whose callbacks work on `events`, which must outlive it.
fn make<E: Events>(
    library: &Library,
    codec: Codec,
    events: *mut E,
) -> Result<sys::CUvideoparser, CallError> {
    let mut params = sys::CUVIDPARSERPARAMS {
        CodecType: codec.raw(),
        // The sequence callback tells the real number.
        ulMaxNumDecodeSurfaces: 1,
        // Pictures are output as soon as the stream's reordering allows.
        ulMaxDisplayDelay: 0,
        pUserData: events.cast(),
        pfnSequenceCallback: Some(on_sequence::<E>),
        pfnDecodePicture: Some(on_decode::<E>),
        pfnDisplayPicture: Some(on_display::<E>),
        ..sys::CUVIDPARSERPARAMS::default()
    };
    // SAFETY: the callbacks are functions, and `events` outlives the parser: `Parser` destroys it first.
    unsafe { library.create_parser(&mut params) }
}

impl<E: Events> Drop for Parser<E> {
    fn drop(&mut self) {
        // SAFETY: made in `new`, and not used after this.
        if let Err(error) = unsafe { self.library.destroy_parser(self.raw) } {
            tracing::warn!("{error}");
        }
        // SAFETY: made of a box in `new`; the parser, which alone knew it, is gone.
        drop(unsafe { Box::from_raw(self.events) });
    }
}

unsafe extern "C" fn on_sequence<E: Events>(
    user: *mut c_void,
    format: *mut sys::CUVIDEOFORMAT,
) -> c_int {
    // SAFETY: `new` set the user data, and nothing else borrows it within `parse`.
    let events = unsafe { &mut *user.cast::<E>() };
    // SAFETY: the parser passes a valid description for the duration of the call.
    let format = unsafe { &*format };
    // 0: failed; more than 1: the number of surfaces.
    events
        .sequence(format)
        .and_then(|surfaces| c_int::try_from(surfaces).ok())
        .unwrap_or(0)
}

unsafe extern "C" fn on_decode<E: Events>(
    user: *mut c_void,
    picture: *mut sys::CUVIDPICPARAMS,
) -> c_int {
    // SAFETY: as in `on_sequence`.
    let events = unsafe { &mut *user.cast::<E>() };
    // SAFETY: the parser's own picture, within its callback.
    c_int::from(unsafe { events.decode(picture) })
}

unsafe extern "C" fn on_display<E: Events>(
    user: *mut c_void,
    shown: *mut sys::CUVIDPARSERDISPINFO,
) -> c_int {
    // SAFETY: as in `on_sequence`.
    let events = unsafe { &mut *user.cast::<E>() };
    // SAFETY: null or valid for the duration of the call.
    if let Some(shown) = unsafe { shown.as_ref() } {
        events.display(shown);
    }
    1
}
