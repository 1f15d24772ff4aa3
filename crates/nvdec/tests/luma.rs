//! Grids of luma that come with decoded frames against those of the frames' own bytes. Skipped where
//! there is no device.

mod clips;

use camweave_cuda::luma::LumaKernel;
use camweave_cuda::{Context, CudaMemory, PinnedBuffer, Stream, testing};
use camweave_nvdec::{Chips, Codec, Decoder, Limits, Picture};
use camweave_pool::{PoolSpec, Producer};
use camweave_vision::{LumaGrid, LumaPlane, PixelFormat};
use clips::{Clip, Kind};

const LIMITS: Limits = Limits {
    max_width: 4096,
    max_height: 4096,
    target: None,
};

fn open(context: &Context, clip: &Clip, limits: Limits) -> Decoder {
    let codec = match clip.kind {
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
            None => {
                let spec = PoolSpec {
                    name: "test".to_owned(),
                    slots: 8,
                    slot_bytes: bytes,
                };
                Producer::create_in(&place, &spec)?
            }
        };
        pool.insert(producer).begin()
    });
    let stream = Stream::new(context).expect("a stream");
    Decoder::open(codec, stream, limits, slots, &Chips::default()).expect("a decoder")
}

/// The grid of the bytes in the frame's slot.
fn grid_of(context: &Context, frame: &Picture) -> LumaGrid {
    let (layout, slot) = frame.content.as_ref().expect("a free slot");
    let stream = Stream::new(context).expect("a stream");
    let bytes = slot.address().len();
    let mut host = PinnedBuffer::new(context, bytes, "a test").expect("pinned memory");
    stream
        .download(slot.address(), &mut host, 0..bytes)
        .expect("a copy");
    let plane = LumaPlane {
        data: host.bytes().expect("copied"),
        stride: layout.planes[0].stride as usize,
        width: layout.width as usize,
        height: layout.height as usize,
        bits: if layout.format == PixelFormat::P010 {
            16
        } else {
            8
        },
    };
    LumaGrid::of(&plane).expect("a whole frame")
}

/// Plays a clip and asks for the grids of its units from `from` on; how many have come.
fn play(context: &Context, decoder: &mut Decoder, clip: &Clip, from: i64) -> usize {
    let mut grids = 0;
    let mut check = |decoder: &mut Decoder| {
        while let Some(frame) = decoder.receive(false).expect("the chip works") {
            if let Some(grid) = &frame.luma {
                let grid = grid.as_ref().expect("a grid");
                assert_eq!(*grid, grid_of(context, &frame), "frame {}", frame.ticket);
                grids += 1;
            }
            // B frames before the first unit that is asked for may have one as well.
            assert!(frame.ticket < from || frame.luma.is_some());
        }
    };
    for (ticket, unit) in (0..).zip(&clip.units) {
        if ticket >= from {
            decoder.expect_luma(ticket, || LumaKernel::load(context));
        }
        decoder.send(&unit.data, ticket).expect("a sound unit");
        check(decoder);
    }
    decoder.finish().expect("the end of the stream");
    check(decoder);
    grids
}

#[test]
fn grids_are_those_of_the_frames_they_come_with() {
    let Some(context) = testing::device() else {
        return;
    };
    for name in [
        "h264-high-b",
        "h264-1080p-cropped",
        "h264-interlaced",
        "h265-main10",
        "vp9",
        "h264-size-change",
    ] {
        let clip = clips::get(name);
        let mut decoder = open(&context, &clip, LIMITS);
        let grids = play(&context, &mut decoder, &clip, 0);
        assert_eq!(grids, clip.pictures.len(), "{name}");
    }
    // Of a frame that is scaled down, the grid is that of the smaller one.
    let limits = Limits {
        target: Some((640, 640)),
        ..LIMITS
    };
    let clip = clips::get("h264-1080p-cropped");
    let mut decoder = open(&context, &clip, limits);
    let grids = play(&context, &mut decoder, &clip, 0);
    assert_eq!(grids, clip.pictures.len());
}

#[test]
fn frames_have_a_grid_only_where_it_is_asked_for() {
    let Some(context) = testing::device() else {
        return;
    };
    // Shown in decode order.
    let clip = clips::get("h264-camera");
    let mut decoder = open(&context, &clip, LIMITS);
    for (from, expected) in [(i64::MAX, 0), (40, clip.units.len() - 40), (i64::MAX, 0)] {
        assert_eq!(play(&context, &mut decoder, &clip, from), expected);
        decoder.restart().expect("the next stream");
    }
}
