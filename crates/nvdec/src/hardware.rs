//! A stream's decoder on the chip: its place in one, and the pictures that come out.
#![expect(unsafe_code, reason = "calls a C library")]

use std::ffi::c_int;
use std::sync::MutexGuard;

use camweave_cuda::{Context, DeviceSlice, Stream};

use crate::chip::{Chips, Place, Refused, short};
use crate::library::{CallError, Library};
use crate::stream::Plan;
use crate::sys;

/// A decoder that was made, or told, to decode the streams of a plan.
pub(crate) struct Hardware {
    place: Place,
    /// What it was made for: its room.
    made_for: Plan,
    plan: Plan,
}

/// A decoded picture as the decoder's post-processing gives it out.
pub(crate) struct Mapped<'a> {
    address: u64,
    /// All rows of both planes.
    pub memory: DeviceSlice,
    /// Bytes from one row's start to the next.
    pub pitch: usize,
    /// No other comes out of the decoder meanwhile.
    _turn: MutexGuard<'a, ()>,
}

impl Hardware {
    /// Finds or opens a decoder of `chips` on `context`, which must be the thread's current one; one
    /// that no other stream has where it is to be `alone`.
    pub fn create(
        chips: &Chips,
        library: &'static Library,
        context: &Context,
        plan: &Plan,
        engines: u32,
        alone: bool,
    ) -> Result<Self, CallError> {
        Ok(Self {
            place: chips.place(library, context, plan, engines, alone)?,
            made_for: *plan,
            plan: *plan,
        })
    }

    /// What it decodes now.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether [`Self::reconfigure`] may be asked for `next`.
    pub fn can_become(&self, next: &Plan) -> bool {
        !self.place.is_shared() && self.made_for.can_become(next)
    }

    /// Decodes another size from now on, without new memory.
    ///
    /// # Safety
    /// Call it within the parser's sequence callback.
    pub unsafe fn reconfigure(&mut self, plan: &Plan) -> Result<(), CallError> {
        let [left, top, right, bottom] = plan.scaled_from.unwrap_or_default().map(short);
        let mut info = sys::CUVIDRECONFIGUREDECODERINFO {
            ulWidth: plan.coded.width,
            ulHeight: plan.coded.height,
            ulTargetWidth: plan.surface.0,
            ulTargetHeight: plan.surface.1,
            ulNumDecodeSurfaces: self.place.surfaces(),
            ..sys::CUVIDRECONFIGUREDECODERINFO::default()
        };
        info.display_area.left = left;
        info.display_area.top = top;
        info.display_area.right = right;
        info.display_area.bottom = bottom;
        // SAFETY: the caller's promise.
        unsafe { self.place.reconfigure(&mut info) }?;
        self.plan = *plan;
        Ok(())
    }

    /// How many surfaces it has.
    pub fn surfaces(&self) -> u32 {
        self.place.surfaces()
    }

    /// Whether streams of other cameras are decoded there too.
    pub fn is_shared(&self) -> bool {
        self.place.is_shared()
    }

    /// Begins to decode a picture.
    ///
    /// # Safety
    /// `picture` must be what the parser passed to its decode callback.
    pub unsafe fn decode(&self, picture: *mut sys::CUVIDPICPARAMS) -> Result<(), Refused> {
        // SAFETY: the caller's promise.
        unsafe { self.place.decode(picture) }
    }

    /// Waits for a picture and gives it out on `stream`. One at a time may be mapped.
    ///
    /// # Safety
    /// The decoder must have decoded into surface `index`.
    pub unsafe fn map(
        &self,
        index: c_int,
        is_progressive: bool,
        is_top_first: bool,
        stream: &Stream,
    ) -> Result<Mapped<'_>, CallError> {
        let mut params = sys::CUVIDPROCPARAMS {
            progressive_frame: c_int::from(is_progressive),
            top_field_first: c_int::from(is_top_first),
            output_stream: stream.raw().cast(),
            ..sys::CUVIDPROCPARAMS::default()
        };
        let turn = self.place.turn();
        // SAFETY: the caller's promise.
        let (address, pitch) = unsafe { self.place.map(index, &mut params) }?;
        let pitch = pitch as usize;
        let luma_rows = luma_rows(&self.plan);
        let bytes = pitch * (luma_rows + luma_rows / 2);
        // SAFETY: the library has mapped so many rows (luma, then chroma of half as many) until
        // `unmap`, and the decoder does not write to them before.
        let memory = unsafe { DeviceSlice::from_raw(address, bytes) };
        Ok(Mapped {
            address,
            memory,
            pitch,
            _turn: turn,
        })
    }

    /// Gives a mapped picture back.
    ///
    /// # Safety
    /// All work that reads it must be done.
    pub unsafe fn unmap(&self, mapped: &Mapped<'_>) -> Result<(), CallError> {
        // SAFETY: mapped by this decoder; the caller's promise.
        unsafe { self.place.unmap(mapped.address) }
    }

    /// Whether the chip found the picture in a surface damaged. VP9 and AV1 do not tell.
    pub fn is_damaged(&self, index: c_int) -> bool {
        let damaged = [
            sys::cuvidDecodeStatus_Error,
            sys::cuvidDecodeStatus_Error_Concealed,
        ];
        let told = self.place.status(index);
        told.is_ok_and(|status| damaged.contains(&status.decodeStatus))
    }
}

/// Rows from the surface's first to its first chroma row: the library rounds up to even.
pub(crate) fn luma_rows(plan: &Plan) -> usize {
    plan.surface.1.next_multiple_of(2) as usize
}
