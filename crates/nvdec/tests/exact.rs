//! Decoded pictures against FFmpeg's, bit by bit. Skipped where there is no device.

mod clips;

use camweave_bitstream::{NalCodec, presents_in_decode_order};
use camweave_cuda::{Context, CudaMemory, PinnedBuffer, Stream, testing};
use camweave_nvdec::{Chips, Codec, Decoder, Limits, Picture};
use camweave_pool::{PoolSpec, Producer};
use clips::{Clip, Kind, packed, visible_rows};

const LIMITS: Limits = Limits {
    max_width: 4096,
    max_height: 4096,
    target: None,
};

/// Runs without a device: the clips are what the tests below need, and the promise of their
/// sequence headers agrees with the order of their time stamps.
#[test]
fn the_order_that_a_sequence_header_promises_is_that_of_the_time_stamps() {
    for &(name, in_decode_order) in clips::ALL {
        let clip = clips::get(name);
        assert_eq!(clip.units.len(), clip.pictures.len(), "{name}");
        let order = clip.presentation_order();
        let is_sorted = order.windows(2).all(|pair| pair[0] < pair[1]);
        assert_eq!(is_sorted, in_decode_order, "{name}");
        let codec = match clip.kind {
            Kind::H264 => NalCodec::H264,
            Kind::H265 => NalCodec::H265,
            Kind::Vp9 => continue,
        };
        let promised = presents_in_decode_order(codec, &clip.units[0].data);
        assert_eq!(promised, Some(in_decode_order), "{name}");
    }
}

struct Bench {
    context: Context,
    decoder: Decoder,
}

impl Bench {
    fn new(context: &Context, kind: Kind, limits: Limits) -> Self {
        Self::in_chips(context, kind, limits, &Chips::default())
    }

    fn in_chips(context: &Context, kind: Kind, limits: Limits, chips: &Chips) -> Self {
        let codec = match kind {
            Kind::H264 => Codec::H264,
            Kind::H265 => Codec::H265,
            Kind::Vp9 => Codec::Vp9,
        };
        let place = context.clone();
        let mut pool: Option<Producer<CudaMemory>> = None;
        let slots = Box::new(move |bytes| {
            let fitting = pool.take().filter(|pool| pool.slot_bytes() >= bytes);
            let producer = match fitting {
                Some(producer) => producer,
                None => Producer::create_in(
                    &place,
                    &PoolSpec {
                        name: "test".to_owned(),
                        slots: 8,
                        slot_bytes: bytes,
                    },
                )?,
            };
            pool.insert(producer).begin()
        });
        let stream = Stream::new(context).expect("a stream");
        let decoder = Decoder::open(codec, stream, limits, slots, chips).expect("a decoder");
        Self {
            context: context.clone(),
            decoder,
        }
    }

    /// Hash and ticket of each picture, in the order in which they come.
    fn play(&mut self, clip: &Clip, more_waiting: bool) -> Vec<(String, i64)> {
        let mut shown = Vec::new();
        for (ticket, unit) in clip.units.iter().enumerate() {
            self.decoder
                .send(&unit.data, ticket as i64)
                .unwrap_or_else(|error| panic!("unit {ticket}: {error}"));
            self.receive(more_waiting, &mut shown);
        }
        self.decoder.finish().expect("the end of the stream");
        self.receive(false, &mut shown);
        shown
    }

    fn receive(&mut self, more_waiting: bool, shown: &mut Vec<(String, i64)>) {
        while let Some(picture) = self.decoder.receive(more_waiting).expect("the chip works") {
            assert!(!picture.is_damaged, "picture {}", picture.ticket);
            let ticket = picture.ticket;
            shown.push((self.hash(picture), ticket));
        }
    }

    fn hash(&self, picture: Picture) -> String {
        let (layout, slot) = picture.content.expect("a free slot");
        let stream = Stream::new(&self.context).expect("a stream");
        let bytes = slot.address().len();
        let mut host = PinnedBuffer::new(&self.context, bytes, "a test").expect("pinned memory");
        stream
            .download(slot.address(), &mut host, 0..bytes)
            .expect("a copy");
        let data = host.bytes().expect("copied");
        clips::hash(&packed(data, &layout, visible_rows(&layout)))
    }
}

#[test]
fn pictures_are_bit_exact_with_ffmpegs_in_presentation_order() {
    let Some(context) = testing::device() else {
        return;
    };
    for &(name, _) in clips::ALL {
        let clip = clips::get(name);
        for more_waiting in [false, true] {
            let shown = Bench::new(&context, clip.kind, LIMITS).play(&clip, more_waiting);
            let expected: Vec<(String, i64)> = clip
                .pictures
                .iter()
                .cloned()
                .zip(clip.presentation_order().into_iter().map(|it| it as i64))
                .collect();
            assert_eq!(shown.len(), expected.len(), "pictures of {name}");
            for (index, (shown, expected)) in shown.iter().zip(&expected).enumerate() {
                assert_eq!(shown, expected, "{name}, picture {index}");
            }
        }
    }
}

/// Clips of which streams share a decoder where they may.
const SHARED: &[&str] = &["h265-main", "h265-main-low-delay", "h265-open-gop"];

fn expected(clip: &Clip) -> Vec<&String> {
    clip.pictures.iter().collect()
}

/// Streams in turns, a unit at a time and each at another place of its clip: what one leaves in a
/// shared decoder must not reach the others' pictures. Some end, and others begin in their places.
#[test]
fn streams_that_share_a_decoder_are_bit_exact() {
    let Some(context) = testing::device() else {
        return;
    };
    let chips = Chips::sharing_beyond(0);
    let mut streams = Vec::new();
    for copy in 0..3_usize {
        for &name in SHARED {
            streams.push((name, clips::get(name), None, 2 * copy, Vec::new()));
        }
    }
    for &name in SHARED {
        // These take the places of those that have ended, while others go on.
        let begin = clips::get(name).units.len() + 2;
        streams.push((name, clips::get(name), None, begin, Vec::new()));
    }
    let turns = streams.iter().map(|it| it.1.units.len() + it.3).max();
    let mut most = 0;
    for turn in 0..=turns.expect("there are clips") {
        for (name, clip, bench, begin, shown) in &mut streams {
            let Some(index) = turn.checked_sub(*begin) else {
                continue;
            };
            if let Some(unit) = clip.units.get(index) {
                let bench = bench
                    .get_or_insert_with(|| Bench::in_chips(&context, Kind::H265, LIMITS, &chips));
                let sent = bench.decoder.send(&unit.data, index as i64);
                sent.unwrap_or_else(|error| panic!("{name}, unit {index}: {error}"));
                bench.receive(turn % 3 == 0, shown);
            } else if let Some(mut bench) = bench.take() {
                bench.decoder.finish().expect("the end of the stream");
                bench.receive(false, shown);
            }
        }
        most = most.max(chips.open());
    }
    // Nine at once, at least two of which have a place in each.
    assert!((1..=5).contains(&most), "{most} decoders for nine streams");
    let mut wrong = Vec::new();
    for (name, clip, _, begin, shown) in &streams {
        let pictures: Vec<&String> = shown.iter().map(|(hash, _)| hash).collect();
        if pictures != expected(clip) {
            wrong.push(format!("{name}, from turn {begin} on"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(chips.open(), 0);
}

#[test]
fn streams_may_share_a_decoder_from_threads_of_their_own() {
    let Some(context) = testing::device() else {
        return;
    };
    let chips = Chips::sharing_beyond(0);
    std::thread::scope(|scope| {
        for number in 0..12_usize {
            let (context, chips) = (&context, &chips);
            scope.spawn(move || {
                let name = SHARED[number % SHARED.len()];
                let clip = clips::get(name);
                for _ in 0..3 {
                    let mut bench = Bench::in_chips(context, Kind::H265, LIMITS, chips);
                    let shown = bench.play(&clip, number % 2 == 0);
                    let pictures: Vec<&String> = shown.iter().map(|(hash, _)| hash).collect();
                    assert_eq!(pictures, expected(&clip), "{name}");
                }
            });
        }
    });
}

/// A unit that is missing costs pictures of its own stream only, and those that come are of it.
#[test]
fn a_loss_in_a_shared_decoder_is_the_streams_own() {
    let Some(context) = testing::device() else {
        return;
    };
    let chips = Chips::sharing_beyond(0);
    let clip = clips::get("h265-main-low-delay");
    let mut whole = Bench::in_chips(&context, Kind::H265, LIMITS, &chips);
    let mut lossy = Bench::in_chips(&context, Kind::H265, LIMITS, &chips);
    let (mut shown, mut left) = (Vec::new(), Vec::new());
    for (index, unit) in clip.units.iter().enumerate() {
        whole.decoder.send(&unit.data, index as i64).expect("whole");
        whole.receive(false, &mut shown);
        if index % 7 != 3 {
            // What refers to the missing one may be refused.
            let _ = lossy.decoder.send(&unit.data, index as i64);
            while let Some(picture) = lossy.decoder.receive(false).expect("the chip works") {
                left.push(picture.ticket);
            }
        }
    }
    let pictures: Vec<&String> = shown.iter().map(|(hash, _)| hash).collect();
    assert_eq!(pictures, expected(&clip));
    assert!(!left.is_empty() && left.len() < clip.units.len());
}

#[test]
fn a_stream_without_reordering_comes_out_at_once() {
    let Some(context) = testing::device() else {
        return;
    };
    for name in ["h264-baseline", "h264-camera", "h265-main-low-delay"] {
        let clip = clips::get(name);
        let mut bench = Bench::new(&context, clip.kind, LIMITS);
        for (ticket, unit) in clip.units.iter().enumerate() {
            bench
                .decoder
                .send(&unit.data, ticket as i64)
                .expect("a sound unit");
            let picture = bench.decoder.receive(false).expect("the chip works");
            assert_eq!(picture.map(|it| it.ticket), Some(ticket as i64), "{name}");
        }
    }
}

#[test]
fn a_restarted_decoder_gives_the_same_pictures() {
    let Some(context) = testing::device() else {
        return;
    };
    let clip = clips::get("h265-open-gop");
    let mut bench = Bench::new(&context, clip.kind, LIMITS);
    let first = bench.play(&clip, true);
    bench.decoder.restart().expect("a new parser");
    assert_eq!(bench.play(&clip, true), first);
}

#[test]
fn a_damaged_unit_costs_no_more_than_the_pictures_up_to_the_next_entry_point() {
    let Some(context) = testing::device() else {
        return;
    };
    let clip = clips::get("h264-camera");
    let mut bench = Bench::new(&context, clip.kind, LIMITS);
    let mut shown = Vec::new();
    for (ticket, unit) in clip.units.iter().enumerate() {
        let mut data = unit.data.clone();
        if ticket == 5 {
            let length = data.len();
            data[20..length].fill(0x5a);
        }
        let _ = bench.decoder.send(&data, ticket as i64);
        while let Some(picture) = bench.decoder.receive(false).expect("the chip works") {
            let ticket = picture.ticket;
            if picture.content.is_ok() {
                shown.push((bench.hash(picture), ticket));
            }
        }
    }
    // A key frame every 25 pictures.
    for ticket in (0..5).chain(25..60) {
        let hash = &clip.pictures[ticket as usize];
        assert!(shown.contains(&(hash.clone(), ticket)), "picture {ticket}");
    }
}

#[test]
fn the_decoder_scales_down_to_the_target() {
    let Some(context) = testing::device() else {
        return;
    };
    let clip = clips::get("h264-1080p-cropped");
    let limits = Limits {
        target: Some((640, 640)),
        ..LIMITS
    };
    let mut bench = Bench::new(&context, clip.kind, limits);
    bench
        .decoder
        .send(&clip.units[0].data, 0)
        .expect("a sound unit");
    bench.decoder.finish().expect("the end of the stream");
    let picture = bench.decoder.receive(false).expect("the chip works");
    let (layout, _slot) = picture.expect("a picture").content.expect("a free slot");
    assert_eq!((layout.width, layout.height), (640, 360));
}
