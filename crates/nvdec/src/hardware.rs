//! A stream's decoder on the chip: its place in one, and the pictures that come out.
#![expect(unsafe_code, reason = "calls a C library")]

use std::ffi::c_int;
use std::sync::MutexGuard;

use camweave_cuda::{Context, CudaError, DeviceSlice, Rows, Stream};

use crate::chip::{Chips, Place, Refused, short};
use crate::error::DecodeError;
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

/// A decoded picture as the decoder's post-processing gives it out on a stream. All work on it is
/// put into that stream, which is waited for before it is given back.
pub(crate) struct Mapped<'a> {
    place: &'a Place,
    stream: &'a Stream,
    address: u64,
    /// Of all rows of both planes.
    bytes: usize,
    /// From one row's start to the next.
    pitch: usize,
    is_given_back: bool,
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
    pub unsafe fn map<'a>(
        &'a self,
        index: c_int,
        is_progressive: bool,
        is_top_first: bool,
        stream: &'a Stream,
    ) -> Result<Mapped<'a>, CallError> {
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
        Ok(Mapped {
            place: &self.place,
            stream,
            address,
            // Luma, then chroma of half as many rows.
            bytes: pitch * (luma_rows + luma_rows / 2),
            pitch,
            is_given_back: false,
            _turn: turn,
        })
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

impl Mapped<'_> {
    /// Bytes from one row's start to the next.
    pub fn pitch(&self) -> usize {
        self.pitch
    }

    /// Puts a copy of the rows from byte `from` on into the picture's stream.
    pub fn copy_rows(
        &self,
        from: usize,
        to: Rows<'_>,
        row_bytes: usize,
        rows: usize,
    ) -> Result<(), CudaError> {
        // SAFETY: the library has mapped so many bytes until they are given back, and the decoder
        // does not write to them before. The slice does not leave this function, so that the stream
        // below is the only one with work on it, and `give_back` waits for that.
        let all = unsafe { DeviceSlice::from_raw(self.address, self.bytes) };
        let from = Rows {
            memory: all.part(from, self.bytes.saturating_sub(from))?,
            pitch: self.pitch,
        };
        self.stream.copy_rows(from, to, row_bytes, rows)
    }

    /// Waits for the copies, and lets the decoder have its memory again.
    pub fn give_back(mut self) -> Result<(), DecodeError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), DecodeError> {
        self.is_given_back = true;
        if let Err(error) = self.stream.synchronize() {
            // It may still be read.
            self.place.keep();
            return Err(error.into());
        }
        // SAFETY: mapped by this decoder, and given back once; the stream has passed all work on it.
        Ok(unsafe { self.place.unmap(self.address) }?)
    }
}

impl Drop for Mapped<'_> {
    fn drop(&mut self) {
        if !self.is_given_back
            && let Err(error) = self.end()
        {
            tracing::warn!("{error}");
        }
    }
}

/// Rows from the surface's first to its first chroma row: the library rounds up to even.
pub(crate) fn luma_rows(plan: &Plan) -> usize {
    plan.surface.1.next_multiple_of(2) as usize
}
