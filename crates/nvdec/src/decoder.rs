//! One camera's decoder: units in decode order in, pictures in presentation order out.
#![expect(unsafe_code, reason = "passes what the parser hands over to the chip")]

use std::collections::{HashMap, VecDeque};
use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, Ordering};

use camweave_bitstream::{NalCodec, has_sequence_parameters, presents_in_decode_order};
use camweave_cuda::luma::{LumaKernel, LumaReader};
use camweave_cuda::{CudaError, CudaMemory, DeviceClock, Rows, Stream, Timeline};
use camweave_pool::{PoolError, Reference, WriteSlot};
use camweave_telemetry::DeviceRange;
use camweave_vision::{LumaGrid, PictureLayout};

use crate::chip::{Chips, Refused};
use crate::error::{DecodeError, PictureError};
use crate::hardware::{Hardware, Mapped, luma_rows};
use crate::layout::{copies, in_slot};
use crate::library::{CallError, Library};
use crate::luma::Luma;
use crate::parser::{Events, Parser};
use crate::stream::{Codec, Coded, Limits, Plan};
use crate::sys;

/// Pictures of a stream that may be under way on the chip while more units wait and streams are few:
/// what keeps an engine busy (NVIDIA's notes on the interface map picture N-4 after picture N has
/// been begun).
const UNDER_WAY: usize = 4;

static RELEASED: AtomicU64 = AtomicU64::new(0);

/// How often a stream of this process has given up its decoder on the chip, or its place in one.
/// Where the chip opened no more, it is worth another try after that.
#[must_use]
pub fn released() -> u64 {
    RELEASED.load(Ordering::Acquire)
}

/// A slot for a picture of so many bytes.
pub type Slots = Box<dyn FnMut(usize) -> Result<WriteSlot<CudaMemory>, PoolError> + Send>;

/// A decoded picture.
#[derive(Debug)]
pub struct Picture {
    /// What came with its unit.
    pub ticket: i64,
    /// Whether the chip found it damaged. VP9 and AV1 do not tell.
    pub is_damaged: bool,
    /// When the device copied it, where that is [measured](Decoder::measure_copies).
    pub copied: Option<DeviceRange>,
    /// What it looks like, where that was [asked for](Decoder::expect_luma) and it has a slot.
    pub luma: Option<Result<LumaGrid, CudaError>>,
    /// Its slot, and how it lies there.
    pub content: Result<(PictureLayout, WriteSlot<CudaMemory>), PictureError>,
}

/// A decoder of one stream at a time. Its engine is the driver's choice.
pub struct Decoder {
    parser: Parser<State>,
    codec: Codec,
}

/// A picture that has been begun and comes next in presentation order.
#[derive(Debug, Clone, Copy)]
struct Shown {
    surface: c_int,
    is_progressive: bool,
    is_top_first: bool,
    ticket: i64,
}

/// What the parser's callbacks work on.
struct State {
    library: &'static Library,
    chips: Chips,
    /// Set for a stream that needs an unshared decoder: `true` until it has begun again with one.
    alone: Option<bool>,
    /// Of the chip.
    engines: u32,
    /// Before the stream, which it may still use when it goes.
    hardware: Option<Hardware>,
    stream: Stream,
    copies: Timeline<()>,
    luma: Luma,
    codec: Codec,
    limits: Limits,
    slots: Slots,
    /// Pictures are shown as they are decoded, and the parser's order is not waited for.
    is_in_decode_order: Option<bool>,
    /// Of the unit that is being parsed.
    ticket: i64,
    /// By surface: the ticket of the unit whose picture it holds. The parser's own time stamps are
    /// sorted, as if they were presentation times.
    tickets: HashMap<c_int, i64>,
    /// Begun, in presentation order.
    shown: VecDeque<Shown>,
    /// In their slots, and before all of `shown`.
    ready: VecDeque<Picture>,
    /// What went wrong in a callback during the current call.
    failure: Option<DecodeError>,
}

impl Decoder {
    /// A decoder on the device of `stream`, which copies on that stream into slots of `slots`. Those
    /// with the same `chips` may share a decoder of the library; all of them must be on one device.
    ///
    /// # Errors
    /// libnvcuvid is missing or refuses.
    pub fn open(
        codec: Codec,
        stream: Stream,
        limits: Limits,
        slots: Slots,
        chips: &Chips,
    ) -> Result<Self, DecodeError> {
        let library = Library::get()?;
        stream.context().bind()?;
        let state = State {
            library,
            chips: chips.clone(),
            alone: None,
            engines: 1,
            stream,
            copies: Timeline::off(),
            luma: Luma::off(),
            codec,
            limits,
            slots,
            hardware: None,
            is_in_decode_order: None,
            ticket: 0,
            tickets: HashMap::new(),
            shown: VecDeque::new(),
            ready: VecDeque::new(),
            failure: None,
        };
        let parser = Parser::new(library, codec, Box::new(state))?;
        Ok(Self { parser, codec })
    }

    /// Measures from now on when pictures are copied, without waiting for it.
    ///
    /// # Errors
    /// The driver's.
    pub fn measure_copies(&mut self, clock: &DeviceClock) -> Result<(), CudaError> {
        // The copy of one picture is waited for before that of the next begins.
        self.bound()?.copies = Timeline::new(clock, 1)?;
        Ok(())
    }

    /// The codec that it decodes.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Forgets the stream, and keeps the chip's memory for the next one of the same kind.
    ///
    /// # Errors
    /// The library refuses.
    pub fn restart(&mut self) -> Result<(), DecodeError> {
        let state = self.bound()?;
        state.shown.clear();
        state.ready.clear();
        state.failure = None;
        state.is_in_decode_order = None;
        state.tickets.clear();
        state.luma.restart();
        self.parser.restart(self.codec)?;
        Ok(())
    }

    /// Begins again at a keyframe, with an unshared decoder. What has been decoded is
    /// given out.
    fn begin_alone(&mut self) -> Result<(), DecodeError> {
        let state = self.bound()?;
        while !state.shown.is_empty() {
            state.retire();
        }
        state.release();
        state.is_in_decode_order = None;
        state.tickets.clear();
        self.parser.restart(self.codec)?;
        self.parser.events().alone = Some(false);
        Ok(())
    }

    /// Asks for [`Picture::luma`] of the unit that is sent next. Frames that nobody asks for cost
    /// nothing: `kernel` is called with the first ticket, and memory is taken then.
    pub fn expect_luma(
        &mut self,
        ticket: i64,
        kernel: impl FnOnce() -> Result<LumaKernel, CudaError>,
    ) {
        let State { luma, stream, .. } = self.parser.events();
        let context = stream.context();
        luma.expect(ticket, || LumaReader::new(context, kernel()?));
    }

    /// Begins to decode one unit. `ticket` comes back with its picture.
    ///
    /// # Errors
    /// The unit cannot be decoded; the next may be.
    pub fn send(&mut self, unit: &[u8], ticket: i64) -> Result<(), DecodeError> {
        let codec = self.codec;
        let state = self.bound()?;
        if state.alone == Some(true)
            && let Some(nal_codec) = nal_codec(codec)
            && has_sequence_parameters(nal_codec, unit)
        {
            self.begin_alone()?;
        }
        let state = self.bound()?;
        state.begin(unit, ticket);
        // One unit is one picture, so nothing needs to be waited for. A superframe of VP9 is more.
        let is_whole = matches!(codec, Codec::H264 | Codec::H265);
        let parsed = self.parser.parse(unit, ticket, is_whole);
        self.outcome(parsed)
    }

    /// Makes the parser output what it holds back. Then [`Self::restart`] before the next unit.
    ///
    /// # Errors
    /// The library refuses.
    pub fn finish(&mut self) -> Result<(), DecodeError> {
        self.bound()?;
        let parsed = self.parser.finish();
        self.outcome(parsed)
    }

    /// The next picture in presentation order, in its slot. Waits for the chip, unless more units
    /// wait: then a few pictures stay under way.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn receive(&mut self, more_waiting: bool) -> Result<Option<Picture>, DecodeError> {
        let state = self.bound()?;
        let keep = match more_waiting {
            false => 0,
            // More would only be late.
            true if state.chips.are_many(state.engines) => 1,
            true => UNDER_WAY,
        };
        if state.ready.is_empty() && state.shown.len() > keep {
            state.retire();
        }
        Ok(state.ready.pop_front())
    }

    /// Publishes a picture's slot behind the copy into it.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn publish(&mut self, slot: WriteSlot<CudaMemory>) -> Result<Reference, PoolError> {
        slot.publish_on(&self.parser.events().stream)
    }

    fn bound(&mut self) -> Result<&mut State, CudaError> {
        let state = self.parser.events();
        state.stream.context().bind()?;
        Ok(state)
    }

    /// The callback's error says more than the parser's.
    fn outcome(&mut self, parsed: Result<(), CallError>) -> Result<(), DecodeError> {
        match self.parser.events().failure.take() {
            Some(failure) => Err(failure),
            None => Ok(parsed?),
        }
    }
}

/// The codecs that consist of NAL units.
fn nal_codec(codec: Codec) -> Option<NalCodec> {
    match codec {
        Codec::H264 => Some(NalCodec::H264),
        Codec::H265 => Some(NalCodec::H265),
        Codec::Vp9 | Codec::Av1 => None,
    }
}

impl State {
    fn begin(&mut self, unit: &[u8], ticket: i64) {
        self.ticket = ticket;
        self.failure = None;
        let Some(nal_codec) = nal_codec(self.codec) else {
            return;
        };
        // What the parser holds back must come out its way, so the first promise counts,
        // until one is taken back.
        match presents_in_decode_order(nal_codec, unit) {
            Some(false) => self.is_in_decode_order = Some(false),
            Some(true) if self.is_in_decode_order.is_none() => self.is_in_decode_order = Some(true),
            _ => {}
        }
    }

    fn configure(&mut self, format: &sys::CUVIDEOFORMAT) -> Result<u32, DecodeError> {
        // The surfaces of the stream so far are about to go.
        while !self.shown.is_empty() {
            self.retire();
        }
        let coded = Coded::new(self.codec, format);
        let spare = UNDER_WAY as u32 + 1;
        let plan = Plan::new(coded, &self.limits, spare)?;
        if let Some(hardware) = &mut self.hardware {
            if *hardware.plan() == plan {
                return Ok(hardware.surfaces());
            }
            if hardware.can_become(&plan) {
                // SAFETY: this is called within the sequence callback.
                match unsafe { hardware.reconfigure(&plan) } {
                    Ok(()) => return Ok(hardware.surfaces()),
                    Err(error) => tracing::debug!("{error}; a new decoder is made"),
                }
            }
        }
        // First the old one's memory goes.
        self.release();
        let mut caps = coded.caps();
        self.library.caps(&mut caps)?;
        coded.check(&caps)?;
        let engines = u32::from(caps.nNumNVDECs).max(1);
        self.engines = engines;
        let context = self.stream.context();
        let hardware = Hardware::create(
            &self.chips,
            self.library,
            context,
            &plan,
            engines,
            self.alone.is_some(),
        )?;
        tracing::debug!(
            width = plan.picture[2],
            height = plan.picture[3],
            surfaces = hardware.surfaces(),
            is_shared = hardware.is_shared(),
            decoders = self.chips.open(),
            engines,
            "new {} decoder",
            self.codec.as_str()
        );
        let surfaces = hardware.surfaces();
        self.hardware = Some(hardware);
        Ok(surfaces)
    }

    /// Gives up the decoder on the chip.
    fn release(&mut self) {
        if let Some(hardware) = self.hardware.take() {
            drop(hardware);
            RELEASED.fetch_add(1, Ordering::Release);
        }
    }

    fn ticket_of(&self, shown: &sys::CUVIDPARSERDISPINFO) -> i64 {
        let is_whole = matches!(self.codec, Codec::H264 | Codec::H265);
        // A superframe of VP9 may be parsed later than it is given; its pictures are in order.
        let of_surface = self.tickets.get(&shown.picture_index);
        of_surface
            .filter(|_| is_whole)
            .copied()
            .unwrap_or(shown.timestamp)
    }

    /// Brings the picture that is shown next into its slot.
    fn retire(&mut self) {
        let Some(shown) = self.shown.pop_front() else {
            return;
        };
        let mut is_damaged = false;
        let content = self.bring(shown, &mut is_damaged);
        let mut copied = None;
        self.copies.poll(|range, ()| copied = Some(range));
        let luma = self.luma.take(LumaReader::grid);
        self.ready.push_back(Picture {
            ticket: shown.ticket,
            is_damaged,
            copied,
            luma: luma.filter(|_| content.is_ok()),
            content,
        });
    }

    fn bring(
        &mut self,
        shown: Shown,
        is_damaged: &mut bool,
    ) -> Result<(PictureLayout, WriteSlot<CudaMemory>), PictureError> {
        let Some(hardware) = &self.hardware else {
            let codec = self.codec.as_str();
            return Err(DecodeError::NoSequence { codec }.into());
        };
        let (layout, bytes) = in_slot(hardware.plan());
        // The decoder waits for no slot: without one the picture is dropped on the chip.
        let slot = (self.slots)(bytes)?;
        let Shown {
            surface,
            is_progressive,
            is_top_first,
            ..
        } = shown;
        // SAFETY: the surface has been decoded into: only then is a picture shown.
        let mapped = unsafe { hardware.map(surface, is_progressive, is_top_first, &self.stream) };
        let mapped = mapped.map_err(DecodeError::from)?;
        *is_damaged = hardware.is_damaged(surface);
        let span = self.copies.begin(&self.stream);
        let copied = copy(hardware.plan(), &layout, &mapped, &slot);
        self.copies.end(&self.stream, span, ());
        if copied.is_ok() {
            let frame = slot.address();
            let grid = |reader: &mut LumaReader| reader.enqueue(&self.stream, &layout, frame);
            self.luma.begin(shown.ticket, grid);
        }
        // Waits for the stream, also where the copy failed half-way. Before that the slot must not be
        // published: the pool has one event for all its slots, which the camera's next decoder
        // records on another stream (`WriteQueues::One`).
        let given_back = mapped.give_back();
        copied.map_err(DecodeError::from)?;
        given_back?;
        Ok((layout, slot))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.release();
    }
}

/// The one copy: from the decoder's surface into the slot.
fn copy(
    plan: &Plan,
    layout: &PictureLayout,
    mapped: &Mapped<'_>,
    slot: &WriteSlot<CudaMemory>,
) -> Result<(), CudaError> {
    let target = slot.address();
    let planes = copies(plan, layout, mapped.pitch(), luma_rows(plan));
    for (copy, plane) in planes.into_iter().zip(layout.planes.iter()) {
        let to = Rows {
            memory: target.part(copy.to, target.len().saturating_sub(copy.to))?,
            pitch: plane.stride as usize,
        };
        mapped.copy_rows(copy.from, to, copy.row_bytes, copy.rows)?;
    }
    Ok(())
}

impl Events for State {
    fn sequence(&mut self, format: &sys::CUVIDEOFORMAT) -> Option<u32> {
        match self.configure(format) {
            Ok(surfaces) => Some(surfaces),
            Err(error) => {
                self.release();
                self.failure = Some(error);
                None
            }
        }
    }

    unsafe fn decode(&mut self, picture: *mut sys::CUVIDPICPARAMS) -> bool {
        // SAFETY: the parser's own picture, by the caller's promise; read before it is passed on.
        let it = unsafe { &*picture };
        let (surface, is_field, is_second) =
            (it.CurrPicIdx, it.field_pic_flag == 1, it.second_field == 1);
        let is_top_first = it.bottom_field_flag == c_int::from(is_second);
        // The parser may choose a surface whose picture has been shown, but is not in its slot yet.
        if !is_second {
            while self.shown.iter().any(|shown| shown.surface == surface) {
                self.retire();
            }
        }
        let Some(hardware) = &self.hardware else {
            let codec = self.codec.as_str();
            self.failure
                .get_or_insert(DecodeError::NoSequence { codec });
            return false;
        };
        if !is_second {
            // What the surface held is over, whatever comes of this picture.
            self.tickets.remove(&surface);
        }
        // SAFETY: the parser's own picture, within its callback.
        match unsafe { hardware.decode(picture) } {
            Ok(()) => {}
            Err(Refused::Call(error)) => {
                self.failure = Some(error.into());
                return false;
            }
            Err(Refused::Crowded) => {
                self.alone = Some(true);
                self.failure = Some(DecodeError::Crowded);
                return false;
            }
            Err(Refused::Incomplete) => {
                self.failure = Some(DecodeError::Incomplete);
                return false;
            }
        }
        if !is_second {
            self.tickets.insert(surface, self.ticket);
        }
        if self.is_in_decode_order == Some(true) && (!is_field || is_second) {
            self.shown.push_back(Shown {
                surface,
                is_progressive: !is_field,
                is_top_first,
                ticket: self.ticket,
            });
        }
        true
    }

    fn display(&mut self, shown: &sys::CUVIDPARSERDISPINFO) {
        if self.is_in_decode_order == Some(true) {
            return; // shown already
        }
        // The parser shows pictures as well that could not be decoded.
        if !self.tickets.contains_key(&shown.picture_index) {
            return;
        }
        self.shown.push_back(Shown {
            surface: shown.picture_index,
            is_progressive: shown.progressive_frame == 1,
            is_top_first: shown.top_field_first == 1,
            ticket: self.ticket_of(shown),
        });
    }
}
