//! A decoder on the chip.
#![expect(unsafe_code, reason = "calls a C library")]

use std::ffi::{c_int, c_short};

use camweave_cuda::{Context, DeviceSlice, Stream};
use camweave_vision::PixelFormat;

use crate::library::{CallError, Library};
use crate::stream::Plan;
use crate::sys;

/// A decoder that was made, or told, to decode the streams of a plan.
pub(crate) struct Hardware {
    library: &'static Library,
    context: Context,
    raw: sys::CUvideodecoder,
    /// What it was made for: its room.
    made_for: Plan,
    plan: Plan,
}

// SAFETY: the handle is bound to no thread as long as the context is current on the one that uses it.
unsafe impl Send for Hardware {}

/// A decoded picture as the decoder's post-processing gives it out.
pub(crate) struct Mapped {
    address: u64,
    /// All rows of both planes.
    pub memory: DeviceSlice,
    /// Bytes from one row's start to the next.
    pub pitch: usize,
}

impl Hardware {
    /// Makes a decoder on `context`, which must be the thread's current one.
    pub fn create(
        library: &'static Library,
        context: &Context,
        plan: &Plan,
    ) -> Result<Self, CallError> {
        let coded = &plan.coded;
        let [left, top, right, bottom] = plan.scaled_from.unwrap_or_default().map(short);
        let mut info = sys::CUVIDDECODECREATEINFO {
            ulWidth: coded.width.into(),
            ulHeight: coded.height.into(),
            ulMaxWidth: coded.width.into(),
            ulMaxHeight: coded.height.into(),
            ulNumDecodeSurfaces: plan.surfaces.into(),
            CodecType: coded.codec.raw(),
            ChromaFormat: coded.chroma,
            ulCreationFlags: sys::cudaVideoCreate_PreferCUVID.into(),
            bitDepthMinus8: (coded.bit_depth - 8).into(),
            OutputFormat: match plan.format {
                PixelFormat::P010 => sys::cudaVideoSurfaceFormat_P016,
                _ => sys::cudaVideoSurfaceFormat_NV12,
            },
            // Interlaced pictures come out with both fields, as other decoders give them.
            DeinterlaceMode: sys::cudaVideoDeinterlaceMode_Weave,
            ulTargetWidth: plan.surface.0.into(),
            ulTargetHeight: plan.surface.1.into(),
            ulNumOutputSurfaces: 1,
            ..sys::CUVIDDECODECREATEINFO::default()
        };
        info.display_area.left = left;
        info.display_area.top = top;
        info.display_area.right = right;
        info.display_area.bottom = bottom;
        let raw = library
            .create_decoder(&mut info)
            .map_err(|error| CallError {
                subject: describe(plan),
                ..error
            })?;
        // Its surfaces.
        camweave_cuda::count_allocation();
        Ok(Self {
            library,
            context: context.clone(),
            raw,
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
        self.made_for.can_become(next)
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
            ulNumDecodeSurfaces: self.made_for.surfaces,
            ..sys::CUVIDRECONFIGUREDECODERINFO::default()
        };
        info.display_area.left = left;
        info.display_area.top = top;
        info.display_area.right = right;
        info.display_area.bottom = bottom;
        // SAFETY: the decoder lives; the caller's promise.
        unsafe { self.library.reconfigure(self.raw, &mut info) }?;
        self.plan = *plan;
        Ok(())
    }

    /// How many surfaces it has.
    pub fn surfaces(&self) -> u32 {
        self.made_for.surfaces
    }

    /// Begins to decode a picture.
    ///
    /// # Safety
    /// `picture` must be what the parser passed to its decode callback.
    pub unsafe fn decode(&self, picture: *mut sys::CUVIDPICPARAMS) -> Result<(), CallError> {
        // SAFETY: the decoder lives; the caller's promise.
        unsafe { self.library.decode(self.raw, picture) }
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
    ) -> Result<Mapped, CallError> {
        let mut params = sys::CUVIDPROCPARAMS {
            progressive_frame: c_int::from(is_progressive),
            top_field_first: c_int::from(is_top_first),
            output_stream: stream.raw().cast(),
            ..sys::CUVIDPROCPARAMS::default()
        };
        // SAFETY: the decoder lives; the caller's promise.
        let (address, pitch) = unsafe { self.library.map(self.raw, index, &mut params) }?;
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
        })
    }

    /// Gives a mapped picture back.
    ///
    /// # Safety
    /// All work that reads it must be done.
    pub unsafe fn unmap(&self, mapped: &Mapped) -> Result<(), CallError> {
        // SAFETY: mapped by this decoder; the caller's promise.
        unsafe { self.library.unmap(self.raw, mapped.address) }
    }

    /// Whether the chip found the picture in a surface damaged. VP9 and AV1 do not tell.
    pub fn is_damaged(&self, index: c_int) -> bool {
        let mut status = sys::CUVIDGETDECODESTATUS::default();
        // SAFETY: the decoder lives.
        let told = unsafe { self.library.status(self.raw, index, &mut status) };
        let damaged = [
            sys::cuvidDecodeStatus_Error,
            sys::cuvidDecodeStatus_Error_Concealed,
        ];
        told.is_ok() && damaged.contains(&status.decodeStatus)
    }
}

impl Drop for Hardware {
    fn drop(&mut self) {
        // Whoever drops it last may be a thread that has not decoded.
        if let Err(error) = self.context.bind() {
            tracing::warn!("{error}");
        }
        // SAFETY: made in `create`, not used after this, and nothing is mapped between calls.
        if let Err(error) = unsafe { self.library.destroy_decoder(self.raw) } {
            tracing::warn!("{error}");
        }
    }
}

/// Rows from the surface's first to its first chroma row: the library rounds up to even.
pub(crate) fn luma_rows(plan: &Plan) -> usize {
    plan.surface.1.next_multiple_of(2) as usize
}

/// What memory was wanted for.
fn describe(plan: &Plan) -> String {
    let coded = &plan.coded;
    format!(
        "a {} decoder of {}x{} with {} surfaces of {} bits",
        coded.codec.as_str(),
        coded.width,
        coded.height,
        plan.surfaces,
        coded.bit_depth
    )
}

/// Sides of pictures are at most 32,767 pixels on any chip.
fn short(value: u32) -> c_short {
    c_short::try_from(value).unwrap_or(c_short::MAX)
}
