//! Cameras in front of a chip that opens only so many decoders.

use super::*;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use camweave_message::PictureRef;

use crate::backend::Decoded;

/// What all cameras of the process share.
#[derive(Default)]
struct Chip {
    /// Decoders that may still be opened.
    left: AtomicUsize,
    released: AtomicU64,
    attempts: AtomicUsize,
}

impl Chip {
    fn with(decoders: usize) -> Arc<Self> {
        let chip = Self::default();
        chip.left.store(decoders, Ordering::Relaxed);
        Arc::new(chip)
    }

    fn open(&self) -> bool {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }

    /// Another camera's decoder is closed.
    fn release(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
        self.released.fetch_add(1, Ordering::Relaxed);
    }

    fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }
}

struct Fake(Arc<Chip>);

/// Opens the chip's decoder at its first unit, as NVDEC's parser does.
struct FakeDecoder {
    chip: Arc<Chip>,
    is_open: bool,
    decoded: Option<i64>,
}

impl Backend for Fake {
    type Decoder = FakeDecoder;

    fn open(&mut self, _: Codec, _: Orientation) -> Result<FakeDecoder, Failure> {
        Ok(FakeDecoder {
            chip: Arc::clone(&self.0),
            is_open: false,
            decoded: None,
        })
    }

    fn tidy(&mut self) {}

    fn is_held(&self) -> bool {
        false
    }

    fn released(&self) -> u64 {
        self.0.released.load(Ordering::Relaxed)
    }
}

impl Decoder for FakeDecoder {
    fn send(&mut self, _: &[u8], ticket: i64) -> Result<(), Failure> {
        self.is_open = self.is_open || self.chip.open();
        if !self.is_open {
            return Err(Failure {
                kind: reason::NO_DECODER_LEFT,
                message: "no more".to_owned(),
            });
        }
        self.decoded = Some(ticket);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn receive(&mut self, _: bool) -> Result<Option<Decoded>, Failure> {
        Ok(self.decoded.take().map(|ticket| Decoded {
            ticket,
            is_damaged: false,
        }))
    }

    /// Counted as `unpublished`: these tests have no pool.
    fn publish(&mut self) -> Result<PictureRef, Unpublished> {
        Err(Unpublished::Failed("no pool".to_owned()))
    }
}

struct Bench {
    camera: Camera<Fake>,
    counters: Counters,
    retries: Arc<Mutex<()>>,
    sequence: u64,
}

impl Bench {
    fn new(chip: &Arc<Chip>) -> Self {
        let counters = Counters::new("decode", "nvdec", None);
        let retries = Arc::default();
        Self {
            camera: Camera::new(
                Arc::from("cam1"),
                Fake(Arc::clone(chip)),
                counters.clone(),
                Arc::clone(&retries),
            ),
            counters,
            retries,
            sequence: 0,
        }
    }

    /// Takes a keyframe and four more units.
    fn group(&mut self) {
        for index in 0..5 {
            let unit = Unit {
                // Every keyframe of it can begin a session.
                codec: Codec::Vp9,
                keyframe: index == 0,
                ..camweave_testing::unit("cam1", self.sequence)
            };
            self.sequence += 1;
            self.camera.take(&unit, false, &mut |_| {});
        }
    }

    fn dropped(&self, reason: &str) -> u64 {
        let report = self.counters.report();
        let dropped = report.cameras.get("cam1").map(|it| &it.dropped);
        dropped.and_then(|it| it.get(reason)).map_or(0, |it| *it)
    }

    fn errors(&self) -> u64 {
        let report = self.counters.report();
        let errors = report.cameras.get("cam1").map(|it| &it.errors);
        let errors = errors.and_then(|it| it.get(reason::NO_DECODER_LEFT));
        errors.map_or(0, |it| *it)
    }

    fn state(&self) -> Option<String> {
        self.counters.report().cameras.get("cam1")?.state.clone()
    }

    fn end_wait(&mut self) {
        let shortage = self.camera.shortage.as_mut();
        shortage.expect("it waits").end_wait();
    }
}

#[test]
fn a_camera_without_a_decoder_tries_when_its_wait_is_over_and_not_at_each_keyframe() {
    let chip = Chip::with(0);
    let mut bench = Bench::new(&chip);
    for _ in 0..20 {
        bench.group();
    }
    assert_eq!(chip.attempts(), 1);
    assert_eq!(bench.dropped(reason::NO_DECODER_LEFT), 100);
    assert_eq!(bench.state().as_deref(), Some(NO_DECODER));
    assert!(bench.camera.is_closed());
    bench.end_wait();
    for _ in 0..20 {
        bench.group();
    }
    assert_eq!((chip.attempts(), bench.errors()), (2, 2));
    assert_eq!(bench.dropped(reason::NO_DECODER_LEFT), 200);
    assert_eq!(bench.dropped(reason::DECODE_ERROR), 0);
    assert_eq!(bench.dropped(reason::BEFORE_KEYFRAME), 0);
}

#[test]
fn a_camera_gets_the_decoder_that_another_has_released_at_its_next_keyframe() {
    let chip = Chip::with(0);
    let mut bench = Bench::new(&chip);
    bench.group();
    chip.release();
    bench.group();
    assert_eq!(chip.attempts(), 2);
    assert_eq!(bench.dropped(reason::NO_DECODER_LEFT), 5);
    assert_eq!(bench.dropped("unpublished"), 5, "all of them were decoded");
    assert_eq!(bench.state().as_deref(), Some(DECODING));
    assert!(bench.camera.shortage.is_none());
}

#[test]
fn one_camera_tries_again_at_a_time() {
    let chip = Chip::with(0);
    let mut bench = Bench::new(&chip);
    bench.group();
    chip.release();
    let retries = Arc::clone(&bench.retries);
    let other = retries.lock().expect("nobody panics");
    bench.group();
    assert_eq!(chip.attempts(), 1, "another camera is trying");
    drop(other);
    bench.group();
    assert_eq!(chip.attempts(), 2);
    assert_eq!(bench.dropped(reason::NO_DECODER_LEFT), 10);
}

#[test]
fn a_chip_with_decoders_left_is_asked_once_for_each_session() {
    let chip = Chip::with(1);
    let mut bench = Bench::new(&chip);
    for _ in 0..20 {
        bench.group();
    }
    assert_eq!(chip.attempts(), 1);
    assert_eq!(bench.dropped(reason::NO_DECODER_LEFT), 0);
    assert_eq!((bench.state(), bench.errors()), (None, 0));
}
