//! The library's decoders, and which streams have a place in which.
//!
//! To open a decoder takes the driver some 43 ms, one at a time however many threads or processes
//! ask, and it opens some 288 (measured on an H200, driver 580). So streams of H.265 share decoders
//! once many are open. Between two pictures a decoder keeps nothing but its surfaces and
//! the motion of those that may be referred to, and each picture says which they are. A stream has
//! a run of surfaces of its own, and its numbers are shifted by where that begins; what the others
//! in the decoder may still refer to is named with each picture as a reference that it does not use,
//! since the driver gives up the motion of what a picture does not name.
//!
//! NVIDIA does not promise that. So the first time a decoder would be shared, a short clip is
//! decoded in both ways ([`Trial`]), and nothing is shared where a byte differs. H.264 does
//! differ (its motion is lost), VP9 and AV1 keep more between pictures, and of 10 bits there is no
//! clip: these are never shared. A picture whose references are incomplete is not decoded in a
//! shared decoder, nor are those behind it up to the next keyframe: where the driver
//! finds something in place of what is missing, it may be another camera's.
//!
//! Up to eight for each of the chip's engines, each stream has a decoder of its own: streams that share
//! one wait for each other.
#![expect(unsafe_code, reason = "calls a C library")]

use std::ffi::{c_int, c_short};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use camweave_cuda::Context;
use camweave_vision::PixelFormat;

use crate::library::{CallError, Library};
use crate::seats::{MOST_REFERENCES, Seats, needed, number_in, references, used};
use crate::stream::Plan;
use crate::sys;

/// So many decoders for each of the chip's engines are opened before any is shared. Those that share
/// wait for each other: with 32 files on an H200, 18 of which shared, an eighth less was decoded than
/// with 16 that did not.
const OWN_PER_ENGINE: u32 = 8;
/// With more streams than so many for each engine, there is always another's picture to decode.
const MANY_PER_ENGINE: usize = 4;

/// Tries whether streams may share a decoder: in one line, why they may not; `None` if they may. An
/// error: it could not be tried.
pub(crate) type Trial = fn(&Context) -> Result<Option<String>, String>;

/// The decoders of a device that a process has open. Clones are the same.
#[derive(Clone)]
pub struct Chips(Arc<Shared>);

struct Shared {
    trial: Trial,
    /// Overrides how many are opened before any is shared.
    own: Option<u32>,
    /// Places that are taken.
    streams: AtomicUsize,
    /// Whether shared decoders decode as they should here.
    is_proven: OnceLock<bool>,
    /// Held while one is opened: the driver opens one at a time, and who waits may find a place in it.
    opening: Mutex<()>,
    open: Mutex<Vec<Weak<Chip>>>,
}

impl Chips {
    /// `own` overrides how many are opened before any is shared.
    pub(crate) fn new(trial: Trial, own: Option<u32>) -> Self {
        Self(Arc::new(Shared {
            trial,
            own,
            streams: AtomicUsize::new(0),
            is_proven: OnceLock::new(),
            opening: Mutex::default(),
            open: Mutex::default(),
        }))
    }

    /// Whether so many streams are decoded that no engine waits for one of them, of `engines`.
    pub(crate) fn are_many(&self, engines: u32) -> bool {
        self.0.streams.load(Ordering::Relaxed) > engines as usize * MANY_PER_ENGINE
    }

    /// How many decoders are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.alive().len()
    }

    /// A place for a stream of `plan`, in an open decoder or in a new one on `context`, which must
    /// be the thread's current one. `engines` is how many the chip has; a stream that is `alone`
    /// shares none.
    pub(crate) fn place(
        &self,
        library: &'static Library,
        context: &Context,
        plan: &Plan,
        engines: u32,
        alone: bool,
    ) -> Result<Place, CallError> {
        let find = || if alone { None } else { self.find(plan) };
        if let Some(place) = find() {
            return Ok(place);
        }
        let _opening = lock(&self.0.opening);
        // Another may have been opened meanwhile.
        if let Some(place) = find() {
            return Ok(place);
        }
        let own = self.0.own.unwrap_or(engines * OWN_PER_ENGINE) as usize;
        let (shared, single) = (Seats::shared(plan), Seats::single(plan));
        let shared = shared.filter(|_| !alone && self.open() >= own && self.is_proven(context));
        let opened = match shared {
            // It is the larger one: there may be room for a smaller.
            Some(shared) => Chip::open(library, context, plan, shared)
                .or_else(|_| Chip::open(library, context, plan, single)),
            None => Chip::open(library, context, plan, single),
        };
        let chip = Arc::new(opened?);
        lock(&self.0.open).push(Arc::downgrade(&chip));
        // Nobody else knows it yet.
        Ok(chip.take(self).expect("a new decoder has a free place"))
    }

    /// Whether shared decoders decode as they should. Asked under `opening`.
    fn is_proven(&self, context: &Context) -> bool {
        if let Some(&is_proven) = self.0.is_proven.get() {
            return is_proven;
        }
        let is_proven = match (self.0.trial)(context) {
            Ok(differs) => {
                if let Some(why) = &differs {
                    tracing::warn!(
                        "each stream gets its own decoder, and the driver opens only a few hundred: {why}"
                    );
                }
                differs.is_none()
            }
            Err(why) => {
                // It may be for want of memory or decoders: the next time it may be another.
                tracing::warn!("a stream gets its own decoder: {why}");
                return false;
            }
        };
        *self.0.is_proven.get_or_init(|| is_proven)
    }

    fn find(&self, plan: &Plan) -> Option<Place> {
        let mut fitting: Vec<_> = self.alive();
        fitting.retain(|chip| chip.serves(plan));
        // Evenly, for the sake of the engines.
        fitting.sort_by_key(|chip| chip.taken());
        fitting.iter().find_map(|chip| chip.take(self))
    }

    fn alive(&self) -> Vec<Arc<Chip>> {
        let mut open = lock(&self.0.open);
        open.retain(|chip| chip.strong_count() > 0);
        open.iter().filter_map(Weak::upgrade).collect()
    }
}

/// Locks what no panic leaves half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One decoder of the library.
struct Chip {
    library: &'static Library,
    context: Context,
    raw: sys::CUvideodecoder,
    /// Of the stream that it was opened for.
    plan: Plan,
    seats: Seats,
    /// A bit for each place that is taken.
    taken: Mutex<u32>,
    /// The library takes one picture at a time.
    decoding: Mutex<Vec<Seat>>,
    /// It has room for one picture to come out at a time.
    mapping: Mutex<()>,
    /// A picture is out for good: the decoder's memory must stay.
    is_kept: AtomicBool,
}

// SAFETY: the handle is bound to no thread as long as the context is current on the one that uses
// it; who decodes and who maps each holds a lock, and the library allows one of each at a time.
unsafe impl Send for Chip {}
// SAFETY: as above.
unsafe impl Sync for Chip {}

impl Chip {
    fn open(
        library: &'static Library,
        context: &Context,
        plan: &Plan,
        seats: Seats,
    ) -> Result<Self, CallError> {
        let coded = &plan.coded;
        let [left, top, right, bottom] = plan.scaled_from.unwrap_or_default().map(short);
        let surfaces = seats.count * seats.surfaces;
        let mut info = sys::CUVIDDECODECREATEINFO {
            ulWidth: coded.width.into(),
            ulHeight: coded.height.into(),
            ulMaxWidth: coded.width.into(),
            ulMaxHeight: coded.height.into(),
            ulNumDecodeSurfaces: surfaces.into(),
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
                subject: describe(plan, surfaces),
                ..error
            })?;
        // Its surfaces.
        camweave_cuda::count_allocation();
        Ok(Self {
            library,
            context: context.clone(),
            raw,
            plan: *plan,
            seats,
            taken: Mutex::new(0),
            decoding: Mutex::new(vec![Seat::EMPTY; seats.count as usize]),
            mapping: Mutex::new(()),
            is_kept: AtomicBool::new(false),
        })
    }

    /// Whether a stream of `plan` may have a place here.
    fn serves(&self, plan: &Plan) -> bool {
        let kind = |plan: &Plan| {
            let it = &plan.coded;
            let size = (it.width, it.height, plan.surface, plan.scaled_from);
            (it.codec, it.chroma, it.bit_depth, plan.format, size)
        };
        self.seats.count > 1
            && needed(plan) <= self.seats.surfaces
            && references(plan) as usize <= self.seats.most_kept()
            && kind(&self.plan) == kind(plan)
    }

    fn taken(&self) -> u32 {
        lock(&self.taken).count_ones()
    }

    fn take(self: &Arc<Self>, chips: &Chips) -> Option<Place> {
        let mut taken = lock(&self.taken);
        let seat = taken.trailing_ones();
        if seat >= self.seats.count {
            return None;
        }
        *taken |= 1 << seat;
        chips.0.streams.fetch_add(1, Ordering::Relaxed);
        Some(Place {
            chip: Arc::clone(self),
            seat,
            chips: chips.clone(),
        })
    }
}

impl Drop for Chip {
    fn drop(&mut self) {
        if *self.is_kept.get_mut() {
            return;
        }
        // Whoever drops it last may be a thread that has not decoded.
        if let Err(error) = self.context.bind() {
            tracing::warn!("{error}");
        }
        // SAFETY: made in `open`, not used after this, and no work is left on a mapped picture: it
        // has been waited for, or the decoder is kept.
        if let Err(error) = unsafe { self.library.destroy_decoder(self.raw) } {
            tracing::warn!("{error}");
        }
    }
}

/// What a decoder must know of a stream that shares it.
#[derive(Debug, Clone)]
struct Seat {
    /// Surfaces that the stream's next picture may refer to.
    kept: Vec<c_int>,
    /// A picture was not decoded, and no keyframe has come since.
    is_broken: bool,
    /// Place in presentation order of the last keyframe.
    entry_order: c_int,
}

impl Seat {
    /// What a stream finds in its surfaces is not its own.
    const EMPTY: Self = Self {
        kept: Vec::new(),
        is_broken: true,
        entry_order: 0,
    };
}

/// Why a picture is not decoded.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The library refuses.
    Call(CallError),
    /// Not all of what it refers to is there.
    Incomplete,
    /// It names more pictures than its place has room for.
    Crowded,
}

impl From<CallError> for Refused {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// A stream's part of a decoder: surfaces from 0 to [`Place::surfaces`].
pub(crate) struct Place {
    chip: Arc<Chip>,
    seat: u32,
    /// Where it is counted.
    chips: Chips,
}

impl Place {
    /// How many surfaces the stream has.
    pub fn surfaces(&self) -> u32 {
        self.chip.seats.surfaces
    }

    /// Whether others decode here too.
    pub fn is_shared(&self) -> bool {
        self.chip.seats.count > 1
    }

    /// The decoder's number of the stream's surface `index`.
    fn number(&self, index: c_int) -> c_int {
        number_in(self.seat, self.surfaces(), index)
    }

    /// Begins to decode a picture.
    ///
    /// # Errors
    /// The library's; [`Refused::Crowded`] for a stream that refers to more pictures than a shared
    /// decoder keeps for it, which needs one of its own from a keyframe on; [`Refused::Incomplete`].
    ///
    /// # Safety
    /// `picture` must be what the parser passed to its decode callback.
    pub unsafe fn decode(&self, picture: *mut sys::CUVIDPICPARAMS) -> Result<(), Refused> {
        let Chip { library, raw, .. } = *self.chip;
        if !self.is_shared() {
            // SAFETY: the decoder lives; the caller's promise.
            return Ok(unsafe { library.decode(raw, picture) }?);
        }
        // The parser's own stays as it is.
        // SAFETY: the parser's own picture, by the caller's promise.
        let mut shifted = unsafe { *picture };
        shifted.CurrPicIdx = self.number(shifted.CurrPicIdx);
        // SAFETY: only decoders of H.265 are shared, and the parser fills in the part of its codec.
        let hevc = unsafe { &mut shifted.CodecSpecific.hevc };
        let mut seats = lock(&self.chip.decoding);
        let others = seats.iter().zip(0..).filter(|(_, seat)| *seat != self.seat);
        let others = others.flat_map(|(it, _)| it.kept.iter().copied()).collect();
        let seat = &mut seats[self.seat as usize];
        let order = hevc.CurrPicOrderCntVal;
        if hevc.IrapPicFlag != 0 {
            seat.is_broken = false;
            seat.entry_order = order;
        }
        let used = used(hevc);
        let has_all = used
            .iter()
            .all(|&it| hevc.RefPicIdx.get(it).is_some_and(|it| *it >= 0));
        if seat.is_broken || !has_all {
            // Nothing refers to pictures that are shown before the keyframe.
            seat.is_broken |= order >= seat.entry_order;
            return Err(Refused::Incomplete);
        }
        let mut own: Vec<c_int> = hevc.RefPicIdx.iter().map(|&it| self.number(it)).collect();
        own.retain(|&index| index >= 0);
        own.push(shifted.CurrPicIdx);
        let Some(named) = self.named(&hevc.RefPicIdx, others) else {
            seat.is_broken = true;
            return Err(Refused::Crowded);
        };
        if own.len() > self.chip.seats.most_kept() {
            seat.is_broken = true;
            return Err(Refused::Crowded);
        }
        hevc.RefPicIdx = named;
        seat.kept = own;
        // SAFETY: the decoder lives; the rest is the parser's, by the caller's promise.
        Ok(unsafe { library.decode(raw, &raw mut shifted) }?)
    }

    /// The stream's references as the decoder names them, with those of `others` in the places that
    /// are free; `None` where there are too few of these.
    fn named(
        &self,
        own: &[c_int; MOST_REFERENCES],
        others: Vec<c_int>,
    ) -> Option<[c_int; MOST_REFERENCES]> {
        let mut others = others.into_iter();
        let named = own.map(|index| match index {
            ..0 => others.next().unwrap_or(-1),
            index => self.number(index),
        });
        others.next().is_none().then_some(named)
    }

    /// Tells the decoder that another size comes. It must not be [shared](Self::is_shared).
    ///
    /// # Safety
    /// Call it within the parser's sequence callback.
    pub unsafe fn reconfigure(
        &self,
        info: &mut sys::CUVIDRECONFIGUREDECODERINFO,
    ) -> Result<(), CallError> {
        // SAFETY: the decoder lives; the caller's promise.
        unsafe { self.chip.library.reconfigure(self.chip.raw, info) }
    }

    /// Waits until no other picture comes out of the decoder, and keeps it so.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.chip.mapping)
    }

    /// Waits for the picture in surface `index` and brings it out: its address and pitch. In the
    /// [turn](Self::turn) of the caller.
    ///
    /// # Safety
    /// The stream must have decoded into the surface.
    pub unsafe fn map(
        &self,
        index: c_int,
        params: &mut sys::CUVIDPROCPARAMS,
    ) -> Result<(u64, u32), CallError> {
        let Chip { library, raw, .. } = *self.chip;
        // SAFETY: the decoder lives; the caller's promise.
        unsafe { library.map(raw, self.number(index), params) }
    }

    /// Gives back what was mapped.
    ///
    /// # Safety
    /// It must be mapped, and all work that reads it be done.
    pub unsafe fn unmap(&self, address: u64) -> Result<(), CallError> {
        // SAFETY: the decoder lives; the caller's promise.
        unsafe { self.chip.library.unmap(self.chip.raw, address) }
    }

    /// A mapped picture cannot be given back, as the device may still read it.
    pub fn keep(&self) {
        self.chip.is_kept.store(true, Ordering::Relaxed);
    }

    /// What the decoder says of the picture in surface `index`.
    pub fn status(&self, index: c_int) -> Result<sys::CUVIDGETDECODESTATUS, CallError> {
        let mut status = sys::CUVIDGETDECODESTATUS::default();
        let Chip { library, raw, .. } = *self.chip;
        // SAFETY: the decoder lives.
        unsafe { library.status(raw, self.number(index), &mut status) }?;
        Ok(status)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Pictures of the stream that are still being decoded are before those of the next.
        lock(&self.chip.decoding)[self.seat as usize] = Seat::EMPTY;
        *lock(&self.chip.taken) &= !(1 << self.seat);
        self.chips.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What memory was wanted for.
fn describe(plan: &Plan, surfaces: u32) -> String {
    let coded = &plan.coded;
    format!(
        "a {} decoder of {}x{} with {surfaces} surfaces of {} bits",
        coded.codec.as_str(),
        coded.width,
        coded.height,
        coded.bit_depth
    )
}

/// Sides of pictures are at most 32,767 pixels on any chip.
pub(crate) fn short(value: u32) -> c_short {
    c_short::try_from(value).unwrap_or(c_short::MAX)
}
