//! JPEGs of frames, for pages that cannot decode a camera's video: at a bounded rate, on a thread of
//! their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use camweave_message::{Codec, Detections, FrameId, Orientation, PictureRef};
use camweave_snapshot::{NoPicture, Snapshots};
use camweave_stage::{Context, StageError, Waker};
use tracing::{debug, error};

use crate::thumbnail::{around, crop};
use crate::wire::{self, Header, KEYFRAME, Kind};

/// A camera's images come in this interval at least.
pub(crate) const EVERY: Duration = Duration::from_millis(500);
/// Frames that wait to be encoded: what waits for longer is gone.
const MOST_WAITING: usize = 4;
/// Images that are wider or higher are halved until they are not.
const LARGEST: u32 = 960;
/// Likewise those of events.
const LARGEST_THUMBNAIL: u32 = 480;
const QUALITY: u8 = 75;
/// How often the memory of decoders that are gone is released.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// What is to be made.
enum Order {
    Image(Frame),
    Thumbnail(Thumbnail),
}

/// A frame that is to be an image.
struct Frame {
    index: u16,
    codec: Codec,
    id: FrameId,
    picture: PictureRef,
    json: Vec<u8>,
}

/// An event that is to have an image: of the part of the frame around a place in it.
pub(crate) struct Thumbnail {
    pub event: Arc<str>,
    pub place: Option<[f32; 4]>,
    pub picture: PictureRef,
}

/// An image, as viewers get it.
pub(crate) struct Image {
    pub index: u16,
    pub message: Bytes,
}

/// What was made.
pub(crate) enum Made {
    Image(Image),
    Thumbnail { event: Arc<str>, jpeg: Bytes },
}

/// The thread that makes images.
pub(crate) struct Images {
    orders: SyncSender<Order>,
    /// How many wait: what finds no place is not even written as JSON.
    in_line: Arc<AtomicUsize>,
    made: Receiver<Made>,
}

impl Images {
    /// Starts the thread. Frames in device memory are read from this CUDA device.
    ///
    /// # Errors
    /// There can be no thread.
    pub fn start(context: &Context, device: u32) -> Result<Self, StageError> {
        let (orders, waiting) = sync_channel(MOST_WAITING);
        let (done, made) = sync_channel(MOST_WAITING);
        let (context, waker) = (context.clone(), context.waker());
        let in_line = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&in_line);
        std::thread::Builder::new()
            .name("images".to_owned())
            .spawn(move || work(&context, device, &Line(waiting, left), &done, &waker))
            .map_err(|error| StageError::resource(format!("cannot start a thread: {error}")))?;
        Ok(Self {
            orders,
            in_line,
            made,
        })
    }

    /// Asks for an image of a frame; whether it will be tried: where others wait, it is left out.
    pub fn order(&self, index: u16, codec: Codec, row: &Detections) -> bool {
        let Some(picture) = &row.picture else {
            return false;
        };
        if self.in_line.load(Ordering::Relaxed) >= MOST_WAITING {
            return false;
        }
        self.send(Order::Image(Frame {
            index,
            codec,
            id: row.id.clone(),
            picture: picture.clone(),
            json: wire::json(row),
        }))
    }

    /// As [`Images::order`], for an event.
    pub fn order_thumbnail(&self, thumbnail: Thumbnail) -> bool {
        self.send(Order::Thumbnail(thumbnail))
    }

    fn send(&self, order: Order) -> bool {
        self.in_line.fetch_add(1, Ordering::Relaxed);
        match self.orders.try_send(order) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.in_line.fetch_sub(1, Ordering::Relaxed);
                false
            }
        }
    }

    /// An image that is ready.
    pub fn take(&self) -> Option<Made> {
        self.made.try_recv().ok()
    }
}

/// The orders that wait, and how many.
struct Line(Receiver<Order>, Arc<AtomicUsize>);

impl Line {
    fn next(&self) -> Result<Order, RecvTimeoutError> {
        let order = self.0.recv_timeout(SWEEP_EVERY)?;
        self.1.fetch_sub(1, Ordering::Relaxed);
        Ok(order)
    }
}

fn work(context: &Context, device: u32, line: &Line, done: &SyncSender<Made>, waker: &Waker) {
    let mut snapshots = Snapshots::new(&context.attachments, device);
    let mut swept = Instant::now();
    loop {
        if swept.elapsed() >= SWEEP_EVERY {
            swept = Instant::now();
            snapshots.sweep();
        }
        let order = match line.next() {
            Ok(order) => order,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let made = match &order {
            Order::Image(frame) => image(&mut snapshots, frame).map(Made::Image),
            Order::Thumbnail(it) => thumbnail(&mut snapshots, it),
        };
        match made {
            Ok(made) => {
                // A hub that is busy has older ones to give out.
                drop(done.try_send(made));
                waker.wake();
            }
            Err(NoPicture::Gone) => {}
            Err(NoPicture::Unopened(line)) => {
                context.counters.stage_error("device_pictures");
                error!("no images of frames in device memory: {line}; the run continues");
            }
            Err(NoPicture::Failed(line)) => {
                context.counters.stage_error("image");
                debug!("no image: {line}");
            }
        }
    }
}

/// The pixels of a frame that is still there, and its size.
fn rgb(
    snapshots: &mut Snapshots,
    picture: &PictureRef,
) -> Result<(Vec<u8>, (usize, usize)), NoPicture> {
    let held = snapshots.hold(picture)?;
    let size = (
        picture.layout.width as usize,
        picture.layout.height as usize,
    );
    let pixels = snapshots.rgb8(picture, held);
    Ok((pixels.map_err(NoPicture::Failed)?, size))
}

fn thumbnail(snapshots: &mut Snapshots, order: &Thumbnail) -> Result<Made, NoPicture> {
    let (pixels, size) = rgb(snapshots, &order.picture)?;
    let part = around(order.place, size);
    let pixels = crop(&pixels, size, part);
    let jpeg = jpeg_up_to(pixels, (part.width, part.height), LARGEST_THUMBNAIL);
    Ok(Made::Thumbnail {
        event: Arc::clone(&order.event),
        jpeg: jpeg.map_err(NoPicture::Failed)?.into(),
    })
}

fn image(snapshots: &mut Snapshots, order: &Frame) -> Result<Image, NoPicture> {
    let (pixels, size) = rgb(snapshots, &order.picture)?;
    let jpeg = jpeg(pixels, size).map_err(NoPicture::Failed)?;
    let header = Header {
        kind: Kind::Jpeg,
        flags: KEYFRAME,
        codec: order.codec,
        // Frames in pools are upright.
        orientation: Orientation::UPRIGHT,
        index: order.index,
        id: &order.id,
    };
    Ok(Image {
        index: order.index,
        message: wire::message(header, &order.json, &jpeg),
    })
}

/// A JPEG of packed RGB, made smaller where it is large.
pub(crate) fn jpeg(pixels: Vec<u8>, size: (usize, usize)) -> Result<Vec<u8>, String> {
    jpeg_up_to(pixels, size, LARGEST)
}

fn jpeg_up_to(
    pixels: Vec<u8>,
    (width, height): (usize, usize),
    largest: u32,
) -> Result<Vec<u8>, String> {
    let side = |length: usize| u32::try_from(length).map_err(|_| format!("{width}x{height}"));
    let image = camweave_image::Image {
        width: side(width)?,
        height: side(height)?,
        rgb: pixels,
    };
    let jpeg = image.up_to(largest).to_jpeg(QUALITY);
    jpeg.map_err(|error| error.to_string())
}

/// When a camera may have another image.
pub(crate) fn is_due(last: Option<Instant>, now: Instant) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= EVERY)
}

#[cfg(test)]
mod tests {
    use camweave_pool::{PoolSpec, Producer, Reference};
    use camweave_testing::detections;
    use camweave_vision::{ColorMatrix, ColorRange, PictureLayout, PixelFormat};

    use super::*;

    #[test]
    fn a_large_frame_becomes_a_small_jpeg() {
        let (width, height) = (1921, 1081);
        let jpeg = jpeg(vec![200; 3 * width * height], (width, height)).expect("a JPEG");
        assert_eq!(jpeg[..2], [0xff, 0xd8]);
        // The size is in the frame header: marker, length, precision, height, width.
        let at = jpeg
            .windows(2)
            .position(|it| it == [0xff, 0xc0])
            .expect("a header");
        let side = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
        assert_eq!((side(at + 5), side(at + 7)), (540, 960));
    }

    #[test]
    fn a_frame_in_a_pool_becomes_an_image_with_its_detections_and_one_that_is_gone_none() {
        let context = Context::for_tests("dashboard", std::path::Path::new("."));
        let images = Images::start(&context, 0).expect("a thread");
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
        let layout = PictureLayout::packed(64, 48, PixelFormat::I420, matrix, range);
        let spec = PoolSpec {
            name: "frames".to_owned(),
            slots: 2,
            slot_bytes: layout.required_bytes().expect("a possible layout"),
        };
        let pool = Producer::create(&spec).expect("memory");
        let mut slot = pool.begin().expect("a free slot");
        slot.fill(128);
        let slot = slot.publish();
        let gone = Reference {
            generation: slot.generation + 7,
            ..slot.clone()
        };
        for (sequence, slot) in [(4, gone), (5, slot)] {
            let mut row = detections("gate", sequence);
            row.picture = Some(PictureRef { layout, slot });
            assert!(images.order(3, Codec::H265, &row));
        }
        let made = images.made.recv_timeout(Duration::from_secs(60));
        let Ok(Made::Image(image)) = made else {
            panic!("expected an image of one of both")
        };
        assert_eq!((image.index, image.message[0], image.message[2]), (3, 2, 2));
        assert_eq!(image.message[16..24], 5_u64.to_le_bytes());
        let length = image.message[40..44].try_into().map(u32::from_le_bytes);
        let length = length.expect("four bytes") as usize;
        let (json, jpeg) = image.message[44..].split_at(length);
        assert!(json.starts_with(br#"{"w":640,"h":360,"#));
        assert_eq!(jpeg[..2], [0xff, 0xd8]);
        assert!(
            !images.order(3, Codec::H265, &detections("gate", 6)),
            "no reference"
        );
    }

    #[test]
    fn an_event_gets_the_part_of_its_frame_around_the_object() {
        let context = Context::for_tests("dashboard", std::path::Path::new("."));
        let images = Images::start(&context, 0).expect("a thread");
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
        let layout = PictureLayout::packed(1920, 1080, PixelFormat::I420, matrix, range);
        let spec = PoolSpec {
            name: "frames".to_owned(),
            slots: 1,
            slot_bytes: layout.required_bytes().expect("a possible layout"),
        };
        let pool = Producer::create(&spec).expect("memory");
        let slot = pool.begin().expect("a free slot").publish();
        assert!(images.order_thumbnail(Thumbnail {
            event: Arc::from("gate-1"),
            place: Some([0.4, 0.4, 0.45, 0.6]),
            picture: PictureRef { layout, slot },
        }));
        let made = images.made.recv_timeout(Duration::from_secs(60));
        let Ok(Made::Thumbnail { event, jpeg }) = made else {
            panic!("expected a thumbnail")
        };
        assert_eq!((&*event, &jpeg[..2]), ("gate-1", &[0xff, 0xd8][..]));
    }

    #[test]
    fn an_order_that_finds_no_place_is_refused_and_one_that_is_taken_makes_place() {
        let (orders, waiting) = sync_channel(MOST_WAITING);
        let in_line = Arc::new(AtomicUsize::new(0));
        let line = Line(waiting, Arc::clone(&in_line));
        let (_done, made) = sync_channel(1);
        let images = Images {
            orders,
            in_line,
            made,
        };
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
        let layout = PictureLayout::packed(64, 48, PixelFormat::I420, matrix, range);
        let pool = Producer::create(&PoolSpec {
            name: "frames".to_owned(),
            slots: 1,
            slot_bytes: layout.required_bytes().expect("a possible layout"),
        });
        let slot = pool
            .expect("memory")
            .begin()
            .expect("a free slot")
            .publish();
        let mut row = detections("gate", 0);
        row.picture = Some(PictureRef { layout, slot });
        let order = || images.order(0, Codec::H264, &row);
        assert!((0..MOST_WAITING).all(|_| order()) && !order() && !order());
        assert!(line.next().is_ok());
        assert!(order() && !order());
    }

    #[test]
    fn a_camera_has_two_images_a_second_at_most() {
        let now = Instant::now();
        assert!(is_due(None, now) && !is_due(Some(now), now));
        assert!(is_due(Some(now), now + EVERY));
    }
}
